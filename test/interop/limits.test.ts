import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSojourn, djangoRatelimit, type Sojourn } from "sojourn";

import { run } from "../../scripts/lib/processes.mjs";
import { inProject, isCi } from "../../scripts/lib/project.mjs";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { errorOf } from "../support/redis-connections.ts";
import { describeWithRedis, RedisServer } from "../support/redis-server.ts";
import { prepareDjango } from "./support/virtual-environment.ts";

const environment = await prepareDjango();
const obstacle = "obstacle" in environment ? environment.obstacle : undefined;
if (obstacle !== undefined && isCi) throw new Error(`redis-py cannot be had: ${obstacle}`);

const NOW = 1_700_000_000;
const PERIOD = 60;
const COUNTER = { group: "myapp.views.login", value: "Žofie@example.org" };

/** What Python knows the same counter by. */
const THEIRS = { ...COUNTER, key_prefix: "myproject", limit: 5, period: PERIOD, methods: [], now: NOW };

describe.skipIf(obstacle !== undefined)(
  `redis-py and Node on one Redis${obstacle === undefined ? "" : ` (skipped: ${obstacle})`}`,
  () => {
    describeWithRedis("in the layout of Django's caches", () => {
      let server: RedisServer;
      let sojourn: Sojourn<object>;

      beforeAll(async () => {
        server = await RedisServer.start();
        sojourn = createSojourn({
          projectName: "myproject",
          secretKey: "test-secret",
          redis: { default: { url: server.url, connectTimeout: "20s" } },
          caches: { default: { keyPrefix: "myproject", deadline: "20s" } },
        });
      });

      afterAll(async () => {
        await sojourn?.close();
        await server?.stop();
      });

      async function python<Result>(operation: string, args: object): Promise<Result> {
        const script = inProject("test", "interop", "peer", "limits.py");
        const command = "python" in environment ? environment.python : "";
        const { status, output } = await run(command, ["-B", script, server.url, operation, JSON.stringify(args)]);
        if (status !== 0) throw new Error(output);
        return JSON.parse(output) as Result;
      }

      const nodeHit = (options: object = {}) =>
        djangoRatelimit(sojourn.caches.default, {
          ...COUNTER,
          rate: "5/m",
          increment: true,
          clock: new ManualClock(NOW * 1000),
          ...options,
        });

      test("a limit is shared: each counts on from the other, and the time to live stays that of the first", async () => {
        expect(await python<number[]>("hit", { ...THEIRS, times: 2 })).toEqual([1, 2]);
        expect(await nodeHit()).toMatchObject({ count: 3, shouldLimit: false });
        await shorten(40);
        expect(await nodeHit({ increment: false })).toMatchObject({ count: 3 });
        expect(await python<number[]>("hit", { ...THEIRS, times: 2 })).toEqual([4, 5]);
        expect(await nodeHit()).toMatchObject({ count: 6, limit: 5, shouldLimit: true });
        const { count, ttl } = await python<{ count: number; ttl: number }>("look", THEIRS);
        expect(count).toBe(6);
        expect(ttl).toBeGreaterThan(10);
        expect(ttl).toBeLessThanOrEqual(40);
      });

      test("a limit that Node begins lives for the period and 5 seconds, and Python counts on", async () => {
        const theirs = { ...THEIRS, group: "begun-by-node", methods: ["POST", "GET"] };
        await nodeHit({ group: "begun-by-node", methods: ["get", "POST"] });
        const { count, ttl } = await python<{ count: number; ttl: number }>("look", theirs);
        expect(count).toBe(1);
        expect(ttl).toBeGreaterThan(PERIOD - 20);
        expect(ttl).toBeLessThanOrEqual(PERIOD + 5);
        expect(await python<number[]>("hit", { ...theirs, times: 1 })).toEqual([2]);
      });

      test("while both sides count at the same time, every hit sees another count", async () => {
        let isRunning = true;
        const theirs = python<number[]>("hit", { ...THEIRS, group: "parallel", times: 300 }).finally(() => {
          isRunning = false;
        });
        const counts: (number | undefined)[] = [];
        while (isRunning) counts.push((await nodeHit({ group: "parallel" }))?.count);
        counts.push(...(await theirs));
        expect(counts.length).toBeGreaterThan(300);
        expect(new Set(counts)).toEqual(new Set(Array.from(counts, (_, index) => index + 1)));
      });

      test("a lock of redis-py keeps Node out, also from releasing it, until it is given back", async () => {
        const theirs = { name: "myproject:1:job", token: "theirs" };
        expect(await python("acquire", { ...theirs, timeout: 60 })).toBe(true);
        const lock = sojourn.caches.default.lock("job", { timeout: 60, blockingTimeout: "50ms" });
        expect([await lock.acquire(), await lock.isLocked()]).toEqual([false, true]);
        expect(await python("extend", { ...theirs, seconds: 100 })).toBe("done");
        expect(await python("release", theirs)).toBe("done");
        expect(await lock.acquire()).toBe(true);
        await lock.release();
      });

      test("a lock of Node keeps redis-py out, also from releasing it, until it is given back", async () => {
        const theirs = { name: "myproject:1:task", token: "theirs", timeout: 60 };
        const lock = sojourn.caches.default.lock("task", { timeout: 60 });
        await lock.acquire();
        expect(await python("acquire", theirs)).toBe(false);
        expect(await python("release", { name: theirs.name, token: theirs.token })).toBe("LockNotOwnedError");
        await lock.extend(60);
        expect(await lock.isOwned()).toBe(true);
        const waiting = python("acquire", { ...theirs, blocking_timeout: 60 });
        await lock.release();
        expect(await waiting).toBe(true);
        expect(await errorOf(lock.release())).toMatchObject({ problem: "not-held" });
      });

      async function shorten(seconds: number): Promise<void> {
        for (const key of (await server.command("KEYS", "myproject:1:rl:*")) as string[]) {
          await server.command("EXPIRE", key, String(seconds));
        }
      }
    });
  },
);
