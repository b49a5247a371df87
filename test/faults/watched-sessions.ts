import { onTestFinished, expect, vi } from "vitest";
import { createSojourn, type Duration, type Session, type SessionEndReason, type Sessions } from "sojourn";
import type { RedisConnectionSettings } from "sojourn/redis";
import { redisBucketSessionStore, redisSessionStore } from "sojourn/stores/redis";
import { serverForTest } from "../support/redis-connections.ts";
import type { RedisSentinels } from "../support/redis-sentinels.ts";
import type { RedisServer } from "../support/redis-server.ts";
import { TcpProxy } from "./tcp-proxy.ts";

const SECRET = "the secret of the integration tests";
/** The promise, in milliseconds. */
export const SECOND = 1000;
/** Time in which nothing is told. */
export const SILENCE = 300;
/** Longest time until a link that was dropped silently is missed: heartbeat, deadline and stall. */
export const UNNOTICED = 2000 + 1000 + 1000;

/** Data of its sessions. */
export type Data = Record<string, unknown>;
/** Layout of the records. */
export type Kind = "strings" | "buckets";

/** End of a session as its socket was told it, with the time. */
export interface Ending {
  readonly reason: SessionEndReason;
  readonly at: number;
}

/** An application on a connection. */
export function openOn(connection: RedisConnectionSettings, kind: Kind, deadline: Duration): Sessions<Data> {
  const store = kind === "buckets" ? redisBucketSessionStore() : redisSessionStore();
  const { sessions, close } = createSojourn<Data>({
    projectName: "shop",
    secretKey: SECRET,
    redis: { default: connection },
    sessions: { store, format: kind === "buckets" ? "json" : "django", deadline },
  });
  onTestFinished(close);
  return sessions;
}

/** A session of a user. */
export async function logIn(sessions: Sessions<Data>, userId: number): Promise<Session<Data>> {
  const session = await sessions.open(undefined);
  await session.login(userId);
  return session;
}

/** Opens a socket of a session. @returns Ends that it is told. */
export async function openSocket(sessions: Sessions<Data>, cookie: string | undefined): Promise<Ending[]> {
  const told: Ending[] = [];
  (await sessions.open(cookie)).onEnded((reason) => told.push({ reason, at: Date.now() }));
  return told;
}

/** Options of {@link openBoth}. */
interface BothOptions {
  readonly kind?: Kind;
  readonly config?: string[];
  readonly deadline?: Duration;
  /** Connection of the one that watches, through the proxy. */
  readonly connect?: (proxy: TcpProxy) => RedisConnectionSettings;
}

/** Two applications on one server, and the proxy before one of them. */
interface Both {
  readonly server: RedisServer;
  readonly proxy: TcpProxy;
  readonly here: Sessions<Data>;
  readonly elsewhere: Sessions<Data>;
}

/** Two applications on one server: the first watches, through a proxy. */
export async function openBoth({
  kind = "strings",
  config = [],
  deadline = "10s",
  connect = ({ port }) => `redis://127.0.0.1:${port}`,
}: BothOptions = {}): Promise<Both> {
  const server = await serverForTest({ config });
  const proxy = await TcpProxy.start(server.port);
  onTestFinished(() => proxy.close());
  const here = openOn(connect(proxy), kind, deadline);
  const elsewhere = openOn(`redis://127.0.0.1:${server.port}`, kind, deadline);
  here.watch();
  return { server, proxy, here, elsewhere };
}

/** Waits until a socket was told, once. */
export async function waitForEnd(told: readonly Ending[], timeout: number): Promise<void> {
  await vi.waitFor(() => expect(told).toHaveLength(1), { timeout, interval: 5 });
}

/** Reasons that a socket was told. */
export const reasonsOf = (told: readonly Ending[]): SessionEndReason[] => told.map(({ reason }) => reason);

/** Fails a master over while one application watches, and expects that each end is told there, once. */
export async function expectEndsAcrossFailover(
  trio: RedisSentinels,
  here: Sessions<Data>,
  elsewhere: Sessions<Data>,
): Promise<void> {
  here.watch();
  const sockets: Ending[][] = [];
  for (const user of [7, 8, 9])
    sockets.push(await openSocket(here, (await logIn(elsewhere, user)).cookieHeader));
  await elsewhere.revokeUser(7);
  await waitForEnd(sockets[0] ?? [], SECOND);
  const master = await trio.master();
  await trio.sentinels[0]?.command("SENTINEL", "FAILOVER", trio.name);
  await vi.waitFor(async () => expect(await trio.master()).not.toBe(master), { timeout: 20_000 });
  // Until then the old master goes on taking writes, and those are lost.
  await vi.waitFor(async () => expect(String(await master.command("ROLE"))).toContain("slave"), {
    timeout: 20_000,
    interval: 100,
  });
  await vi.waitFor(() => elsewhere.revokeUser(8), { timeout: 20_000 });
  await waitForEnd(sockets[1] ?? [], UNNOTICED + 4 * SECOND);
  expect(sockets.map(reasonsOf)).toStrictEqual([["revoked"], ["revoked"], []]);
}
