import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { nodeRedisSentinelForTest } from "../support/node-redis-clients.ts";
import { connectionForTest, expectConnectionError, within } from "../support/redis-connections.ts";
import { RedisSentinels } from "../support/redis-sentinels.ts";
import { describeWithRedis, type RedisServer } from "../support/redis-server.ts";
import { isSoak } from "../support/scale.ts";
import {
  expectEndsAcrossFailover,
  logIn,
  openOn,
  openSocket,
  reasonsOf,
  SECOND,
  waitForEnd,
} from "./watched-sessions.ts";

describeWithRedis("tracking with the options of a node-redis sentinel client", () => {
  let trio: RedisSentinels;

  beforeAll(async () => {
    trio = await RedisSentinels.start();
    return () => trio.stop();
  });

  async function given(options: Parameters<typeof nodeRedisSentinelForTest>[1] = {}) {
    const client = await nodeRedisSentinelForTest(trio, options);
    const usual = connectionForTest({ client });
    const told: string[] = [];
    const reads = usual.tracking({
      onChange: (key = "all") => void told.push(key),
      onLinkEnd: () => void told.push("end"),
    });
    return { client, usual, reads, told };
  }

  async function expectReports({ usual, reads, told }: Awaited<ReturnType<typeof given>>): Promise<void> {
    await vi.waitFor(() => reads.command(["GET", "k"], within(1000)), { timeout: 10_000 });
    told.length = 0;
    await usual.command(["SET", "k", "x"], within());
    await reads.pingAll(within());
    expect(told).toEqual(["k"]);
  }

  /** Connections to all servers that track. */
  async function trackers(): Promise<{ server: RedisServer; id: string }[]> {
    const lists = trio.servers.map(async (server) => {
      const lines = String(await server.command("CLIENT", "LIST")).split("\n");
      return lines
        .filter((line) => / flags=\w*t/.test(line))
        .map((line) => ({ server, id: /^id=(\d+)/.exec(line)?.[1] ?? "" }));
    });
    return (await Promise.all(lists)).flat();
  }

  const options = [{}, { RESP: 2 as const, masterPoolSize: 2 }, { reserveClient: true }];
  test.each(isSoak ? options : options.slice(0, 2))(
    "reports changes, over a lost connection too, and leaves none behind: %j",
    async (each) => {
      const tracked = await given(each);
      await expectReports(tracked);
      for (const { server, id } of await trackers()) await server.command("CLIENT", "KILL", "ID", id);
      await vi.waitFor(() => expect(tracked.told).toContain("end"));
      await expectReports(tracked);
      expect(await trackers()).toHaveLength(1);
      await tracked.usual.close();
      await vi.waitFor(async () => expect(await trackers()).toEqual([]));
    },
  );

  test("ends with the client", async () => {
    const { client, reads, told } = await given();
    await reads.command(["GET", "k"], within());
    await client.close();
    expect(told).toContain("end");
    await expectConnectionError(reads.command(["GET", "k"], within(500)), "not-sent");
    await vi.waitFor(async () => expect(await trackers()).toEqual([]));
  });

  test("a replica is not taken for the master", async () => {
    const master = await trio.master();
    const replica = trio.servers.find((server) => server !== master) as RedisServer;
    const mapped = { [`127.0.0.1:${master.port}`]: { host: "127.0.0.1", port: replica.port } };
    const { reads } = await given({ nodeAddressMap: mapped });
    const error = await expectConnectionError(reads.command(["GET", "k"], within(1000)), "not-sent");
    expect(error.message).toContain("replica");
    expect(await trackers()).toEqual([]);
  });

  test("a link ends when its client goes over to another master", async () => {
    const tracked = await given();
    await expectReports(tracked);
    const node = { host: "127.0.0.1", port: 1 };
    tracked.client.emit("topology-change", { type: "REPLICA_ADD", node });
    expect(tracked.told).toEqual(["k"]);
    tracked.client.emit("topology-change", { type: "MASTER_CHANGE", node });
    expect(tracked.told).toContain("end");
    await expectReports(tracked);
    expect(await trackers()).toHaveLength(1);
  });

  test("watched sessions are told of ends within moments, by reports", async () => {
    const { client } = await given();
    const elsewhere = openOn({ sentinels: trio.addresses, name: trio.name }, "strings", "10s");
    const here = openOn({ client }, "strings", "10s");
    here.watch();
    const [ended, alive] = await Promise.all(
      [7, 8].map(async (user) => openSocket(here, (await logIn(elsewhere, user)).cookieHeader)),
    );
    await elsewhere.revokeUser(7);
    await waitForEnd(ended ?? [], SECOND);
    // Where records are polled, the reason is "gone".
    expect([reasonsOf(ended ?? []), alive]).toStrictEqual([["revoked"], []]);
  });

  const failover = isSoak ? ["keeps its connections open"] : [];
  test.each(failover)("a link ends in the moment of a failover, though the old master %s", async () => {
    const tracked = await given();
    await expectReports(tracked);
    const before = await trio.master();
    const toldThen = new Promise<string[]>((resolve) =>
      tracked.client.on("topology-change", ({ type }: { type: string }) => {
        if (type === "MASTER_CHANGE") resolve([...tracked.told]);
      }),
    );
    tracked.told.length = 0;
    before.freeze();
    onTestFinished(() => before.thaw());
    await trio.sentinels[0]?.command("SENTINEL", "FAILOVER", trio.name);
    expect(await toldThen).toContain("end");
    await expectReports(tracked);
  });

  test.each(failover)("a watch of sessions follows a failover", async () => {
    const { client } = await given();
    const elsewhere = openOn({ sentinels: trio.addresses, name: trio.name }, "strings", "10s");
    await expectEndsAcrossFailover(trio, openOn({ client }, "strings", "10s"), elsewhere);
  });
});
