import { describe, expect, test } from "vitest";
import { withMembers } from "../../../test/support/session-harness.ts";
import { openMove } from "../../../test/support/moving-store.ts";
import { around, etag, failOnce, HOUR, later } from "../../../test/support/store-steps.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import { newSessionKey } from "../../core/ids.ts";
import { describeSessionStore } from "../../testing/session-store-contract/index.ts";
import type { SessionStore } from "../session-store.ts";
import { cacheSessionStore } from "./index.ts";
import { withWriter } from "./writers-mark.ts";

const COMMITTED = { status: "committed" };

describe.each([
  ["cache, following a move", (opened: ReturnType<typeof openMove>) => opened.follower],
  ["cache, moving sessions into it", (opened: ReturnType<typeof openMove>) => opened.mover],
])("%s", (name, pick) => {
  describeSessionStore({ describe, it: test }, name, {
    noUsers: "a cache cannot keep one",
    open: () => {
      const opened = openMove();
      return { store: pick(opened), advance: (span) => opened.clock.advance(span) };
    },
  });
});

describe("a session that is moved", () => {
  test("is in the cache with its remaining time to live after the first read, and no longer in the other store", async () => {
    const { from, mover, follower, cacheAlone, clock } = openMove();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    clock.advance(HOUR / 2);
    expect(await mover.read(key, later())).toBe("one");
    expect(await from.read(key, later())).toBeUndefined();
    for (const store of [mover, follower, cacheAlone]) expect(await store.read(key, later())).toBe("one");
    clock.advance(HOUR / 2);
    for (const store of [mover, follower, cacheAlone]) expect(await store.read(key, later())).toBeUndefined();
  });

  test("stays where it is as long as instances only follow, and is found there by instances that know only the other store", async () => {
    const { from, follower, held } = openMove();
    const key = newSessionKey();
    await follower.create(key, "one", HOUR, later());
    expect(await follower.read(key, later())).toBe("one");
    expect(await follower.commit(key, "two", etag("one"), HOUR, later())).toEqual(COMMITTED);
    expect(await from.read(key, later())).toBe("two");
    expect(await held(key)).toBeUndefined();
  });

  test("is written to by all instances in its current place", async () => {
    const { from, mover, follower, cacheAlone } = openMove();
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

  test("is found by a reader that has looked in the cache just before it arrived there", async () => {
    const { from, mover, follower } = openMove();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    around(from, "read", { before: () => mover.read(key, later()) });
    expect(await follower.read(key, later())).toBe("one");
  });

  test("is created in the cache by an instance that moves, and not over one in the other store", async () => {
    const { from, mover, cacheAlone } = openMove();
    const [key, old] = [newSessionKey(), newSessionKey()];
    await from.create(old, "old", HOUR, later());
    expect(await mover.create(key, "one", HOUR, later())).toEqual({ status: "created" });
    expect(await cacheAlone.read(key, later())).toBe("one");
    expect(await mover.create(old, "one", HOUR, later())).toEqual({ status: "exists" });
  });
});

describe("moving beside writers", () => {
  test("a write between reading and moving is not lost: the session stays where it was written", async () => {
    const { from, mover, follower, held } = openMove();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    around(from, "readWithTtl", { after: () => follower.commit(key, "two", etag("one"), HOUR, later()) });
    await mover.read(key, later());
    expect(await held(key)).toBeUndefined();
    expect(await from.read(key, later())).toBe("two");
    expect(await mover.read(key, later())).toBe("two");
    expect(await held(key)).toBe("two");
  });

  test("a session is not moved during a write, even if a second writer is done sooner", async () => {
    const { from, mover, follower, held } = openMove();
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

  test("a session that is deleted between reading and moving does not come back", async () => {
    for (const method of ["read", "readWithTtl"] as const) {
      const { from, mover, follower } = openMove();
      const key = newSessionKey();
      await from.create(key, "one", HOUR, later());
      around(from, method, { after: () => follower.delete(key, later()) });
      await (method === "read" ? follower : mover).read(key, later());
      for (const store of [mover, follower, from]) expect(await store.read(key, later())).toBeUndefined();
    }
  });

  test("a session that is deleted after it was moved and before it was deleted in the other store does not come back", async () => {
    const { from, mover, follower } = openMove();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    around(from, "delete", { before: () => follower.delete(key, later()) });
    await mover.read(key, later());
    for (const store of [mover, follower, from]) expect(await store.read(key, later())).toBeUndefined();
  });

  test("leftovers of an interrupted mover have no effect, and are gone after the next write", async () => {
    const { from, mover, follower, clock } = openMove();
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

  test("a writer that never reports its end keeps the session where it is for 30 seconds", async () => {
    const { from, mover, follower, clock, held } = openMove();
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

  test("a cache that is unavailable before anything was written makes the write fail as not sent", async () => {
    const { from, cache, follower, mover } = openMove();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    failOnce(cache, "set");
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

  test("a write that was certainly refused leaves no mark: the next read moves the session", async () => {
    const { from, follower, mover, held } = openMove();
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

describe("a read that the other store has answered", () => {
  test.each(["fill", "release"] as const)(
    "succeeds, though the cache fails at its last step: %s",
    async (method) => {
      const { from, mover, cache } = openMove();
      const key = newSessionKey();
      if (method === "fill") await from.create(key, "one", HOUR, later());
      failOnce(cache, method);
      expect(await mover.read(key, later())).toBe(method === "fill" ? "one" : undefined);
    },
  );
});

describe("a session that is deleted", () => {
  test("stays dead when another instance reads it between the two stores", async () => {
    const { from, mover, follower } = openMove();
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

  test("is gone for writers, even if others have put their mark in its place", async () => {
    const { from, cache, mover, at } = openMove();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    await mover.read(key, later());
    const mark = { key: at(key), value: withWriter(undefined, "writer", 0), ttl: HOUR };
    around(from, "delete", { after: () => cache.setMany([mark], "always", later()) });
    expect(await mover.commit(key, "two", etag("one"), HOUR, later())).toEqual({ status: "gone" });
  });

  test("stays dead if another instance has begun to move it", async () => {
    const { from, cache, mover } = openMove();
    const key = newSessionKey();
    await from.create(key, "one", HOUR, later());
    around(cache, "fill", { before: () => mover.delete(key, later()) });
    expect(await mover.read(key, later())).toBeUndefined();
    expect(await mover.read(key, later())).toBeUndefined();
  });
});

test("stores that sessions cannot be moved from or into are refused at start, and so is moves without from", () => {
  const { context, cache, from } = openMove();
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
