import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

import type { Clock } from "../../../src/core/clock.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { fileCacheStore, type FileCacheStoreOptions } from "../../../src/stores/file/index.ts";
import { describeCacheStore, ManualClock } from "../../../src/testing/index.ts";
import { deleteFolder, makeTemporaryFolder } from "../../support/temporary-folder.ts";
import { describeCacheRaces } from "./cache-races.ts";
import { FORMS } from "./cache-store-support.ts";
import { errorOf, later } from "./sql-support.ts";

describe("the file cache store", () => {
  const folder = makeTemporaryFolder("sojourn-file-cache");
  let folders = 0;

  afterAll(() => deleteFolder(folder));

  const freshLocation = (): string => join(folder, String(++folders));
  const open = (
    options: FileCacheStoreOptions,
    clock: Clock = new ManualClock(),
    values: "text" | "bytes" = "text",
  ) => fileCacheStore(options)({ redis: new RedisRegistry(), clock, values });

  for (const values of FORMS) {
    describeCacheStore({ describe, it: test.concurrent }, `file, values as ${values}`, {
      values,
      open: () => {
        const clock = new ManualClock();
        const store = open({ location: freshLocation() }, clock, values);
        return { store, advance: (span) => clock.advance(span) };
      },
    });
  }

  describeCacheRaces((clock) => {
    const location = freshLocation();
    return Promise.resolve([1, 2, 3].map(() => open({ location }, clock)));
  });

  test("the folder is made, closed to others, and a file has Django's name", async () => {
    const location = freshLocation();
    const store = open({ location });
    await store.set({ key: ":1:k", value: "42", ttl: null }, "always", later());
    expect(statSync(location).mode & 0o777).toBe(0o700);
    // hashlib.md5(b":1:k").hexdigest()
    expect(readdirSync(location)).toEqual(["86faa9ea774c6ce60e4513e14b3c0af9.djcache"]);
    expect(statSync(join(location, readdirSync(location)[0] ?? "")).mode & 0o777).toBe(0o600);
  });

  test("a file under the name of a key that belongs to another one is a miss", async () => {
    const location = freshLocation();
    const store = open({ location });
    await store.set({ key: "a", value: "1", ttl: null }, "always", later());
    await store.set({ key: "b", value: "2", ttl: null }, "always", later());
    const [one = "", other = ""] = readdirSync(location).map((name) => join(location, name));
    const [first, second] = [readFileSync(one), readFileSync(other)];
    writeFileSync(one, second);
    writeFileSync(other, first);
    expect(await store.getMany(["a", "b"], later())).toEqual([undefined, undefined]);
  });

  test("a file that is none of a cache is a miss and is replaced; a value that is no scalar is undecodable", async () => {
    const location = freshLocation();
    const store = open({ location });
    await store.set({ key: "a", value: "1", ttl: null }, "always", later());
    const file = join(location, readdirSync(location)[0] ?? "");
    for (const spoilt of ["", "spoilt", Buffer.from("8005950a0000000000000047", "hex")]) {
      writeFileSync(file, spoilt);
      expect(await store.get("a", later())).toBeUndefined();
      expect(await store.set({ key: "a", value: "2", ttl: null }, "if-absent", later())).toBe(true);
    }
    writeFileSync(file, Buffer.from("80054e2e00ff", "hex"));
    expect(await store.get("a", later())).toBe("AP8=");
  });

  test("beyond its maximum the entries that expire first make room, and leftovers; counters and locks never", async () => {
    const location = freshLocation();
    const clock = new ManualClock();
    const store = open({ location, maxEntries: 60, cullFrequency: 2 }, clock);
    const put = (start: string, count: number, ttl: number) =>
      store.setMany(
        Array.from({ length: count }, (_, index) => ({
          key: `${start}${index}`,
          value: '"v"',
          ttl: ttl + index,
        })),
        "always",
        later(),
      );
    const counters = Array.from({ length: 10 }, (_, index) => `counter${index}`);
    for (const key of counters) await store.incr(key, 1n, later(), { begin: { value: "1", ttl: 900_000 } });
    await store.acquireLock("lock", "t", 900_000, later());
    await store.lease({ key: "leased", token: "t", expected: undefined }, 1000, later());
    await put("expired", 20, 1000);
    clock.advance(60_000);
    const leftover = join(location, "x.djcache.0123456789abcdef.tmp");
    writeFileSync(leftover, "");
    utimesSync(leftover, 1, 1);
    await put("first", 40, 100_000);
    expect(countOf(location)).toBe(50);
    await put("second", 20, 900_000);
    expect(countOf(location)).toBe(35);
    expect((await store.getMany(["first0", "first34"], later())).every((value) => value === undefined)).toBe(
      true,
    );
    expect((await store.getMany(counters, later())).every((value) => value === "1")).toBe(true);
    expect(await store.lockHolder("lock", later())).toBe("t");
    expect(readdirSync(location).filter((name) => /\.(?:tmp|lease)$/.test(name))).toEqual([]);
  });

  test("a folder that others can write to is refused, and one that is gone is no miss", async () => {
    const location = freshLocation();
    const store = open({ location });
    await store.ping(later());
    deleteFolder(location);
    expect(await errorOf(store.get("a", later()))).toMatchObject({ code: "ERR_STORE_SERVICE" });
    expect(await errorOf(open({ location: "/tmp" }).get("a", later()))).toMatchObject({
      code: "ERR_IMPROPERLY_CONFIGURED",
    });
  });

  const countOf = (location: string): number =>
    readdirSync(location).filter((name) => name.endsWith(".djcache")).length;
});
