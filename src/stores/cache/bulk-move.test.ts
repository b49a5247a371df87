import { describe, expect, test } from "vitest";
import { openMove } from "../../../test/support/moving-store.ts";
import { around, etag, failOnce, HOUR, later } from "../../../test/support/store-steps.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import { newSessionKey } from "../../core/ids.ts";
import type { ClearProgress, SessionStore } from "../session-store.ts";
import { withWriter } from "./writers-mark.ts";

describe("clearExpired", () => {
  test("moves all sessions that no request has read, and returns the number of expired ones it has deleted", async () => {
    const { from, mover, cacheAlone, clock } = openMove();
    const keys = Array.from({ length: 50 }, newSessionKey);
    await Promise.all(keys.map((key) => from.create(key, `record ${key}`, HOUR, later())));
    await from.create(newSessionKey(), "short", 1000, later());
    clock.advance(1000);
    expect(await mover.clearExpired(later)).toBeLessThanOrEqual(1);
    expect(await keysOf(from)).toEqual([]);
    for (const key of keys) expect(await cacheAlone.read(key, later())).toBe(`record ${key}`);
  });

  test("removes leftovers of movers", async () => {
    const { from, mover, cacheAlone } = openMove();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    failOnce(from, "delete");
    expect(await mover.read(key, later())).toBe("one");
    await mover.clearExpired(later);
    expect(await keysOf(from)).toEqual([]);
    expect(await cacheAlone.read(key, later())).toBe("one");
  });

  test("reports after each step the number of moved sessions, and after the last one the deleted ones", async () => {
    const { from, mover, clock } = openMove();
    await Promise.all(Array.from({ length: 250 }, () => from.create(newSessionKey(), "one", HOUR, later())));
    await from.create(newSessionKey(), "short", 1000, later());
    clock.advance(1000);
    const steps: ClearProgress[] = [];
    await mover.clearExpired(later, (progress) => steps.push(progress));
    const moved = steps.map((step) => step.moved ?? 0);
    expect(moved.length).toBeGreaterThanOrEqual(3);
    expect(moved.toSorted((one, two) => one - two)).toEqual(moved);
    expect(moved.at(-1)).toBe(250);
  });

  test("ends with an error thrown in onProgress; moved sessions stay moved, and the next run moves the rest", async () => {
    const { from, mover, cacheAlone } = openMove();
    const keys = Array.from({ length: 1000 }, newSessionKey);
    await Promise.all(keys.map((key) => from.create(key, key, HOUR, later())));
    const stop = (): never => {
      throw new Error("The time is up.");
    };
    await expect(mover.clearExpired(later, stop)).rejects.toThrow("The time is up.");
    expect((await keysOf(from)).length).toBeLessThan(1000);
    expect((await keysOf(from)).length).toBeGreaterThan(0);
    await mover.clearExpired(later);
    for (const key of keys) expect(await cacheAlone.read(key, later())).toBe(key);
    expect(await keysOf(from)).toEqual([]);
  });

  test("leaves sessions that are being written, and loses no write that comes in between", async () => {
    const { from, mover, follower, cache, cacheAlone, at } = openMove();
    const keys = Array.from({ length: 300 }, newSessionKey);
    await Promise.all(keys.map((key) => from.create(key, "one", HOUR, later())));
    const [marked = "", written = "", deleted = ""] = keys;
    await cache.setMany(
      [{ key: at(marked), value: withWriter(undefined, "writer", 0), ttl: HOUR }],
      "always",
      later(),
    );
    around(cache, "fill", {
      before: async () => {
        await follower.commit(written, "two", etag("one"), HOUR, later());
        await follower.delete(deleted, later());
      },
    });
    await mover.clearExpired(later);
    const left = await keysOf(from);
    expect(left).toContain(marked);
    expect(left).not.toContain(deleted);
    expect(left.length).toBeLessThanOrEqual(2);
    expect(await mover.read(written, later())).toBe("two");
    expect(await mover.read(deleted, later())).toBeUndefined();
    for (const key of keys.slice(3)) expect(await cacheAlone.read(key, later())).toBe("one");
  });

  test("ends with the error of a cache that fails on the way, and loses nothing", async () => {
    for (const method of ["getMany", "lease", "fill"] as const) {
      const { from, mover, cache } = openMove();
      const keys = Array.from({ length: 150 }, newSessionKey);
      await Promise.all(keys.map((key) => from.create(key, key, HOUR, later())));
      failOnce(cache, method);
      await expect(mover.clearExpired(later)).rejects.toThrow(StoreConnectionError);
      for (const key of keys) expect(await mover.read(key, later())).toBe(key);
    }
  });

  test("moves nothing with moves: false", async () => {
    const { from, follower, held } = openMove();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    await follower.clearExpired(later);
    expect(await held(key)).toBeUndefined();
    expect(await keysOf(from)).toEqual([key]);
  });
});

async function keysOf(store: SessionStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.scan(later)) keys.push(key);
  return keys;
}
