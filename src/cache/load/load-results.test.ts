import { describe, expect, test } from "vitest";

import { openCache } from "../../../test/support/cache-harness.ts";
import { NotJsonError } from "../../core/errors.ts";
import type { LoadContext, LoadOptions } from "./load-options.ts";

test("staleIfError covers a loader whose result JSON cannot hold, and an event reports it", async () => {
  const { cache, clock } = openCache();
  const options = { timeout: 10, staleIfError: "1h" } as const;
  const failures: unknown[] = [];
  cache.on("loadFailed", ({ error }) => failures.push(error));
  await cache.getOrSet("k", () => "old", options);
  clock.advance(11_000);
  expect(await cache.getOrSet<unknown>("k", () => Number.NaN, options)).toBe("old");
  expect(failures).toEqual([expect.any(NotJsonError)]);
});

describe("the tokens of tags live as long as an entry whose loader sets its timeout", () => {
  test.each<[string, (load: LoadContext) => unknown, LoadOptions, number]>([
    ["setTimeout", (load) => (load.setTimeout("24h"), 1), { timeout: 60 }, 24 * 3600],
    ["negativeTimeout", () => null, { timeout: 60, negativeTimeout: "24h" }, 24 * 3600],
    ["stale beyond both", (load) => (load.setTimeout("2h"), 1), { timeout: 60, stale: "48h" }, 2 * 3600],
  ])("%s", async (_, load, options, fresh) => {
    const { cache, clock } = openCache();
    await cache.getOrSet("k", load, { ...options, tags: ["a"] });
    clock.advance(fresh * 1000 - 1000);
    expect(await cache.has("k")).toBe(true);
    await cache.invalidateTags(["a"]);
    expect(await cache.has("k")).toBe(false);
  });

  test("also without expiry, and a shorter timeout costs no command", async () => {
    const { cache, clock, calls } = openCache();
    await cache.getOrSet("k", (load) => (load.setTimeout(null), 1), { tags: ["a"] });
    clock.advance(10 * 365 * 86_400_000);
    expect(await cache.get("k")).toBe(1);
    calls.length = 0;
    await cache.getOrSet("l", (load) => (load.setTimeout(1), 1), { tags: ["b"] });
    expect(calls.filter((name) => name === "ensureMany")).toHaveLength(1);
  });

  test("an invalidation during such a load leaves a miss", async () => {
    const { cache, other } = openCache();
    const result = cache.getOrSet(
      "k",
      async (load) => {
        await other().invalidateTags(["a"]);
        load.setTimeout("24h");
        return "old";
      },
      { tags: ["a"] },
    );
    expect(await result).toBe("old");
    expect(await cache.get("k")).toBeUndefined();
  });
});
