import { setTimeout as pause } from "node:timers/promises";
import { afterAll, expect, onTestFinished, vi } from "vitest";

import type { Cache, CacheSettings } from "../../../src/cache/index.ts";
import { memcachedCacheStore } from "../../../src/stores/memcached/index.ts";
import { CacheLoadTimeoutError } from "../../../src/core/errors.ts";
import { gate } from "../../support/cache-harness.ts";
import { errorOf, MARGIN } from "../../support/redis-connections.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { memcachedForFile } from "../../support/memcached-server.ts";
import { isSoak } from "../../support/scale.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import {
  LOADER_ERROR,
  type LoadingStore,
  type LoadRequest,
  overlapsOf,
  runningOf,
  runsOf,
} from "./loading-messages.ts";
import { LoadingWorker } from "./loading-worker.ts";
import { describeOnEach, holdsWithin, newPrefix, openCache } from "./support.ts";

const PROCESSES = 8;
const CALLERS = 25;
/** In milliseconds. */
const LEASE = 1000;

const memcached = await memcachedForFile();

const STORES: Record<string, LoadingStore> = {
  Redis: { name: "redis" },
  "memory before Redis": { name: "tiered" },
  ...(memcached && { memcached: { name: "memcached", address: memcached.path } }),
  ...(memcached &&
    isSoak && { "memcached in Django's form": { name: "memcached-django", address: memcached.path } }),
};

describeOnEach(STORES, "getOrSet in several processes", (store) => {
  const test = redisTest.extend(
    "numberAt",
    ({ server }) =>
      async (key: string): Promise<number> =>
        Number(await server.command("GET", key)),
  );

  let workers: readonly LoadingWorker[];

  test.beforeAll(async ({ server }) => {
    workers = await LoadingWorker.startMany(PROCESSES, server.url, store);
  });

  afterAll(async () => {
    for (const worker of workers ?? []) worker.kill();
  });

  test("8 processes with 25 callers each on one cold key load it once, and all get the value", async ({
    numberAt,
  }) => {
    const request = {
      settings: { keyPrefix: newPrefix() },
      key: "cold",
      callers: CALLERS,
      takes: 200,
      gives: [1, "é"],
    };
    const outcomes = (await Promise.all(workers.map((worker) => worker.load(request)))).flat();
    expect(await numberAt(runsOf("cold"))).toBe(1);
    expect(outcomes).toHaveLength(PROCESSES * CALLERS);
    for (const outcome of outcomes) expect(outcome).toStrictEqual({ value: [1, "é"] });
  });

  test("when the process that loads is killed, one other takes over within the lease, and nobody hangs", async ({
    server,
    numberAt,
  }) => {
    const [dying, ...others] = await LoadingWorker.startMany(4, server.url, store);
    onTestFinished(() => others.forEach((worker) => worker.kill()));
    const settings = { keyPrefix: newPrefix(), lease: LEASE / 1000 };
    const request = { settings, key: "killed", callers: 5, takes: 100 };
    void dying?.load({ ...request, callers: 1, takes: 60_000, gives: "of the dead" });
    await vi.waitUntil(async () => (await numberAt(runsOf("killed"))) === 1, { interval: 5 });
    const waiting = Promise.all(others.map((worker) => worker.load({ ...request, gives: "of the living" })));
    // Until they wait for it.
    await pause(200);
    dying?.kill();
    const killedAt = performance.now();
    const outcomes = (await waiting).flat();
    expect(performance.now() - killedAt).toBeLessThan(LEASE + request.takes + MARGIN);
    expect(outcomes).toStrictEqual(Array.from({ length: 15 }, () => ({ value: "of the living" })));
    expect(await numberAt(runsOf("killed"))).toBe(2);
  });

  test("20 callers of a failing loader: one run, and each of them gets the loader's own error", async ({
    numberAt,
  }) => {
    const request = { settings: { keyPrefix: newPrefix() }, key: "failing", callers: 20, takes: 50 };
    expect(await workers[0]?.load(request)).toStrictEqual(
      Array.from({ length: 20 }, () => ({ error: LOADER_ERROR })),
    );
    expect(await numberAt(runsOf("failing"))).toBe(1);
  });

  test("with two processes a failing loader runs once in each, one after the other", async ({ numberAt }) => {
    const request = { settings: { keyPrefix: newPrefix() }, key: "failing-2", callers: 20, takes: 50 };
    const outcomes = await Promise.all(workers.slice(0, 2).map((worker) => worker.load(request)));
    expect(outcomes.flat()).toStrictEqual(Array.from({ length: 40 }, () => ({ error: LOADER_ERROR })));
    expect(await numberAt(runsOf("failing-2"))).toBe(2);
    expect(await numberAt(overlapsOf("failing-2"))).toBe(0);
    expect(await numberAt(runningOf("failing-2"))).toBe(0);
  });

  test("a stale value is given at once to all callers of two processes, and is loaded again once", async ({
    numberAt,
    server,
  }) => {
    const key = "stale";
    const options = { timeout: 0.05, stale: "1h" } as const;
    const request = {
      settings: { keyPrefix: newPrefix() },
      key,
      options,
      callers: 1,
      takes: 0,
      gives: "old",
    };
    await workers[0]?.load(request);
    await pause(60);
    const again = { ...request, callers: 10, takes: 300, gives: "new", options: { ...options, timeout: 60 } };
    const start = performance.now();
    const outcomes = await Promise.all(workers.slice(0, 2).map((worker) => worker.load(again)));
    const took = performance.now() - start;
    // Memory answers before the loader begins, and memcached while the lease is taken.
    await holdsWithin(store.name === "redis" ? 0 : 1000, async () =>
      expect(await numberAt(runningOf(key)), `answered after ${took} ms, while the loader ran`).toBe(1),
    );
    expect(outcomes.flat()).toStrictEqual(Array.from({ length: 20 }, () => ({ value: "old" })));
    const format = store.name === "memcached-django" ? "django" : "sojourn";
    const own =
      memcached && store.name.startsWith("memcached")
        ? { store: memcachedCacheStore({ servers: memcached.path, format }) }
        : {};
    const cache = openCache(server, { ...request.settings, ...own });
    await vi.waitFor(async () => expect(await cache.get(key)).toBe("new"));
    expect(await numberAt(runsOf(key))).toBe(2);
  });

  // Waits are the same wherever hits come from, and connections of two kinds take longer to open.
  if (store.name !== "redis") return;

  /** How long each process takes for one caller each, in milliseconds. */
  const timesOf = (requests: readonly Omit<LoadRequest, "id" | "callers">[]): Promise<number[]> =>
    Promise.all(
      requests.map(async (request, index) => {
        const start = performance.now();
        await workers[index]?.load({ ...request, callers: 1 });
        return performance.now() - start;
      }),
    );

  test.for<[string, Pick<LoadRequest, "gives" | "options">]>([
    ["a timeout of 0", { gives: "value", options: { timeout: 0 } }],
    ["null, which is not stored", { gives: null, options: { negativeTimeout: 0 } }],
    ["an error", {}],
  ])(
    "six processes whose loader of 300 ms stores nothing wait for two loads at most: %s",
    async ([name, rest], { numberAt }) => {
      const request = { settings: { keyPrefix: newPrefix() }, key: `line-${name}`, takes: 300, ...rest };
      const times = await timesOf(Array.from({ length: 6 }, () => request));
      expect(Math.max(...times)).toBeLessThan(2 * 300 + MARGIN);
      expect(await numberAt(runsOf(request.key))).toBe(6);
    },
  );

  test("no caller waits longer than its hardTimeout, whichever process has the load that hangs", async ({
    server,
    numberAt,
  }) => {
    const request = {
      settings: { keyPrefix: newPrefix(), deadline: 10 },
      key: "hanging",
      takes: 60_000,
      gives: 1,
    };
    const bounded = { ...request, options: { hardTimeout: "1s" } } as const;
    const times = await timesOf(Array.from({ length: 6 }, () => bounded));
    expect(Math.max(...times)).toBeLessThan(1000 + MARGIN);
    // A caller without a bound, in another process.
    const [patient] = await LoadingWorker.startMany(1, server.url, store);
    onTestFinished(() => patient?.kill());
    void patient?.load({ ...request, key: "held", callers: 1 });
    await vi.waitUntil(async () => (await numberAt(runsOf("held"))) === 1, { interval: 5 });
    const others = await timesOf(Array.from({ length: 6 }, () => ({ ...bounded, key: "held" })));
    expect(Math.max(...others)).toBeLessThan(1000 + MARGIN);
    expect(await numberAt(runsOf("held"))).toBe(1);
  });
});

describeWithRedis("a loader that fails or takes too long", () => {
  const test = redisTest
    /** An entry whose time is over, and caches of two processes that may give it in place of an error. */
    .extend("expired", ({ server }) => async (options: object = {}) => {
      const settings: CacheSettings = {
        keyPrefix: newPrefix(),
        staleIfError: "1h",
        lease: "10s",
        ...options,
      };
      const caches = [openCache(server, settings), openCache(server, settings)] as const;
      await caches[0].getOrSet("k", "old", { timeout: 0.02 });
      await pause(30);
      return caches;
    });

  const isDown = new Error("the source is down");

  test("the old value is given while the loader fails, and not every request asks the source", async ({
    expired,
  }) => {
    const caches = await expired();
    const load = vi.fn<() => Promise<string>>(() => Promise.reject(isDown));
    const start = performance.now();
    for (let round = 0; round < 10; round++) {
      for (const cache of caches) expect(await cache.getOrSet("k", load)).toBe("old");
    }
    expect(load).toHaveBeenCalledTimes(1);
    // Nobody may wait for the lease of the one who has failed.
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test("without an old value the error is thrown, and the next caller loads", async ({ server }) => {
    const cache = openCache(server);
    expect(await errorOf(cache.getOrSet("k", () => Promise.reject(isDown)))).toBe(isDown);
    expect(await cache.getOrSet("k", () => "new")).toBe("new");
  });

  test("the hard timeout aborts the signal, fails the callers and lets others load at once", async ({
    server,
  }) => {
    const [cache, other] = [1, 2].map(() => openCache(server, { keyPrefix: "hard", lease: "10s" })) as [
      Cache,
      Cache,
    ];
    let signal: AbortSignal | undefined;
    const load = (context: { signal: AbortSignal }) => (
      (signal = context.signal),
      new Promise<string>(() => {})
    );
    const results = [1, 2].map(() => errorOf(cache.getOrSet("k", load, { hardTimeout: "50ms" })));
    for (const error of await Promise.all(results)) expect(error).toBeInstanceOf(CacheLoadTimeoutError);
    await vi.waitUntil(() => signal?.aborted);
    expect(signal?.reason).toBeInstanceOf(CacheLoadTimeoutError);
    expect(await other.getOrSet("k", () => "new")).toBe("new");
  });

  test("after the soft timeout the old value is given, and what is loaded is stored all the same", async ({
    expired,
  }) => {
    const [cache, other] = await expired();
    const { promise, open: finish } = gate<string>();
    expect(await cache.getOrSet("k", () => promise, { softTimeout: "20ms", timeout: 60 })).toBe("old");
    expect(await other.getOrSet("k", () => "not to be run", { softTimeout: "20ms" })).toBe("old");
    finish("new");
    await vi.waitFor(async () => expect(await other.get("k")).toBe("new"));
    expect(await cache.getOrSet("k", () => "not to be run")).toBe("new");
  });
});
