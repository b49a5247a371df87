import { expect, onTestFinished, test } from "vitest";

import type { Cache, CacheSettings } from "../../../src/cache/index.ts";
import { errorOf, serverForTest } from "../../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { openCache } from "./support.ts";

async function start(settings: CacheSettings = {}) {
  const server = await serverForTest();
  const cache = openCache(server, settings);
  await warm(server, cache);
  const monitor = await server.monitor();
  onTestFinished(() => monitor.stop());
  const expectCommands = async (call: Promise<unknown>, ...commands: string[]): Promise<void> => {
    await call;
    expect(await monitor.take()).toEqual(commands);
  };
  return { server, cache, monitor, expectCommands };
}

/** Lets the server know the scripts: the first time that it is sent one, it is EVAL in place of EVALSHA. */
async function warm(server: RedisServer, cache: Cache): Promise<void> {
  await cache.getOrSet("warm", 1, { tags: ["warm"] });
  await cache.getOrSet("none", nothing);
  await cache.set("warm", 1);
  await cache.incr("warm");
  await cache.persist("warm");
  await cache.take("warm");
  await server.command("FLUSHDB");
}

const LEASED = ["EVALSHA", "EVALSHA"];
const nothing = (): undefined => undefined;
const failing = (): Promise<never> => Promise.reject(new Error("the source is down"));

// Counted by MONITOR, without what scripts do inside Redis and without the handshake.
describeWithRedis("commands that a cache sends", () => {
  test("one for each operation on one key, and one more to end a lease", async () => {
    const { cache, expectCommands } = await start();
    await expectCommands(cache.set("k", 1), "SET");
    await expectCommands(cache.set("k", 1, { timeout: null }), "SET");
    await expectCommands(cache.set("k", 1, { nx: true }), "SET");
    await expectCommands(cache.get("k"), "GET");
    await expectCommands(cache.has("k"), "GET");
    await expectCommands(cache.pttl("k"), "PTTL");
    await expectCommands(cache.peek("k"), "GET", "PTTL");
    await expectCommands(cache.add("k", 2), "SET");
    await expectCommands(cache.add("k", 2, { timeout: 0 }), "GET");
    await expectCommands(cache.touch("k", 10), "EVALSHA");
    await expectCommands(cache.touch("k", null), "EVALSHA");
    await expectCommands(cache.incr("k"), "EVALSHA");
    await expectCommands(cache.decr("k"), "EVALSHA");
    await expectCommands(cache.touch("k", 0), "EVALSHA");
    await expectCommands(cache.delete("k"), "UNLINK", "UNLINK");
    await expectCommands(cache.take("k"), "EVALSHA");
    await expectCommands(cache.take("k", { tags: ["t"] }), "EVALSHA", "GET");
    await expectCommands(cache.set("k", 1, { timeout: 0 }), "UNLINK", "UNLINK");
    // It could be gone again before a load ends.
    await expectCommands(cache.set("k", 1, { timeout: 29 }), "UNLINK", "SET");
    await expectCommands(cache.set("k", 1, { timeout: 30 }), "SET");
  });

  test("a script that the server does not know is sent once", async () => {
    const { server, cache, expectCommands } = await start();
    await server.command("SCRIPT", "FLUSH");
    await cache.set("k", 1);
    const fresh = openCache(server);
    await fresh.set("k", 1);
    await expectCommands(Promise.resolve(), "SCRIPT", "SET", "SET");
    await expectCommands(fresh.incr("k"), "EVAL");
    await expectCommands(fresh.incr("k"), "EVALSHA");
  });

  test("one for getMany and two for deleteMany, one an entry for setMany, none for none", async () => {
    const { cache, expectCommands } = await start();
    await expectCommands(cache.setMany({ a: 1, b: 2, c: 3 }), "SET", "SET", "SET");
    await expectCommands(cache.getMany(["a", "b", "none", "a"]), "MGET");
    await expectCommands(cache.deleteMany(["a", "b", "none", "a"]), "UNLINK", "UNLINK");
    await expectCommands(cache.setMany({ a: 1, b: 2 }, { timeout: -1 }), "UNLINK", "UNLINK");
    for (const none of [cache.getMany([]), cache.setMany({}), cache.deleteMany([])])
      await expectCommands(none);
    const keys = Array.from({ length: 1200 }, (_, index) => `k${index}`);
    await expectCommands(cache.getMany(keys), "MGET", "MGET", "MGET");
  });

  test("getOrSet: one GET on a hit; on a miss the lease and what ends it as well", async () => {
    const { cache, expectCommands } = await start();
    await expectCommands(cache.getOrSet("k", 1), "GET", ...LEASED);
    await expectCommands(cache.getOrSet("k", 1), "GET");
    await expectCommands(cache.getOrSet("none", nothing), "GET", ...LEASED);
    await expectCommands(cache.getOrSet("none", 1, { timeout: 0 }), "GET", ...LEASED);
    await expectCommands(errorOf(cache.getOrSet("none", failing)), "GET", ...LEASED);
  });

  test("a touch of entries with a header: one more, and for tags the read of their tokens and one each", async () => {
    const { cache, monitor, expectCommands } = await start({ stale: "1h" });
    await cache.getOrSet("k", 1);
    await cache.getOrSet("t", 1, { tags: ["t"] });
    await cache.touch("k", 10);
    await monitor.take();
    await expectCommands(cache.touch("k", 10), "EVALSHA", "EVALSHA");
    await expectCommands(cache.touch("t", 10), "EVALSHA", "GET", "EVALSHA", "EVALSHA");
    await expectCommands(cache.persist("k"), "EVALSHA", "EVALSHA");
  });

  test("getOrSet of entries that may be stale: one GET on a hit as well", async () => {
    const { cache, expectCommands } = await start({ stale: "1h" });
    await expectCommands(cache.getOrSet("k", 1, { timeout: null }), "GET", ...LEASED);
    await expectCommands(cache.getOrSet("k", 1), "GET");
  });

  test("getOrSet without leases: GET and SET on a miss", async () => {
    const { cache, expectCommands } = await start({ lease: null });
    await expectCommands(cache.getOrSet("k", 1), "GET", "SET");
    await expectCommands(cache.getOrSet("k", 1), "GET");
  });

  test("tags that are named come in the same MGET; others in a second round trip", async () => {
    const { cache, expectCommands } = await start();
    const tags = ["t", "u"];
    await expectCommands(cache.set("k", 1, { tags }), "EVALSHA", "EVALSHA", "SET");
    await expectCommands(cache.get("k", { tags }), "MGET");
    await expectCommands(cache.getMany(["k", "l"], { tags }), "MGET");
    await expectCommands(cache.getOrSet("k", 1, { tags }), "MGET");
    await expectCommands(cache.get("k"), "GET", "MGET");
    await expectCommands(cache.invalidateTags(tags), "UNLINK", "UNLINK");
    await expectCommands(cache.getOrSet("k", 1, { tags: ["t"] }), "MGET", "EVALSHA", ...LEASED, "GET");
    await expectCommands(cache.get("k"), "GET", "GET");
  });

  test("a shared version is one GET more, beside the first read", async () => {
    const { cache, expectCommands } = await start({ sharedVersion: true });
    await expectCommands(cache.set("k", 1), "GET", "SET", "SET");
    await expectCommands(cache.set("k", 1), "GET", "SET");
    await expectCommands(cache.get("k"), "GET", "GET");
    await expectCommands(cache.getOrSet("k", 1), "GET", "GET");
    await expectCommands(cache.bumpVersion(), "EVALSHA");
  });

  test("getOrSetMany of 500 keys, half of them there: one MGET, and the leases and fills each in one go", async () => {
    const { cache, monitor } = await start();
    const keys = Array.from({ length: 500 }, (_, index) => `k${index}`);
    await cache.setMany(Object.fromEntries(keys.slice(0, 250).map((key) => [key, "there"])));
    await monitor.take();
    const missing: (readonly string[])[] = [];
    const load = (wanted: readonly string[]) => {
      missing.push(wanted);
      return Object.fromEntries(wanted.map((key) => [key, "loaded"]));
    };
    const values = await cache.getOrSetMany(keys, load);
    expect(missing).toEqual([keys.slice(250)]);
    expect([...values]).toEqual(keys.map((key, index) => [key, index < 250 ? "there" : "loaded"]));
    // The read, the leases, the fills: three round trips, since each begins when all answers to the one
    // before are there.
    expect(await monitor.take()).toEqual(["MGET", ...Array.from({ length: 500 }, () => "EVALSHA")]);
    await cache.getOrSetMany(keys, load);
    expect(await monitor.take()).toEqual(["MGET"]);
  });

  test("none for what is refused", async () => {
    const { cache, expectCommands } = await start();
    const refused: ((cache: Cache) => Promise<unknown>)[] = [
      () => cache.get(""),
      () => cache.set("k", new Date()),
      () => cache.set("k", 1, { timeout: "10" as "10s" }),
      () => cache.set("k", 1, { nx: true, xx: true }),
      () => cache.incr("k", 0.5),
      () => cache.getMany(["k", ""]),
      () => cache.get("k", { tags: [""] }),
      () => cache.getOrSet("k", 1, { jitter: 2 }),
    ];
    for (const call of refused) await expectCommands(errorOf(Promise.resolve().then(() => call(cache))));
  });

  test("clear: SCAN and UNLINK, page by page, never FLUSHDB or KEYS", async () => {
    const { cache, expectCommands } = await start();
    await expectCommands(cache.clear(), "SCAN");
    await expectCommands(cache.setMany({ a: 1, b: 2 }), "SET", "SET");
    await expectCommands(cache.clear(), "SCAN", "UNLINK", "UNLINK");
  });
});
