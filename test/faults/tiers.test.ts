import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";

import { buildProgram } from "../support/program.ts";
import { MARGIN, serverForTest } from "../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../support/redis-server.ts";
import { isSoak, scaled } from "../support/scale.ts";
import { monotonic, PauseWatch } from "./history/pause-watch.ts";
import { TcpProxy } from "./tcp-proxy.ts";
import { describeAges, sumOf } from "./tier-ages.ts";
import {
  type AgeReport,
  type Evidence,
  MAX_STALE,
  PROCESSES,
  type Span,
  type TierMessage,
} from "./tier-messages.ts";

/** Processes that reach the server without the faulty network. */
const DIRECT = 2;

/** Time between two faults, in milliseconds. */
const CALM = 700;

/** How long the network is silent, in milliseconds. */
const SILENCE = 2500;

/** Packages of the clients that the processes use: none is a connection of Sojourn's own. */
const clients = isSoak ? ["", "ioredis", "ioredis6", "iovalkey"] : [""];

describeWithRedis("a level in memory under faults", () => {
  test.each(clients)(
    "no process reads a value more than 250 ms after another's newer write was acknowledged, nor ever beyond maxStale %s",
    async (library) => {
      const run = await TierRun.start("usual", library);
      const faults = library === "" ? [] : [killReports, loseReads, loseReports];
      for (let round = 0; round < scaled(1, 12); round++) {
        for (const fault of [cut, kill, overflow, restart, silence, ...faults]) {
          await pause(CALM);
          await fault(run);
        }
      }
      const report = sumOf(await run.end());
      if (isSoak) process.stdout.write(describeAges(report));
      expect(report.reads, describeAges(report)).toBeGreaterThan(scaled(30_000, 1_000_000));
      expect(report.writes).toBeGreaterThan(scaled(300, 3000));
      expect(report.oldestHeard, describeAges(report)).toBeLessThan(MARGIN);
      expect(report.oldest, describeAges(report)).toBeLessThan(MAX_STALE);
    },
    scaled(60, 240) * 1000,
  );

  test("a level that is not told of changes is found out", async () => {
    const run = await TierRun.start("deaf");
    await pause(2 * MAX_STALE);
    const report = sumOf(await run.end());
    expect(report.oldestHeard, describeAges(report)).toBeGreaterThan(MARGIN);
  });
});

async function cut({ proxy }: TierRun): Promise<void> {
  proxy.cutNextReply("reset");
}

async function kill({ server }: TierRun): Promise<void> {
  await server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
}

/** The server remembers fewer keys than are read. */
async function overflow({ server }: TierRun): Promise<void> {
  await server.command("CONFIG", "SET", "tracking-table-max-keys", "5");
  await pause(CALM);
  await server.command("CONFIG", "SET", "tracking-table-max-keys", "1000000");
}

async function restart({ server }: TierRun): Promise<void> {
  await server.restart();
}

/** The server ends the connections on which it reports to clients of RESP 2. */
async function killReports({ server }: TierRun): Promise<void> {
  await server.command("CLIENT", "KILL", "TYPE", "pubsub");
}

/** The server ends the connections of the reads, and their clients are not told. */
async function loseReads(run: TierRun): Promise<void> {
  await lose(run, "TRACKING");
}

/** The same of the connections of the reports. */
async function loseReports(run: TierRun): Promise<void> {
  await lose(run, "subscribe");
}

async function lose(run: TierRun, word: string): Promise<void> {
  const from = monotonic();
  run.proxy.halfOpen(word);
  run.silences.push({ from, to: from + 2 * MAX_STALE });
  await pause(2 * MAX_STALE);
}

/** All packets are dropped. Connections that were open then are never told, not even afterwards. */
async function silence(run: TierRun): Promise<void> {
  const from = monotonic();
  run.proxy.conditions.blackHole = true;
  await pause(SILENCE);
  await run.proxy.heal();
  run.silences.push({ from, to: monotonic() + MAX_STALE });
  await pause(MAX_STALE);
}

/** Processes that read and write the same keys, some of them over a faulty network. */
class TierRun {
  readonly silences: Span[] = [];
  readonly #pauses = new PauseWatch(PROCESSES);
  readonly server: RedisServer;
  readonly proxy: TcpProxy;
  readonly #children: readonly ChildProcess[];

  private constructor(server: RedisServer, proxy: TcpProxy, children: readonly ChildProcess[]) {
    this.server = server;
    this.proxy = proxy;
    this.#children = children;
  }

  static async start(remote = "usual", library = ""): Promise<TierRun> {
    const server = await serverForTest();
    const proxy = await TcpProxy.start(server.port);
    onTestFinished(() => proxy.close());
    const program = await buildProgram(new URL("tier-process.ts", import.meta.url));
    const children = Array.from({ length: PROCESSES }, (_, number) => {
      const url = number < DIRECT ? server.url : `redis://127.0.0.1:${proxy.port}`;
      const child = spawn(process.execPath, [program, url, String(number), remote, library], {
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      });
      onTestFinished(() => void child.kill("SIGKILL"));
      return child;
    });
    await Promise.all(children.map((child) => answerOf(child, "ready")));
    for (const child of children) child.send("begin");
    return new TierRun(server, proxy, children);
  }

  async end(): Promise<AgeReport[]> {
    await pause(CALM);
    for (const child of this.#children) child.send("end");
    const told = await Promise.all(this.#children.map((child) => answerOf(child, "acks")));
    await this.#pauses.stop();
    const acks = told.flatMap((message) => message.acks);
    const { pauses } = this.#pauses;
    return Promise.all(
      this.#children.map(async (child, number) => {
        const silences = number < DIRECT ? [] : this.silences;
        child.send({ acks, silences, pauses } satisfies Evidence);
        return (await answerOf(child, "report")).report;
      }),
    );
  }
}

type Answer<Kind extends TierMessage["kind"]> = Extract<TierMessage, { readonly kind: Kind }>;

async function answerOf<Kind extends TierMessage["kind"]>(
  child: ChildProcess,
  kind: Kind,
): Promise<Answer<Kind>> {
  const [message] = (await once(child, "message")) as [TierMessage];
  if (message.kind !== kind) throw new Error(`expected ${kind}, got ${message.kind}`);
  return message as Answer<Kind>;
}
