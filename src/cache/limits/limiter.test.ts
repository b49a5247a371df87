import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { openCache } from "../../../test/support/cache-harness.ts";
import { Deadline } from "../../core/deadlines.ts";
import { seed } from "../../../test/support/scale.ts";
import {
  CacheKeyNotFoundError,
  CacheNotIntegerError,
  CacheUsageError,
  ImproperlyConfigured,
  StoreConnectionError,
} from "../../core/errors.ts";
import type { CacheStore } from "../../stores/cache-store.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { createLimiter, type LimiterSettings } from "./limiter.ts";
import { StaggeredWindows } from "./windows.ts";

const MINUTE = 60_000;

/** A limiter of 10 in a minute at the beginning of a window of the id `ann`. */
function open(settings: Partial<LimiterSettings> = {}, override?: Parameters<typeof openCache>[0]) {
  const harness = openCache(override);
  const { clock, cache } = harness;
  const windows = new StaggeredWindows({ prefix: "", kind: "", length: MINUTE, isReadFor: 1 });
  clock.advance(windows.at("ann", clock.now()).endsAt - clock.now());
  const make = (others: Partial<LimiterSettings> = {}) =>
    createLimiter(cache, { limit: 10, window: "1m", prefix: "t:", clock, ...settings, ...others });
  return { ...harness, make, limiter: make() };
}

/** A store that records the deadlines passed to its methods. */
function notingDeadlines(store: CacheStore, deadlines: Set<Deadline>): Partial<CacheStore> {
  return new Proxy(store, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return (...args: unknown[]): unknown => {
        for (const arg of args) if (arg instanceof Deadline) deadlines.add(arg);
        return Reflect.apply(method, target, args);
      };
    },
  });
}

const failure = () => Promise.reject(new StoreConnectionError("gone", { outcome: "not-sent" }));

describe.each(["fixed", "sliding"] as const)("a limiter with %s windows", (algorithm) => {
  test("allows exactly the limit of any number of concurrent calls", async () => {
    const { limiter } = open({ algorithm });
    const answers = await Promise.all(Array.from({ length: 50 }, () => limiter.consume("ann")));
    expect(answers.filter(({ isAllowed }) => isAllowed)).toHaveLength(10);
    expect(await limiter.peek("ann")).toMatchObject({ isAllowed: false, remaining: 0 });
  });

  test("returns the count and the rest of the limit", async () => {
    const { limiter, clock } = open({ algorithm });
    clock.advance(15_000);
    const first = await limiter.consume("ann");
    expect(first).toMatchObject({ isAllowed: true, limit: 10, count: 1, remaining: 9, retryAfterSeconds: 0 });
    expect(await limiter.consume("ann", { cost: 4 })).toMatchObject({
      isAllowed: true,
      count: 5,
      remaining: 5,
    });
    expect(await limiter.peek("ann")).toMatchObject({ isAllowed: true, count: 5, remaining: 5 });
    expect(await limiter.peek("ann", { cost: 6 })).toMatchObject({
      isAllowed: false,
      count: 5,
      remaining: 5,
    });
  });

  test("counts each id separately, and together for all limiters with the same prefix and window", async () => {
    const { make, limiter } = open({ algorithm });
    await limiter.consume("ann", { cost: 10 });
    expect(await make({ limit: 11 }).consume("ann")).toMatchObject({ isAllowed: true, count: 11 });
    expect(await limiter.peek("bob")).toMatchObject({ count: 0 });
    expect(await make({ prefix: "other:" }).peek("ann")).toMatchObject({ count: 0 });
    expect(await make({ window: "2m" }).peek("ann")).toMatchObject({ count: 0 });
    expect(await make({ algorithm: algorithm === "fixed" ? "sliding" : "fixed" }).peek("ann")).toMatchObject({
      count: 0,
    });
  });

  test("a cost that does not fit leaves the rest of the limit to smaller ones", async () => {
    const { limiter } = open({ algorithm });
    await limiter.consume("ann", { cost: 8 });
    expect(await limiter.consume("ann", { cost: 3 })).toMatchObject({
      isAllowed: false,
      count: 8,
      remaining: 2,
    });
    expect(await limiter.consume("ann", { cost: 2 })).toMatchObject({
      isAllowed: true,
      count: 10,
      remaining: 0,
    });
    expect(await limiter.consume("bob", { cost: 11 })).toMatchObject({ isAllowed: false, count: 0 });
  });

  test("a limit of 0 allows nothing", async () => {
    const { limiter } = open({ algorithm, limit: 0 });
    expect(await limiter.consume("ann")).toMatchObject({ isAllowed: false, remaining: 0 });
  });

  test("retryAfterSeconds is set only if waiting helps: not for more than the limit, nor for a limit of 0", async () => {
    const { limiter, make } = open({ algorithm });
    expect(await limiter.consume("ann", { cost: 10 })).toMatchObject({
      isAllowed: true,
      retryAfterSeconds: 0,
    });
    expect((await limiter.consume("ann", { cost: 10 })).retryAfterSeconds).toBeGreaterThan(0);
    expect((await limiter.peek("ann", { cost: 10 })).retryAfterSeconds).toBeGreaterThan(0);
    for (const [each, cost] of [
      [limiter, 11],
      [make({ limit: 0 }), 1],
    ] as const) {
      for (const id of ["ann", "bob"]) {
        expect(await each.consume(id, { cost })).toMatchObject({
          isAllowed: false,
          retryAfterSeconds: undefined,
        });
        expect(await each.peek(id, { cost })).toMatchObject({
          isAllowed: false,
          retryAfterSeconds: undefined,
        });
      }
    }
  });

  test("a cost that never fits is not counted, and blocks no other call meanwhile", async () => {
    const { limiter } = open({ algorithm });
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => limiter.consume("ann", { cost: index % 3 === 0 ? 1 : 11 })),
    );
    expect(answers.filter(({ isAllowed }) => isAllowed)).toHaveLength(10);
  });

  test("uses the clock of the cache by default", async () => {
    const { cache, clock } = openCache();
    const limiter = createLimiter(cache, { algorithm, limit: 1, window: "1m", prefix: "t:" });
    expect((await limiter.consume("ann")).resetIn).toBe((await limiter.peek("ann")).resetIn);
    clock.advance(2 * MINUTE);
    expect(await limiter.consume("ann")).toMatchObject({ isAllowed: true });
    const still = new ManualClock(clock.now());
    const other = createLimiter(cache, { algorithm, limit: 1, window: "1m", prefix: "o:", clock: still });
    await other.consume("ann");
    expect(await other.consume("ann")).toMatchObject({ isAllowed: false });
    still.advance(2 * MINUTE);
    expect(await other.consume("ann")).toMatchObject({ isAllowed: true });
  });

  test("all steps of a call share one deadline", async () => {
    const deadlines = new Set<Deadline>();
    const { limiter } = open({ algorithm }, { override: (store) => notingDeadlines(store, deadlines) });
    // The second call is counted and taken back, or read and refused.
    for (const cost of [8, 3, 2]) {
      deadlines.clear();
      await limiter.consume("ann", { cost });
      expect(deadlines.size).toBe(1);
    }
  });

  test("after retryAfterSeconds the same call is allowed, and not before", async () => {
    const amounts = fc.integer({ min: 1, max: 10 });
    const wait = fc.integer({ min: 0, max: 2 * MINUTE });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(wait, amounts), { maxLength: 10 }), amounts, async (steps, cost) => {
        const { limiter, clock } = open({ algorithm });
        for (const [span, each] of steps) {
          clock.advance(span);
          await limiter.consume("ann", { cost: each });
        }
        const { isAllowed, retryAfterSeconds } = await limiter.peek("ann", { cost });
        if (isAllowed || retryAfterSeconds === undefined) return;
        expect(retryAfterSeconds).toBeGreaterThanOrEqual(1);
        clock.advance((retryAfterSeconds - 1) * 1000);
        expect(await limiter.peek("ann", { cost })).toMatchObject({ isAllowed: false });
        clock.advance(1000);
        expect(await limiter.peek("ann", { cost })).toMatchObject({ isAllowed: true });
      }),
      { seed },
    );
  });

  test("after resetIn the count is 0, and not before", async () => {
    const { limiter, clock } = open({ algorithm });
    clock.advance(20_000);
    expect(await limiter.peek("ann")).toMatchObject({ resetIn: 0 });
    const { resetIn } = await limiter.consume("ann", { cost: 5 });
    clock.advance(resetIn - 1);
    expect((await limiter.peek("ann")).count).toBeGreaterThan(0);
    clock.advance(1);
    expect(await limiter.peek("ann")).toMatchObject({ count: 0, resetIn: 0 });
  });

  test("reset deletes the counts of this id only", async () => {
    const { limiter, clock } = open({ algorithm });
    await limiter.consume("ann", { cost: 10 });
    await limiter.consume("bob", { cost: 10 });
    clock.advance(MINUTE);
    await limiter.consume("ann");
    await limiter.reset("ann");
    expect(await limiter.peek("ann", { cost: 10 })).toMatchObject({ isAllowed: true, count: 0 });
  });

  test("counting does not change the expiry of a counter, which lives long enough", async () => {
    const { limiter, clock, store } = open({ algorithm });
    const keys = async (): Promise<string[]> => {
      const found = [];
      for await (const key of store.scan("shop:1:t:", () => deadline())) found.push(key);
      return found;
    };
    const deadline = () => new Deadline(60_000);
    await limiter.consume("ann");
    const [key = ""] = await keys();
    const life = (algorithm === "fixed" ? 1 : 2) * MINUTE + 5000;
    expect(await store.ttlMany([key], deadline())).toEqual([life]);
    clock.advance(59_000);
    await limiter.consume("ann");
    expect(await store.ttlMany([key], deadline())).toEqual([life - 59_000]);
  });

  test("a failing store is an error, and allows no call", async () => {
    const { limiter } = open({ algorithm }, { override: () => ({ incr: failure, set: failure }) });
    await expect(limiter.consume("ann")).rejects.toThrow(StoreConnectionError);
  });

  test("an entry under its key that is no counter is an error, and stays", async () => {
    const { limiter, store, putRaw, raw } = open({ algorithm });
    await limiter.consume("ann");
    let key = "";
    for await (const each of store.scan("shop:1:t:", () => new Deadline(60_000))) key = each;
    await putRaw(key, '"text"');
    await expect(limiter.consume("ann")).rejects.toThrow(CacheNotIntegerError);
    await expect(limiter.peek("ann")).rejects.toThrow(CacheNotIntegerError);
    expect(await raw(key)).toBe('"text"');
  });

  test.each<[string, unknown, unknown]>([
    ["an empty id", "", 1],
    ["an id that is no text", 7, 1],
    ["an id with a lone surrogate", "\ud800", 1],
    ["a cost of 0", "ann", 0],
    ["a cost that is no integer", "ann", 0.5],
    ["a negative cost", "ann", -1],
  ])("%s is refused, and nothing is sent", async (_, id, cost) => {
    const { limiter, calls } = open({ algorithm });
    const [anyId, anyCost] = [id as string, cost as number];
    await expect(limiter.consume(anyId, { cost: anyCost })).rejects.toThrow(CacheUsageError);
    await expect(limiter.peek(anyId, { cost: anyCost })).rejects.toThrow(CacheUsageError);
    expect(calls).toEqual([]);
  });
});

describe("fixed windows", () => {
  test("start again with each window", async () => {
    const { limiter, clock } = open();
    await limiter.consume("ann", { cost: 10 });
    clock.advance(MINUTE - 1);
    expect(await limiter.consume("ann")).toMatchObject({
      isAllowed: false,
      resetIn: 1,
      retryAfterSeconds: 1,
    });
    clock.advance(1);
    expect(await limiter.consume("ann", { cost: 10 })).toMatchObject({
      isAllowed: true,
      count: 10,
      resetIn: MINUTE,
    });
  });

  test("calls refused at the limit still count, as in django-ratelimit", async () => {
    const { limiter } = open({ limit: 1 });
    await limiter.consume("ann");
    await limiter.consume("ann");
    expect(await limiter.consume("ann")).toMatchObject({ isAllowed: false, count: 3, remaining: 0 });
  });

  test("allow at most the limit in total for concurrent calls of different costs", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 20 }), async (costs) => {
        const { limiter } = open();
        const answers = await Promise.all(costs.map((cost) => limiter.consume("ann", { cost })));
        const sum = costs
          .filter((_, index) => answers[index]?.isAllowed)
          .reduce((total, cost) => total + cost, 0);
        expect(sum).toBeLessThanOrEqual(10);
        expect((await limiter.peek("ann")).count).toBeGreaterThanOrEqual(sum);
      }),
      { seed },
    );
  });

  test("a store that starts no counter is an error", async () => {
    const { limiter } = open({}, { override: () => ({ incr: async () => ({ status: "missing" }) }) });
    await expect(limiter.consume("ann")).rejects.toThrow(CacheKeyNotFoundError);
  });
});

describe("sliding windows", () => {
  test("the previous window counts by the part of it that is less than one length ago", async () => {
    const { limiter, clock } = open({ algorithm: "sliding" });
    await limiter.consume("ann", { cost: 10 });
    clock.advance(MINUTE);
    expect(await limiter.consume("ann")).toMatchObject({ isAllowed: false, count: 10, retryAfterSeconds: 6 });
    clock.advance(15_000);
    expect(await limiter.peek("ann")).toMatchObject({ count: 8, remaining: 2 });
    expect(await limiter.consume("ann", { cost: 2 })).toMatchObject({ isAllowed: true, count: 10 });
    clock.advance(30_000);
    expect(await limiter.peek("ann")).toMatchObject({ count: 5, remaining: 5 });
  });

  test("a caller that does not stop is not blocked for ever: refused calls do not count", async () => {
    const { limiter, clock } = open({ algorithm: "sliding" });
    let allowed = 0;
    for (let second = 0; second < 600; second++) {
      if ((await limiter.consume("ann")).isAllowed) allowed++;
      clock.advance(1000);
    }
    // 9 or 10 a minute: the weight of the previous window is seldom whole, and the rest is less
    // than one.
    // than one.
    expect(allowed).toBeGreaterThanOrEqual(90);
    expect(allowed).toBeLessThanOrEqual(110);
  });

  test("an interval of one length, ending at the part x of a window, has at most limit * (1 + x)", async () => {
    const waits = fc.array(
      fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.constantFrom(MINUTE - 1, MINUTE / 2)),
      {
        maxLength: 80,
      },
    );
    await fc.assert(
      fc.asyncProperty(waits, async (spans) => {
        const { limiter, clock } = open({ algorithm: "sliding" });
        const start = clock.now();
        const allowedAt: number[] = [];
        for (const span of spans) {
          clock.advance(span);
          const now = clock.now();
          if ((await limiter.consume("ann")).isAllowed) allowedAt.push(now);
          const recent = allowedAt.filter((time) => time > now - MINUTE).length;
          expect(recent).toBeLessThanOrEqual(10 * (1 + ((now - start) % MINUTE) / MINUTE) + 1e-9);
        }
      }),
      { seed },
    );
  });

  test("concurrent additions after the read are noticed, and a call that no longer fits is taken back", async () => {
    const { limiter, raw, store } = open(
      { algorithm: "sliding" },
      {
        override: (real) => ({
          getMany: async (keys, deadline) => (await real.getMany(keys, deadline)).map(() => undefined),
        }),
      },
    );
    for (let hit = 0; hit < 10; hit++)
      expect(await limiter.consume("ann")).toMatchObject({ isAllowed: true });
    expect(await limiter.consume("ann", { cost: 3 })).toMatchObject({ isAllowed: false, count: 10 });
    for await (const key of store.scan("shop:1:t:", () => new Deadline(60_000)))
      expect(await raw(key)).toBe("10");
  });
});

describe("settings that cannot work are refused at start, naming them", () => {
  test.each<[string, object]>([
    ["limiter.limit", { limit: -1 }],
    ["limiter.limit", { limit: 1.5 }],
    ["limiter.limit", { limit: "5" }],
    ["limiter.window", { window: 0 }],
    ["limiter.window", { window: "1" }],
    ["limiter.window", { window: "1001y" }],
    ["limiter.algorithm", { algorithm: "leaky" }],
    ["limiter.prefix", { prefix: "" }],
    ["limiter.prefix", { prefix: undefined }],
    ["limiter.windows", { windows: 5 }],
  ])("%s %j", (setting, wrong) => {
    const { cache } = openCache();
    const settings = { limit: 1, window: 1, prefix: "p:", ...wrong } as LimiterSettings;
    expect(() => createLimiter(cache, settings)).toThrow(ImproperlyConfigured);
    expect(() => createLimiter(cache, settings)).toThrow(setting);
  });
});
