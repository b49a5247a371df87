import { describe, expect, it } from "vitest";
import { withMembers } from "../../../test/support/session-harness.ts";

import { Deadline } from "../../core/deadlines.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import { newSessionKey, type SessionKey } from "../../core/ids.ts";
import { RedisRegistry } from "../../redis/registry.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { describeSessionStore } from "../../testing/session-store-contract/index.ts";
import { memoryCacheStore, memorySessionStore } from "../memory/index.ts";
import type { ClearProgress, SessionStore } from "../session-store.ts";
import type { SessionTombstones } from "../session-tombstones.ts";
import { cacheSessionStore } from "./index.ts";
import { withWriter } from "./writers-mark.ts";

const later = (): Deadline => new Deadline(30_000);
const etag = (record: string) => ({ start: 0, text: record });
const HOUR = 3_600_000;
const COMMITTED = { status: "committed" };

function open() {
  const clock = new ManualClock();
  const context = { projectName: "shop", redis: new RedisRegistry(), clock };
  const [cache, from] = [memoryCacheStore()(context), memorySessionStore()(context)];
  const store = (moves: boolean) =>
    cacheSessionStore({ store: () => cache, from: () => from, moves })(context);
  const cacheAlone = cacheSessionStore({ store: () => cache })(context);
  const at = (key: SessionKey) => `shop:sessions:1:django.contrib.sessions.cache${key}`;
  const held = async (key: SessionKey) => (await cache.get(at(key), later()))?.toString();
  return { clock, context, cache, from, follower: store(false), mover: store(true), cacheAlone, at, held };
}

/** Runs an action before or after a method of a store, once. */
function around<Store extends object>(
  store: Store,
  method: keyof Store,
  { before, after }: { before?: () => Promise<unknown>; after?: () => Promise<unknown> },
): void {
  const original = store[method] as (...args: unknown[]) => Promise<unknown>;
  Object.assign(store, {
    async [method](...args: unknown[]) {
      Object.assign(store, { [method]: original });
      await before?.();
      const answer = await original.apply(store, args);
      await after?.();
      return answer;
    },
  });
}

function failOnce<Store extends object>(store: Store, method: keyof Store): void {
  const fail = () => Promise.reject(new StoreConnectionError("away", { outcome: "unknown" }));
  around(store, method, { before: fail });
}

describe.each([
  ["cache, following a move", (opened: ReturnType<typeof open>) => opened.follower],
  ["cache, moving sessions into it", (opened: ReturnType<typeof open>) => opened.mover],
])("%s", (name, pick) => {
  describeSessionStore({ describe, it }, name, {
    noUsers: "a cache cannot keep one",
    open: () => {
      const opened = open();
      return { store: pick(opened), advance: (span) => opened.clock.advance(span) };
    },
  });
});

describe("a session that is moved", () => {
  it("is in the cache with its remaining time to live after the first read, and no longer in the other store", async () => {
    const { from, mover, follower, cacheAlone, clock } = open();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    clock.advance(HOUR / 2);
    expect(await mover.read(key, later())).toBe("one");
    expect(await from.read(key, later())).toBeUndefined();
    for (const store of [mover, follower, cacheAlone]) expect(await store.read(key, later())).toBe("one");
    clock.advance(HOUR / 2);
    for (const store of [mover, follower, cacheAlone]) expect(await store.read(key, later())).toBeUndefined();
  });

  it("stays where it is as long as instances only follow, and is found there by instances that know only the other store", async () => {
    const { from, follower, held } = open();
    const key = newSessionKey();
    await follower.create(key, "one", HOUR, later());
    expect(await follower.read(key, later())).toBe("one");
    expect(await follower.commit(key, "two", etag("one"), HOUR, later())).toEqual(COMMITTED);
    expect(await from.read(key, later())).toBe("two");
    expect(await held(key)).toBeUndefined();
  });

  it("is written to by all instances in its current place", async () => {
    const { from, mover, follower, cacheAlone } = open();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    await mover.read(key, later());
    expect(await follower.commit(key, "two", etag("one"), HOUR, later())).toEqual(COMMITTED);
    expect(await mover.touch(key, etag("two"), HOUR, later())).toEqual(COMMITTED);
    expect(await cacheAlone.read(key, later())).toBe("two");
    expect(await follower.create(key, "x", HOUR, later())).toEqual({ status: "exists" });
    expect(await follower.deleteIfMatch(key, etag("two"), later())).toEqual(COMMITTED);
    expect(await mover.read(key, later())).toBeUndefined();
  });

  it("is found by a reader that has looked in the cache just before it arrived there", async () => {
    const { from, mover, follower } = open();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    around(from, "read", { before: () => mover.read(key, later()) });
    expect(await follower.read(key, later())).toBe("one");
  });

  it("is created in the cache by an instance that moves, and not over one in the other store", async () => {
    const { from, mover, cacheAlone } = open();
    const [key, old] = [newSessionKey(), newSessionKey()];
    await from.create(old, "old", HOUR, later());
    expect(await mover.create(key, "one", HOUR, later())).toEqual({ status: "created" });
    expect(await cacheAlone.read(key, later())).toBe("one");
    expect(await mover.create(old, "one", HOUR, later())).toEqual({ status: "exists" });
  });
});

describe("moving beside writers", () => {
  it("a write between reading and moving is not lost: the session stays where it was written", async () => {
    const { from, mover, follower, held } = open();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    around(from, "readWithTtl", { after: () => follower.commit(key, "two", etag("one"), HOUR, later()) });
    await mover.read(key, later());
    expect(await held(key)).toBeUndefined();
    expect(await from.read(key, later())).toBe("two");
    expect(await mover.read(key, later())).toBe("two");
    expect(await held(key)).toBe("two");
  });

  it("a session is not moved during a write, even if a second writer is done sooner", async () => {
    const { from, mover, follower, held } = open();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    around(from, "commit", {
      before: async () => {
        expect((await follower.commit(key, "x", etag("old"), HOUR, later())).status).toBe("conflict");
        expect(await mover.read(key, later())).toBe("one");
        expect(await from.read(key, later())).toBe("one");
      },
    });
    expect(await follower.commit(key, "two", etag("one"), HOUR, later())).toEqual(COMMITTED);
    expect(await held(key)).toBeUndefined();
    expect(await mover.read(key, later())).toBe("two");
    expect(await held(key)).toBe("two");
  });

  it("a session that is deleted between reading and moving does not come back", async () => {
    for (const method of ["read", "readWithTtl"] as const) {
      const { from, mover, follower } = open();
      const key = newSessionKey();
      await from.create(key, "one", HOUR, later());
      around(from, method, { after: () => follower.delete(key, later()) });
      await (method === "read" ? follower : mover).read(key, later());
      for (const store of [mover, follower, from]) expect(await store.read(key, later())).toBeUndefined();
    }
  });

  it("a session that is deleted after it was moved and before it was deleted in the other store does not come back", async () => {
    const { from, mover, follower } = open();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    around(from, "delete", { before: () => follower.delete(key, later()) });
    await mover.read(key, later());
    for (const store of [mover, follower, from]) expect(await store.read(key, later())).toBeUndefined();
  });

  it("leftovers of an interrupted mover have no effect, and are gone after the next write", async () => {
    const { from, mover, follower, clock } = open();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    failOnce(from, "delete");
    expect(await mover.read(key, later())).toBe("one");
    expect(await from.read(key, later())).toBe("one");
    expect(await follower.commit(key, "two", etag("one"), 1000, later())).toEqual(COMMITTED);
    expect(await from.read(key, later())).toBeUndefined();
    clock.advance(1000);
    for (const store of [mover, follower]) expect(await store.read(key, later())).toBeUndefined();
  });

  it("a writer that never reports its end keeps the session where it is for 30 seconds", async () => {
    const { from, mover, follower, clock, held } = open();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    failOnce(from, "commit");
    await expect(follower.commit(key, "two", etag("one"), HOUR, later())).rejects.toMatchObject({
      outcome: "unknown",
    });
    expect(await mover.read(key, later())).toBe("one");
    expect(await mover.commit(key, "two", etag("one"), HOUR, later())).toEqual(COMMITTED);
    expect(await from.read(key, later())).toBe("two");
    clock.advance(30_000);
    expect(await mover.read(key, later())).toBe("two");
    expect(await held(key)).toBe("two");
  });

  it("a cache that is unavailable before anything was written makes the write fail as not sent", async () => {
    const { from, cache, follower, mover } = open();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    failOnce(cache, "setMany");
    await expect(follower.commit(key, "two", etag("one"), HOUR, later())).rejects.toMatchObject({
      outcome: "not-sent",
    });
    await mover.read(key, later());
    failOnce(from, "delete");
    await expect(mover.commit(key, "two", etag("one"), HOUR, later())).rejects.toMatchObject({
      outcome: "not-sent",
    });
    expect(await mover.read(key, later())).toBe("one");
  });
});

describe("a read that the other store has answered", () => {
  it.each(["fill", "release"] as const)(
    "succeeds, though the cache fails at its last step: %s",
    async (method) => {
      const { from, mover, cache } = open();
      const key = newSessionKey();
      if (method === "fill") await from.create(key, "one", HOUR, later());
      failOnce(cache, method);
      expect(await mover.read(key, later())).toBe(method === "fill" ? "one" : undefined);
    },
  );

  it("a write that was certainly refused leaves no mark: the next read moves the session", async () => {
    const { from, follower, mover, held } = open();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    const fail = () => Promise.reject(new StoreConnectionError("away", { outcome: "not-sent" }));
    around(from, "commit", { before: fail });
    await expect(follower.commit(key, "two", etag("one"), HOUR, later())).rejects.toMatchObject({
      outcome: "not-sent",
    });
    expect(await mover.read(key, later())).toBe("one");
    expect(await held(key)).toBe("one");
  });
});

describe("a session that is deleted", () => {
  it("stays dead when another instance reads it between the two stores", async () => {
    const { from, mover, follower } = open();
    for (const store of [mover, follower]) {
      const key = newSessionKey();
      await from.create(key, "one", HOUR, later());
      around(from, "delete", {
        before: () => mover.read(key, later()),
        after: () => mover.read(key, later()),
      });
      await store.delete(key, later());
      expect(await mover.read(key, later())).toBeUndefined();
      expect(await from.read(key, later())).toBeUndefined();
    }
  });

  it("is gone for writers, even if others have put their mark in its place", async () => {
    const { from, cache, mover, at } = open();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    await mover.read(key, later());
    const mark = { key: at(key), value: withWriter(undefined, "writer", 0), ttl: HOUR };
    around(from, "delete", { after: () => cache.setMany([mark], "always", later()) });
    expect(await mover.commit(key, "two", etag("one"), HOUR, later())).toEqual({ status: "gone" });
  });

  it("stays dead if another instance has begun to move it", async () => {
    const { from, cache, mover } = open();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    around(cache, "fill", { before: () => mover.delete(key, later()) });
    await mover.read(key, later());
    expect(await mover.read(key, later())).toBeUndefined();
  });
});

describe("clearExpired", () => {
  it("moves all sessions that no request has read, and returns the number of expired ones it has deleted", async () => {
    const { from, mover, cacheAlone, clock } = open();
    const keys = Array.from({ length: 50 }, newSessionKey);
    await Promise.all(keys.map((key) => from.create(key, `record ${key}`, HOUR, later())));
    await from.create(newSessionKey(), "short", 1000, later());
    clock.advance(1000);
    expect(await mover.clearExpired(later)).toBeLessThanOrEqual(1);
    expect(await keysOf(from)).toEqual([]);
    for (const key of keys) expect(await cacheAlone.read(key, later())).toBe(`record ${key}`);
  });

  it("removes leftovers of movers", async () => {
    const { from, mover, cacheAlone } = open();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    failOnce(from, "delete");
    expect(await mover.read(key, later())).toBe("one");
    await mover.clearExpired(later);
    expect(await keysOf(from)).toEqual([]);
    expect(await cacheAlone.read(key, later())).toBe("one");
  });

  it("reports after each step the number of moved sessions, and after the last one the deleted ones", async () => {
    const { from, mover, clock } = open();
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

  it("ends with an error thrown in onProgress; moved sessions stay moved, and the next run moves the rest", async () => {
    const { from, mover, cacheAlone } = open();
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

  it("leaves sessions that are being written, and loses no write that comes in between", async () => {
    const { from, mover, follower, cache, cacheAlone, at } = open();
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

  it("ends with the error of a cache that fails on the way, and loses nothing", async () => {
    for (const method of ["getMany", "lease", "fill"] as const) {
      const { from, mover, cache } = open();
      const keys = Array.from({ length: 150 }, newSessionKey);
      await Promise.all(keys.map((key) => from.create(key, key, HOUR, later())));
      failOnce(cache, method);
      await expect(mover.clearExpired(later)).rejects.toThrow(StoreConnectionError);
      for (const key of keys) expect(await mover.read(key, later())).toBe(key);
    }
  });

  it("moves nothing with moves: false", async () => {
    const { from, follower, held } = open();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    await follower.clearExpired(later);
    expect(await held(key)).toBeUndefined();
    expect(await keysOf(from)).toEqual([key]);
  });
});

describe("tombstones during a move", () => {
  const MINUTE = 60_000;
  type Opened = ReturnType<typeof open>;
  type Side = (opened: Opened) => SessionStore;
  const [stepBefore, stepFollowing, stepMoving, stepAfter] = [
    ({ from }: Opened) => from,
    (opened: Opened) => opened.follower,
    (opened: Opened) => opened.mover,
    ({ cacheAlone }: Opened) => cacheAlone,
  ] as const satisfies Side[];
  const neighbours: [string, Side, Side][] = [
    ["the store that sessions come from, and a follower", stepBefore, stepFollowing],
    ["a follower and a mover", stepFollowing, stepMoving],
    ["a mover and the cache alone", stepMoving, stepAfter],
  ];

  describe.each(neighbours)("between %s", (_, one, two) => {
    it.each([
      ["there", one, two],
      ["back", two, one],
    ])("an addition or a replacement by one is read by the other: %s", async (_way, writer, reader) => {
      const opened = open();
      const [{ tombstones: written }, { tombstones: read }] = [writer(opened), reader(opened)];
      expect(await written?.add("name", "moved", MINUTE, later())).toBeUndefined();
      expect(await read?.read("name", later())).toBe("moved");
      expect(await read?.add("name", "late", MINUTE, later())).toBe("moved");
      await written?.replace("name", "ended", MINUTE, later());
      expect(await read?.read("name", later())).toBe("ended");
      expect(await read?.add("name", "late", MINUTE, later())).toBe("ended");
      expect(await written?.add("name", "later", MINUTE, later())).toBe("ended");
    });

    it("a deletion by the first is visible to both", async () => {
      const opened = open();
      const [{ tombstones: deleting }, { tombstones: other }] = [one(opened), two(opened)];
      await other?.add("name", "moved", MINUTE, later());
      await deleting?.delete("name", later());
      for (const tombstones of [deleting, other])
        expect(await tombstones?.read("name", later())).toBeUndefined();
    });

    it("of 20 parallel additions exactly one is stored, and all return it", async () => {
      const opened = open();
      const texts = Array.from({ length: 20 }, (__, index) => `addition ${index}`);
      const answers = await Promise.all(
        texts.map(async (text, index) =>
          (index % 2 === 0 ? one : two)(opened).tombstones?.add("name", text, MINUTE, later()),
        ),
      );
      const stored = await one(opened).tombstones?.read("name", later());
      expect(answers).toEqual(texts.map((text) => (text === stored ? undefined : stored)));
      expect(await two(opened).tombstones?.read("name", later())).toBe(stored);
    });
  });

  it("an addition in the cache that comes in between is the one that counts", async () => {
    const opened = open();
    const { from, cacheAlone, mover } = opened;
    around(from.tombstones as SessionTombstones, "add", {
      after: async () => cacheAlone.tombstones?.add("name", "of the cache", MINUTE, later()),
    });
    expect(await mover.tombstones?.add("name", "of the mover", MINUTE, later())).toBe("of the cache");
    for (const { tombstones } of [from, opened.follower, mover, cacheAlone]) {
      expect(await tombstones?.read("name", later())).toBe("of the cache");
    }
  });

  it("an addition that another instance has begun in the other store is completed", async () => {
    const { from, follower, mover, cacheAlone } = open();
    await from.tombstones?.add("name", "begun", MINUTE, later());
    expect(await mover.tombstones?.add("name", "late", MINUTE, later())).toBe("begun");
    expect(await follower.tombstones?.read("name", later())).toBe("begun");
    expect(await cacheAlone.tombstones?.read("name", later())).toBe("begun");
  });

  it("are those of the cache if the other store has none", async () => {
    const { context, cache, from, cacheAlone } = open();
    const bare = new Proxy(from, {
      get: (target, name): unknown => (name === "tombstones" ? undefined : Reflect.get(target, name)),
    });
    const { tombstones } = cacheSessionStore({ store: () => cache, from: () => bare })(context);
    await tombstones?.add("name", "moved", MINUTE, later());
    expect(await cacheAlone.tombstones?.read("name", later())).toBe("moved");
  });
});

it("stores that sessions cannot be moved from or into are refused at start, and so is moves without from", () => {
  const { context, cache, from } = open();
  const weak = withMembers(cache, { name: "weak", capabilities: { ...cache.capabilities, leases: false } });
  expect(() => cacheSessionStore({ store: () => weak, from: () => from })(context)).toThrow(
    'cacheSessionStore.store: the store "weak" has no leases',
  );
  const mute = withMembers<SessionStore>(from, { name: "mute", readWithTtl: undefined });
  expect(() => cacheSessionStore({ store: () => cache, from: () => mute })(context)).toThrow(
    'cacheSessionStore.from: the store "mute" does not report the remaining time to live of a record',
  );
  expect(() => cacheSessionStore({ store: () => cache, moves: true })(context)).toThrow(
    "cacheSessionStore.moves",
  );
});

async function keysOf(store: SessionStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.scan(later)) keys.push(key);
  return keys;
}
