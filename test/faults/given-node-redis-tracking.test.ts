import { createClient } from "@redis/client";
import { expect, onTestFinished, test, vi } from "vitest";
import type { RedisConnection } from "../../src/redis/connection.ts";
import {
  connectionForTest,
  expectConnectionError,
  expectServiceError,
  serverForTest,
  within,
} from "../support/redis-connections.ts";
import { describeWithRedis, type RedisServer, type RedisServerOptions } from "../support/redis-server.ts";

type Options = NonNullable<Parameters<typeof createClient>[0]>;

async function given(options: Options = {}, serverOptions: RedisServerOptions = {}) {
  const server = await serverForTest(serverOptions);
  const client = createClient({
    url: server.url,
    disableOfflineQueue: true,
    socket: { reconnectStrategy: 20 },
    ...options,
  });
  client.on("error", () => {});
  await client.connect();
  onTestFinished(() => client.destroy());
  const told: string[] = [];
  const reads = connectionForTest({ client: client as never }).tracking({
    onChange: (key = "all") => void told.push(key),
    onLinkEnd: () => void told.push("end"),
  });
  return { server, client, reads, told };
}

async function expectReports(server: RedisServer, reads: RedisConnection, told: string[]): Promise<void> {
  await vi.waitFor(() => reads.command(["GET", "k"], within(1000)), { timeout: 5000 });
  told.length = 0;
  await server.command("SET", "k", "x");
  await server.command("FLUSHALL");
  await reads.pingAll(within());
  expect(told).toEqual(["k", "all"]);
}

async function trackers(server: RedisServer): Promise<string[]> {
  const list = String(await server.command("CLIENT", "LIST"));
  return list.split("\n").filter((line) => / flags=\w*t/.test(line));
}

describeWithRedis("tracking with the options of a node-redis client", () => {
  test.each<Options>([{}, { RESP: 2 }, { RESP: 3, commandOptions: { timeout: 1 } }])(
    "reports changes, over a lost connection too: %j",
    async (options) => {
      const { server, reads, told } = await given(options);
      await expectReports(server, reads, told);
      for (const line of await trackers(server))
        await server.command("CLIENT", "KILL", "ID", /^id=(\d+)/.exec(line)?.[1] ?? "");
      await vi.waitFor(() => expect(told).toContain("end"));
      await expectReports(server, reads, told);
      expect(await trackers(server)).toHaveLength(1);
    },
  );

  test("reads in the database that the application has selected", async () => {
    const { client, reads } = await given();
    await client.select(2);
    await client.set("k", "in 2");
    expect(await reads.command(["GET", "k"], within())).toBe("in 2");
  });

  test("ends with the client", async () => {
    const { server, client, reads } = await given();
    await reads.command(["GET", "k"], within());
    await client.close();
    await expectConnectionError(reads.command(["GET", "k"], within(500)), "not-sent");
    await vi.waitFor(async () => expect(await trackers(server)).toEqual([]));
  });

  test("a server that is away is told of, and the next link reports", async () => {
    const { server, reads, told } = await given();
    await expectReports(server, reads, told);
    await server.kill();
    await vi.waitFor(() => expect(told).toContain("end"));
    await expectConnectionError(reads.command(["GET", "k"], within(500)), "not-sent");
    await server.restart();
    await expectReports(server, reads, told);
  });

  test("a user that may not track is told which right is missing", async () => {
    const user = { name: "app", password: "secret-of-app", rules: "~* +@all -client|tracking" };
    const { reads } = await given({ username: user.name, password: user.password }, { user });
    const error = await expectServiceError(reads.command(["GET", "k"], within()), "not-sent");
    expect(error.message).toContain("add +client|tracking");
  });
});
