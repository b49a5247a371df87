import { describe, expectTypeOf, test } from "vitest";

import type { Cache, CachesContext } from "./index.ts";
import { createCaches } from "./index.ts";

declare const context: CachesContext;
declare const cache: Cache;

describe("createCaches", () => {
  test("keeps the names of the settings, and knows no other", () => {
    const caches = createCaches({ default: {}, pages: { timeout: "1h" } }, context);
    expectTypeOf(caches).toEqualTypeOf<{ readonly default: Cache; readonly pages: Cache }>();
    // @ts-expect-error a misspelt name
    expectTypeOf(caches.pags).not.toBeNullable();
  });

  test("has a default cache, also where the settings name none", () => {
    expectTypeOf(createCaches(undefined, context)).toEqualTypeOf<{ readonly default: Cache }>();
    expectTypeOf(createCaches({}, context)).toEqualTypeOf<{ readonly default: Cache }>();
    expectTypeOf(createCaches({ pages: {} }, context)).toHaveProperty("default");
  });

  test("refuses settings that a cache does not have", () => {
    // @ts-expect-error a misspelt setting
    expectTypeOf(createCaches({ default: { keyprefix: "a" } }, context)).toBeObject();
    // @ts-expect-error a duration without a unit
    expectTypeOf(createCaches({ default: { timeout: "300" } }, context)).toBeObject();
  });
});

describe("Cache", () => {
  test("get: the caller says what it expects; a miss is part of it, unless there is a default", () => {
    expectTypeOf(cache.get("k")).resolves.toBeUnknown();
    expectTypeOf(cache.get<number>("k")).resolves.toEqualTypeOf<number | undefined>();
    expectTypeOf(cache.get("k", { default: 7 })).resolves.toEqualTypeOf<number>();
    expectTypeOf(cache.get<string | null>("k", { default: null })).resolves.toEqualTypeOf<string | null>();
  });

  test("getOrSet gives what the loader gives", () => {
    expectTypeOf(cache.getOrSet("k", () => Promise.resolve({ n: 1 }))).resolves.toEqualTypeOf<{ n: number }>();
    expectTypeOf(cache.getOrSet("k", () => "text")).resolves.toEqualTypeOf<string>();
    expectTypeOf(cache.getOrSet<number | undefined>("k", () => undefined)).resolves.toEqualTypeOf<number | undefined>();
  });

  test("incr: a bigint counts in bigints", () => {
    expectTypeOf(cache.incr("n")).resolves.toEqualTypeOf<number>();
    expectTypeOf(cache.incr("n", 2)).resolves.toEqualTypeOf<number>();
    expectTypeOf(cache.decr("n", 2n)).resolves.toEqualTypeOf<bigint>();
  });

  test("getMany gives a Map", () => {
    expectTypeOf(cache.getMany<number>(["a"])).resolves.toEqualTypeOf<Map<string, number>>();
  });
});
