import { describe, expectTypeOf, test } from "vitest";

import type { Cache, CachesContext, LoadContext } from "./index.ts";
import { createCaches } from "./index.ts";

declare const context: CachesContext;
declare const cache: Cache;

describe("createCaches", () => {
  test("has the names of the settings only", () => {
    const caches = createCaches({ default: {}, pages: { timeout: "1h" } }, context);
    expectTypeOf(caches).toEqualTypeOf<{ readonly default: Cache; readonly pages: Cache }>();
    // @ts-expect-error a misspelt name
    expectTypeOf(caches.pags).not.toBeNullable();
  });

  test("has a default cache, even if the settings name none", () => {
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
  test("get: the call names the type; it includes a miss, unless there is a default", () => {
    expectTypeOf(cache.get("k")).resolves.toBeUnknown();
    expectTypeOf(cache.get<number>("k")).resolves.toEqualTypeOf<number | undefined>();
    expectTypeOf(cache.get("k", { default: 7 })).resolves.toEqualTypeOf<number>();
    expectTypeOf(cache.get<string | null>("k", { default: null })).resolves.toEqualTypeOf<string | null>();
  });

  test("getOrSet returns the type of the loader", () => {
    expectTypeOf(cache.getOrSet("k", () => Promise.resolve({ n: 1 }))).resolves.toEqualTypeOf<{
      n: number;
    }>();
    expectTypeOf(cache.getOrSet("k", () => "text")).resolves.toEqualTypeOf<string>();
    expectTypeOf(cache.getOrSet<number | undefined>("k", () => undefined)).resolves.toEqualTypeOf<
      number | undefined
    >();
  });

  test("incr: a bigint gives a bigint", () => {
    expectTypeOf(cache.incr("n")).resolves.toEqualTypeOf<number>();
    expectTypeOf(cache.incr("n", 2)).resolves.toEqualTypeOf<number>();
    expectTypeOf(cache.decr("n", 2n)).resolves.toEqualTypeOf<bigint>();
  });

  test("take: as get", () => {
    expectTypeOf(cache.take("k")).resolves.toEqualTypeOf<unknown>();
    expectTypeOf(cache.take<number>("k", { tags: ["t"] })).resolves.toEqualTypeOf<number | undefined>();
    expectTypeOf(cache.take<number>("k", { default: 0 })).resolves.toEqualTypeOf<number>();
    // @ts-expect-error the default has another type
    void cache.take<number>("k", { default: "none" });
  });

  test("getMany and takeMany return a Map", () => {
    expectTypeOf(cache.getMany<number>(["a"])).resolves.toEqualTypeOf<Map<string, number>>();
    expectTypeOf(cache.takeMany<number>(["a"])).resolves.toEqualTypeOf<Map<string, number>>();
  });
});

interface Product {
  readonly name: string;
}
declare function loadProduct(id: number, signal?: AbortSignal): Promise<Product | null>;
declare function fetchToken(): Promise<{ value: string; expiresIn: number }>;

describe("a loader that uses its context", () => {
  test("has the type of its result inferred", () => {
    expectTypeOf(
      cache.getOrSet("k", ({ signal }) => loadProduct(1, signal)),
    ).resolves.toEqualTypeOf<Product | null>();
    expectTypeOf(cache.getOrSet("k", ({ key }) => key)).resolves.toEqualTypeOf<string>();
    const token = cache.getOrSet("token", async (load) => {
      const { value, expiresIn } = await fetchToken();
      load.setTimeout(expiresIn - 10);
      return value;
    });
    expectTypeOf(token).resolves.toEqualTypeOf<string>();
  });

  test("even if it may skip, or returns a value at once", () => {
    const maybe = cache.getOrSet("k", (load) => {
      if (Math.random() > 0.5) return 1;
      load.skip();
      return undefined;
    });
    expectTypeOf(maybe).resolves.toEqualTypeOf<number | undefined>();
    expectTypeOf(cache.getOrSet("k", { n: 1 })).resolves.toEqualTypeOf<{ n: number }>();
    expectTypeOf(cache.getOrSet("k", 7)).resolves.toEqualTypeOf<number>();
  });

  test("has the type of the stale value if the call, or the loader, states it", () => {
    void cache.getOrSet<Product | null>("k", ({ stale }) => {
      expectTypeOf(stale).toEqualTypeOf<Product | null | undefined>();
      return stale ?? null;
    });
    const annotated = cache.getOrSet("k", ({ stale }: LoadContext<Product>) => stale ?? { name: "new" });
    expectTypeOf(annotated).resolves.toEqualTypeOf<Product>();
    void cache.getOrSet("k", ({ stale }) => {
      expectTypeOf(stale).toEqualTypeOf<unknown>();
      return 1;
    });
    // @ts-expect-error the call says another type than the loader gives
    void cache.getOrSet<number>("k", ({ key }) => key);
  });

  test("also for many keys", () => {
    const map = cache.getOrSetMany(["a"], (missing, { signal }) => {
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      return new Map(missing.map((key) => [key, key.length]));
    });
    expectTypeOf(map).resolves.toEqualTypeOf<Map<string, number>>();
    const object = cache.getOrSetMany(["a"], async (missing) => ({ [String(missing[0])]: { n: 1 } }));
    expectTypeOf(object).resolves.toEqualTypeOf<Map<string, { n: number }>>();
    // @ts-expect-error an array has no keys
    void cache.getOrSetMany(["a"], (missing) => missing.map((key) => key.length));
  });
});

describe("memoize passes on the context of the load", () => {
  test("to a function that the loader returns, whose value is that of the memoized one", () => {
    const memoized = cache.memoize(
      (id: number, lang = "en") =>
        async ({ signal }: LoadContext) => ({ id, lang, isLate: signal.aborted }),
      { key: (id) => `p:${id}` },
    );
    expectTypeOf(memoized(1)).resolves.toEqualTypeOf<{ id: number; lang: string; isLate: boolean }>();
    // @ts-expect-error The calls share loads, so none has a signal of its own.
    cache.memoize(() => 1, { key: () => "k", signal: AbortSignal.timeout(1) });
  });
});

describe("memoize takes its parameters from the function", () => {
  test("optional ones stay optional", () => {
    const memoized = cache.memoize(async (id: number, lang = "en") => ({ id, lang }), {
      key: (id, lang) => `${id}:${lang}`,
    });
    expectTypeOf(memoized(1)).resolves.toEqualTypeOf<{ id: number; lang: string }>();
    expectTypeOf(memoized(1, "de")).resolves.toEqualTypeOf<{ id: number; lang: string }>();
    // @ts-expect-error the function takes a number
    void memoized("1");
  });

  test("the key may need fewer than the function", () => {
    const memoized = cache.memoize(async (id: number, requestId: string) => ({ id, requestId }), {
      key: (id) => `p:${id}`,
    });
    expectTypeOf(memoized(1, "req-7")).resolves.toEqualTypeOf<{ id: number; requestId: string }>();
    // @ts-expect-error the function needs both
    void memoized(1);
  });
});

test("calls refuse the same arguments as at run time", () => {
  // @ts-expect-error seconds in the place of the options
  expectTypeOf(cache.set("k", 1, 60)).toBeObject();
  // @ts-expect-error another library's name
  expectTypeOf(cache.set("k", 1, { ttl: 60 })).toBeObject();
  // @ts-expect-error tags are a list
  expectTypeOf(cache.set("k", 1, { tags: "news" })).toBeObject();
});
