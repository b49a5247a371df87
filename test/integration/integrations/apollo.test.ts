import { type KeyValueCache, PrefixingKeyValueCache } from "@apollo/utils.keyvaluecache";
import { expect, test } from "vitest";

import { CacheUsageError, StoreConnectionError } from "../../../src/core/errors.ts";
import { apolloCache } from "../../../src/integrations/apollo/index.ts";
import { describeOnEngines, openUnreachable } from "./support.ts";

describeOnEngines("apolloCache", (open) => {
  test("texts with their times, beneath the library's prefixes", async () => {
    const cache = open({ timeout: 600 });
    const values: KeyValueCache = apolloCache(cache);
    const prefixed = new PrefixingKeyValueCache(values, "apq:");
    await prefixed.set("a", "query", { ttl: 900 });
    await prefixed.set("b", "query", { ttl: null });
    await prefixed.set("c", "query");
    expect(await prefixed.get("a")).toBe("query");
    expect(await prefixed.get("none")).toBeUndefined();
    expect(await cache.ttl("apollo:apq:a")).toBe(900);
    expect(await cache.ttl("apollo:apq:b")).toBeNull();
    expect(await cache.ttl("apollo:apq:c")).toBe(600);
    expect(await prefixed.delete("a")).toBe(true);
    expect(await prefixed.delete("a")).toBe(false);
    expect(await values.get("apq:b")).toBe("query");
  });

  test("prefixes keep caches apart, and wrong options are refused", async () => {
    const cache = open();
    await apolloCache(cache, { prefix: "one:" }).set("a", "1");
    expect(await apolloCache(cache).get("a")).toBeUndefined();
    const make = apolloCache as (...given: unknown[]) => unknown;
    expect(() => make({})).toThrow("apolloCache() expected a cache");
    expect(() => make(cache, { ttl: 1 })).toThrow(CacheUsageError);
    await expect(apolloCache(cache).set("a", "1", { ttl: Number.NaN })).rejects.toThrow(CacheUsageError);
  });
});

test("apolloCache with a server that cannot be reached: an error, or a miss if the cache says so", async () => {
  await expect(apolloCache(await openUnreachable()).get("a")).rejects.toThrow(StoreConnectionError);
  const lax = apolloCache(await openUnreachable({ onStoreError: "miss" }));
  expect(await lax.get("a")).toBeUndefined();
  await lax.set("a", "1");
});
