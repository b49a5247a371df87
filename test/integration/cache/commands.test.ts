import { expect, onTestFinished, test } from "vitest";

import type { Cache } from "../../../src/cache/index.ts";
import { errorOf, serverForTest } from "../../support/redis-connections.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { openCache } from "./support.ts";

async function start() {
  const server = await serverForTest();
  const cache = openCache(server);
  const monitor = await server.monitor();
  onTestFinished(() => monitor.stop());
  const expectCommands = async (call: Promise<unknown>, ...commands: string[]): Promise<void> => {
    await call;
    expect(await monitor.take()).toEqual(commands);
  };
  return { server, cache, expectCommands };
}

// Counted by MONITOR, without what scripts do inside Redis and without the handshake.
describeWithRedis("commands that a cache sends", () => {
  test("one for each operation on one key", async () => {
    const { cache, expectCommands } = await start();
    await expectCommands(cache.set("k", 1), "SET");
    await expectCommands(cache.get("k"), "GET");
    await expectCommands(cache.has("k"), "PTTL");
    await expectCommands(cache.add("k", 2), "SET");
    await expectCommands(cache.add("k", 2, { timeout: 0 }), "PTTL");
    await expectCommands(cache.touch("k", 10), "PEXPIRE");
    await expectCommands(cache.touch("k", null), "EVAL");
    await expectCommands(cache.touch("k", null), "EVALSHA");
    await expectCommands(cache.incr("k"), "EVAL");
    await expectCommands(cache.decr("k"), "EVALSHA");
    await expectCommands(cache.touch("k", 0), "UNLINK");
    await expectCommands(cache.delete("k"), "UNLINK");
    await expectCommands(cache.set("k", 1, { timeout: 0 }), "UNLINK");
  });

  test("one for getMany and deleteMany, one an entry for setMany, none for none", async () => {
    const { cache, expectCommands } = await start();
    await expectCommands(cache.setMany({ a: 1, b: 2, c: 3 }), "SET", "SET", "SET");
    await expectCommands(cache.getMany(["a", "b", "none", "a"]), "MGET");
    await expectCommands(cache.deleteMany(["a", "b", "none", "a"]), "UNLINK");
    await expectCommands(cache.setMany({ a: 1, b: 2 }, { timeout: -1 }), "UNLINK");
    for (const none of [cache.getMany([]), cache.setMany({}), cache.deleteMany([])]) await expectCommands(none);
    const keys = Array.from({ length: 1200 }, (_, index) => `k${index}`);
    await expectCommands(cache.getMany(keys), "MGET", "MGET", "MGET");
  });

  test("getOrSet: one on a hit, two on a miss, one where nothing is to be stored", async () => {
    const { cache, expectCommands } = await start();
    await expectCommands(cache.getOrSet("k", 1), "GET", "SET");
    await expectCommands(cache.getOrSet("k", 1), "GET");
    await expectCommands(
      cache.getOrSet("none", () => undefined),
      "GET",
    );
    await expectCommands(cache.getOrSet("none", 1, { timeout: 0 }), "GET");
  });

  test("none for what is refused", async () => {
    const { cache, expectCommands } = await start();
    const refused: ((cache: Cache) => Promise<unknown>)[] = [
      () => cache.get(""),
      () => cache.set("k", new Date()),
      () => cache.set("k", 1, { timeout: "10" as "10s" }),
      () => cache.incr("k", 0.5),
      () => cache.getMany(["k", ""]),
    ];
    for (const call of refused) await expectCommands(errorOf(call(cache)));
  });

  test("clear: SCAN and UNLINK, page by page, never FLUSHDB or KEYS", async () => {
    const { cache, expectCommands } = await start();
    await expectCommands(cache.clear(), "SCAN");
    await expectCommands(cache.setMany({ a: 1, b: 2 }), "SET", "SET");
    await expectCommands(cache.clear(), "SCAN", "UNLINK");
  });
});
