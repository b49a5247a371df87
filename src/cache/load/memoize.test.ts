import { expect, test } from "vitest";

import { openCache, ttlOf } from "../../../test/support/cache-harness.ts";
import type { LoadContext } from "./load-options.ts";

test("memoize keeps the results of a function under keys of their arguments", async () => {
  const { cache } = openCache();
  const calls: string[] = [];
  const quote = cache.memoize(
    (symbol: string, market: string) => {
      calls.push(symbol);
      return { symbol, market };
    },
    { key: (symbol, market) => `quote:${market}:${symbol}`, timeout: 10, version: 3 },
  );
  expect(await quote("A", "X")).toEqual({ symbol: "A", market: "X" });
  expect(await quote("A", "X")).toEqual({ symbol: "A", market: "X" });
  expect(await cache.ttl(quote.key("A", "X"), { version: 3 })).toBe(10);
  expect([await quote.delete("A", "X"), await quote.delete("A", "X")]).toEqual([true, false]);
  await quote("A", "X");
  expect(calls).toEqual(["A", "A"]);
});

test("memoize passes the context of the load to a function that the loader returns", async () => {
  const { cache, store } = openCache();
  const contexts: LoadContext[] = [];
  const rate = cache.memoize(
    (currency: string, digits = 2) =>
      async (context: LoadContext) => {
        contexts.push(context);
        if (currency === "none") context.skip();
        context.setTimeout("20s");
        return { currency, digits };
      },
    { key: (currency) => `rate:${currency}`, timeout: "1h" },
  );
  expect(await rate("EUR")).toEqual({ currency: "EUR", digits: 2 });
  expect(await rate("EUR", 3)).toEqual({ currency: "EUR", digits: 2 });
  expect(await ttlOf(store, "shop:1:rate:EUR")).toBe(20_000);
  expect(await rate("none", 4)).toEqual({ currency: "none", digits: 4 });
  expect(await cache.has("rate:none")).toBe(false);
  expect(contexts.map(({ key, signal }) => [key, signal.aborted])).toEqual([
    ["rate:EUR", false],
    ["rate:none", false],
  ]);
});
