import { expect, test } from "vitest";

import { memoryCacheStore } from "../../../src/stores/memory/index.ts";
import { Random } from "../../support/random.ts";
import { serverForTest } from "../../support/redis-connections.ts";
import { describeWithRedis } from "../../support/redis-server.ts";
import { scaled, seed } from "../../support/scale.ts";
import { openCache } from "./support.ts";

// Redis orders the bytes of a range in another way where `char` has no sign, as on ARM.
const BEYOND_ASCII = process.arch === "x64" ? ["é", "ü", "\u{1F36A}", "\u0080"] : [];
const PATTERN = [
  "*",
  "*",
  "?",
  "[",
  "[",
  "]",
  "]",
  "^",
  "-",
  "-",
  "\\",
  "\\",
  "a",
  "b",
  "c",
  "z",
  "\n",
  ...BEYOND_ASCII,
];
const KEY = ["a", "a", "b", "b", "c", "z", "]", "[", "^", "-", "\\", "*", "?", "\n", ...BEYOND_ASCII];

const KEYS_AT_ONCE = 50;

describeWithRedis("patterns of keys", () => {
  test(
    "mean to keys(), on Redis and in memory, what they mean to a real Redis",
    { timeout: 300_000 },
    async () => {
      const server = await serverForTest();
      const random = new Random(seed);
      const text = (alphabet: readonly string[], least: number): string =>
        Array.from({ length: random.integer(least, 8) }, () => random.pick(alphabet)).join("");
      const stores = [{}, { store: memoryCacheStore({ maxEntries: 1000 }) }];
      const caches = stores.map((each) => openCache(server, { keyPrefix: "globs", ...each }));
      const rounds = scaled(10_000, 300_000) / KEYS_AT_ONCE;
      for (let round = 0; round < rounds; round++) {
        const keys = Array.from({ length: KEYS_AT_ONCE }, () => text(KEY, 1));
        const values = new Map(keys.map((key) => [key, 1]));
        await Promise.all(caches.map((cache) => cache.setMany(values)));
        const patterns = Array.from({ length: KEYS_AT_ONCE }, () => text(PATTERN, 0));
        await Promise.all(
          patterns.map(async (pattern) => {
            const theirs = (await server.command("KEYS", `globs:1:${pattern}`)) as string[];
            const expected = theirs.map((key) => key.slice("globs:1:".length)).toSorted();
            for (const cache of caches) {
              const ours = (await cache.keys(pattern)).toSorted();
              expect(ours, `pattern ${JSON.stringify(pattern)}, SOJOURN_SEED=${seed}`).toEqual(expected);
            }
          }),
        );
        await Promise.all(caches.map((cache) => cache.clear()));
      }
    },
  );
});
