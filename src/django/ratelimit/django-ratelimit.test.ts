import { describe, expect, test } from "vitest";

import { openCache } from "../../../test/support/cache-harness.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { djangoRatelimit, djangoRatelimitKey, type DjangoRatelimitOptions } from "./django-ratelimit.ts";
import { parseRate } from "./ratelimit-rate.ts";

const AT = 1_700_000_000_000;
const LOGIN = { group: "myapp.views.login", rate: "5/m", value: "127.0.0.1" };
const KEY = "rl:5d1ea0d2589972e37916426a235eb86495d4e7d4e07278d4d19d2d7588511b1b";
const METHODS_KEY = "rl:f506eff7ace88de0257f7b135e830124b1bf2f39b5f220b72929e168951f1733";

describe("the key", () => {
  test("is django-ratelimit's: the vectors", () => {
    expect(djangoRatelimitKey({ ...LOGIN, at: AT })).toBe(KEY);
    expect(djangoRatelimitKey({ ...LOGIN, at: AT, methods: ["post", "GET"] })).toBe(METHODS_KEY);
    expect(djangoRatelimitKey({ ...LOGIN, at: AT, prefix: "limit:" })).toBe(KEY.replace("rl:", "limit:"));
    expect(djangoRatelimitKey({ ...LOGIN, at: AT, methods: "GETPOST" })).toBe(METHODS_KEY);
  });

  test("stays until the end of the window's last second, and changes after it", () => {
    // The CRC-32 of the value is 3619153832, so the window ends at 1700000012.
    const at = (seconds: number) => djangoRatelimitKey({ ...LOGIN, at: seconds * 1000 + 999 });
    expect(at(1_700_000_012)).toBe(KEY);
    expect(at(1_699_999_953)).toBe(KEY);
    expect(at(1_700_000_013)).not.toBe(KEY);
    expect(at(1_699_999_952)).not.toBe(KEY);
  });

  test("is the same for equivalent rates, and differs for each other part", () => {
    expect(djangoRatelimitKey({ ...LOGIN, rate: "5/60s", at: AT })).toBe(KEY);
    expect(djangoRatelimitKey({ ...LOGIN, rate: "05/60", at: AT })).toBe(KEY);
    const others = [
      { group: "other" },
      { rate: "6/m" },
      { rate: "5/h" },
      { value: "127.0.0.2" },
      { methods: "GET" },
    ];
    const keys = others.map((other) => djangoRatelimitKey({ ...LOGIN, ...other, at: AT }));
    expect(new Set([KEY, ...keys]).size).toBe(6);
  });

  test("with a period of one second, each second is a window", () => {
    const at = (time: number) => djangoRatelimitKey({ ...LOGIN, rate: "5/s", at: time });
    expect(at(AT + 999)).toBe(at(AT));
    expect(at(AT + 1000)).not.toBe(at(AT));
  });

  test.each<[string, object]>([
    ["a group that is no text", { group: undefined }],
    ["a value that is no text", { value: 7 }],
    ["a value with a lone surrogate", { value: "\ud800" }],
    ["a rate that is none", { rate: "often" }],
  ])("%s is refused", (_, wrong) => {
    expect(() => djangoRatelimitKey({ ...LOGIN, at: AT, ...wrong })).toThrow(CacheUsageError);
  });
});

describe("a rate", () => {
  test.each<[string, number, number]>([
    ["5/m", 5, 60],
    ["100/h", 100, 3600],
    ["1/d", 1, 86_400],
    ["10/30s", 10, 30],
    ["100/10m", 100, 600],
    ["5/", 5, 1],
    ["5/10", 5, 10],
    ["0/s", 0, 1],
  ])("%s", (rate, limit, period) => {
    expect(parseRate(rate)).toEqual({ limit, period });
  });

  test.each<[unknown]>([
    ["5"],
    ["/m"],
    ["5/0m"],
    ["-5/m"],
    ["5/M"],
    // Django reads this one as minutes.
    ["5/month"],
    [" 5/m"],
    ["5/m\n"],
    ["9007199254740993/s"],
    [5],
    [undefined],
  ])("%j is refused", (rate) => {
    expect(() => parseRate(rate)).toThrow(CacheUsageError);
  });
});

function open(override?: Parameters<typeof openCache>[0]) {
  const harness = openCache(override);
  harness.clock.advance(AT - harness.clock.now());
  const use = (options: Partial<DjangoRatelimitOptions> = {}) =>
    djangoRatelimit(harness.cache, { ...LOGIN, clock: harness.clock, ...options });
  return { ...harness, use };
}

describe("usage", () => {
  test("counts with one call of the store, and is over the limit after the limit", async () => {
    const { use, calls, raw } = open();
    const seen = [];
    for (let hit = 1; hit <= 6; hit++) seen.push(await use({ increment: true }));
    expect(seen[0]).toEqual({ count: 1, limit: 5, shouldLimit: false, timeLeft: 12 });
    expect(seen[4]).toEqual({ count: 5, limit: 5, shouldLimit: false, timeLeft: 12 });
    expect(seen[5]).toEqual({ count: 6, limit: 5, shouldLimit: true, timeLeft: 12 });
    expect(calls).toEqual(Array.from({ length: 6 }, () => "incr"));
    expect(await raw(`shop:1:${KEY}`)).toBe("6");
  });

  test("without increment reads, and starts the counter at 0", async () => {
    const { use, raw } = open();
    expect(await use()).toEqual({ count: 0, limit: 5, shouldLimit: false, timeLeft: 12 });
    expect(await raw(`shop:1:${KEY}`)).toBe("0");
    await use({ increment: true });
    expect(await use()).toMatchObject({ count: 1 });
  });

  test("ends with the window", async () => {
    const { use, clock } = open();
    await use({ increment: true, rate: "1/m" });
    expect(await use({ increment: true, rate: "1/m" })).toMatchObject({ shouldLimit: true });
    clock.advance(13_000);
    expect(await use({ increment: true, rate: "1/m" })).toMatchObject({
      count: 1,
      shouldLimit: false,
      timeLeft: 59,
    });
  });

  test('"0/s" allows nothing, and null is no limit and no command', async () => {
    const { use, calls } = open();
    expect(await use({ rate: null, increment: true })).toBeUndefined();
    expect(calls).toEqual([]);
    expect(await use({ rate: "0/s", increment: true })).toMatchObject({ count: 1, shouldLimit: true });
  });

  test("an entry that is no counter means the limit reached on a read, or no limit with failOpen", async () => {
    const { use, putRaw } = open();
    await putRaw(`shop:1:${KEY}`, "null");
    expect(await use()).toEqual({ count: 0, limit: 0, shouldLimit: true, timeLeft: -1 });
    expect(await use({ failOpen: true })).toBeUndefined();
  });

  test("uses the clock of the cache by default", async () => {
    const { cache, clock } = open();
    const hit = () => djangoRatelimit(cache, { ...LOGIN, rate: "1/m", increment: true });
    await hit();
    expect(await hit()).toMatchObject({ shouldLimit: true, timeLeft: 12 });
    clock.advance(13_000);
    expect(await hit()).toMatchObject({ shouldLimit: false, timeLeft: 59 });
  });
});
