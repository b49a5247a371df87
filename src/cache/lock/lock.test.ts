import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";

import { expectLockError, KEY, openLocks } from "../../../test/support/locks.ts";
import { turn } from "../../../test/support/cache-harness.ts";
import { errorOf } from "../../../test/support/redis-connections.ts";
import { CacheUsageError, StoreConnectionError } from "../../core/errors.ts";
import type { CacheStore } from "../../stores/cache-store.ts";
import { CacheLock } from "./lock.ts";
import type { LockOptions } from "./lock-options.ts";

const lostAnswer = (outcome: "not-sent" | "unknown") => new StoreConnectionError("gone", { outcome });

afterEach(() => void vi.useRealTimers());

describe("a lock", () => {
  test("is held by one caller at a time; another gets it when it is released", async () => {
    const { lock } = openLocks();
    const [first, second] = [lock(), lock({ blocking: false })];
    expect(await first.acquire()).toBe(true);
    expect(await second.acquire()).toBe(false);
    expect([first.isHeld, second.isHeld]).toEqual([true, false]);
    expect([await first.isOwned(), await second.isOwned(), await second.isLocked()]).toEqual([
      true,
      false,
      true,
    ]);
    await first.release();
    expect([first.isHeld, await first.isOwned(), await second.isLocked()]).toEqual([false, false, false]);
    expect(await second.acquire()).toBe(true);
  });

  test("is free again when it has expired, and its former holder can acquire it again", async () => {
    const { lock, clock } = openLocks();
    const [first, second] = [lock({ timeout: "2s" }), lock({ blocking: false })];
    await first.acquire();
    clock.advance(1999);
    expect(await second.acquire()).toBe(false);
    clock.advance(1);
    expect(first.isHeld).toBe(false);
    expect(await second.acquire()).toBe(true);
    await second.release();
    expect(await first.acquire()).toBe(true);
  });

  test("that another caller holds by now stays: release, extend and isOwned find it lost", async () => {
    const { lock, clock, holder } = openLocks();
    for (const call of [(late: CacheLock) => late.release(), (late: CacheLock) => late.extend()]) {
      const [late, other] = [lock({ timeout: 1 }), lock({ timeout: 100 })];
      await late.acquire();
      clock.advance(1000);
      await other.acquire();
      const theirs = await holder();
      expectLockError(await errorOf(call(late)), "lost");
      expect(await holder()).toBe(theirs);
      expectLockError(await errorOf(late.release()), "not-held");
      await other.release();
    }
    const [late, other] = [lock({ timeout: 1 }), lock()];
    await late.acquire();
    clock.advance(1000);
    await other.acquire();
    expect(await late.isOwned()).toBe(false);
    expect(await other.isOwned()).toBe(true);
  });

  test("lives from an extension on for the given time, by default the lock's own", async () => {
    const { lock, clock } = openLocks();
    const [held, other] = [lock({ timeout: 10 }), lock({ blocking: false })];
    await held.acquire();
    clock.advance(9000);
    await held.extend();
    clock.advance(9999);
    expect([held.isHeld, await other.acquire()]).toEqual([true, false]);
    await held.extend("2s");
    clock.advance(2000);
    expect([held.isHeld, await other.acquire()]).toEqual([false, true]);
  });

  test("released, or never acquired, it can be neither released nor extended", async () => {
    const { lock } = openLocks();
    const held = lock();
    expectLockError(await errorOf(held.release()), "not-held");
    await held.acquire();
    await held.release();
    expectLockError(await errorOf(held.release()), "not-held");
    expectLockError(await errorOf(held.extend()), "not-held");
  });

  test("one object is one holder: it cannot acquire a lock that it holds or is acquiring", async () => {
    const { lock } = openLocks();
    const held = lock();
    const first = held.acquire();
    await expect(held.acquire()).rejects.toThrow(CacheUsageError);
    expect(await first).toBe(true);
    await expect(held.run(() => 1)).rejects.toThrow(CacheUsageError);
  });

  test("has a fencing token that grows with each holder, and none while it is not held", async () => {
    const { lock, clock } = openLocks();
    const [first, second] = [lock({ timeout: 1 }), lock()];
    expect(first.fencingToken).toBeUndefined();
    await first.acquire();
    const token = first.fencingToken ?? Number.NaN;
    expect(Number.isSafeInteger(token)).toBe(true);
    await first.extend();
    expect(first.fencingToken).toBe(token);
    clock.advance(1000);
    expect(first.fencingToken).toBeUndefined();
    await second.acquire();
    expect(second.fencingToken).toBeGreaterThan(token);
    const seen = second.fencingToken ?? Number.NaN;
    await second.release();
    expect(second.fencingToken).toBeUndefined();
    expect(await lock().run((_, fencingToken) => fencingToken)).toBeGreaterThan(seen);
  });

  test("disposing of it releases it if it is held", async () => {
    const { lock } = openLocks();
    const held = lock();
    await held.acquire();
    await held[Symbol.asyncDispose]();
    expect(await held.isLocked()).toBe(false);
    await expect(held[Symbol.asyncDispose]()).resolves.toBeUndefined();
  });
});

describe("waiting for a lock", () => {
  test("goes on until the holder releases it, with pauses of 0.5 to 1.5 times sleep", async () => {
    const { lock, pauses } = openLocks();
    const [first, second] = [lock({ timeout: "1h" }), lock({ sleep: "200ms" })];
    await first.acquire();
    const acquired = second.acquire();
    while (pauses.length < 50) await turn();
    await first.release();
    expect(await acquired).toBe(true);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...pauses)).toBeLessThan(300);
    expect(new Set(pauses).size).toBeGreaterThan(10);
  });

  test("ends with blockingTimeout, after a last try at its end", async () => {
    const { lock, clock, giveTo } = openLocks();
    await giveTo("theirs");
    const start = clock.monotonic();
    expect(await lock({ blockingTimeout: "1s", sleep: "300ms" }).acquire()).toBe(false);
    expect(clock.monotonic() - start).toBe(1000);
    expect(await lock({ blockingTimeout: 0 }).acquire()).toBe(false);
    expect(await lock({ blockingTimeout: 60 }).acquire({ blocking: false })).toBe(false);
    expect(clock.monotonic() - start).toBe(1000);
  });

  test("ends with the reason of the signal", async () => {
    const { lock, giveTo } = openLocks();
    await giveTo("theirs");
    const controller = new AbortController();
    const waiting = lock({ signal: controller.signal }).acquire();
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(lock().acquire({ signal: controller.signal })).rejects.toThrow("enough");
  });

  test("also ends in the middle of a pause, and without the tests' own pause", async () => {
    const { store, clock, newDeadline, giveTo } = openLocks();
    await giveTo("theirs");
    const controller = new AbortController();
    const lock = new CacheLock(KEY, { timeout: 1, sleep: "1h" }, { store, clock, newDeadline });
    const waiting = lock.acquire({ signal: controller.signal });
    await turn();
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });
});

describe("a store that fails", () => {
  test("an acquisition whose answer was lost throws, and its entry is released", async () => {
    const { lock, holder } = openLocks((store) => ({
      async acquireLock(...args) {
        await store.acquireLock(...args);
        throw lostAnswer("unknown");
      },
    }));
    const held = lock();
    await expect(held.acquire()).rejects.toMatchObject({ outcome: "unknown" });
    await turn();
    expect(await holder()).toBeUndefined();
    expect(held.isHeld).toBe(false);
  });

  test("if the release fails too, the first error is thrown, and the entry expires by its timeout", async () => {
    const { lock, holder, clock } = openLocks((store) => ({
      async acquireLock(...args) {
        await store.acquireLock(...args);
        throw lostAnswer("unknown");
      },
      releaseLock: () => Promise.reject(lostAnswer("not-sent")),
    }));
    await expect(lock({ timeout: "30s" }).acquire()).rejects.toMatchObject({ outcome: "unknown" });
    await turn();
    expect(await holder()).toBeTypeOf("string");
    clock.advance(30_000);
    expect(await holder()).toBeUndefined();
  });

  test("an acquisition that was not sent is not released", async () => {
    const takeBack = vi.fn<CacheStore["releaseLock"]>();
    const { lock } = openLocks(() => ({
      acquireLock: () => Promise.reject(lostAnswer("not-sent")),
      releaseLock: takeBack,
    }));
    await expect(lock().acquire()).rejects.toMatchObject({ outcome: "not-sent" });
    expect(takeBack).not.toHaveBeenCalled();
  });

  test("an answer that took longer than the lock's time to live grants no lock", async () => {
    const { lock, clock } = openLocks((store) => ({
      async acquireLock(...args) {
        const fence = await store.acquireLock(...args);
        clock.advance(200);
        return fence;
      },
    }));
    const held = lock({ timeout: "200ms", blocking: false });
    expect(await held.acquire()).toBe(false);
    expect(held.isHeld).toBe(false);
  });

  test("release can be called again after its answer was lost", async () => {
    let isDown = true;
    const { lock } = openLocks((store) => ({
      releaseLock: (...args) =>
        isDown ? Promise.reject(lostAnswer("not-sent")) : store.releaseLock(...args),
    }));
    const held = lock();
    await held.acquire();
    await expect(held.release()).rejects.toThrow(StoreConnectionError);
    expect(held.isHeld).toBe(true);
    isDown = false;
    await held.release();
    expect(await held.isLocked()).toBe(false);
  });
});

describe("options that cannot work are refused when the lock is made", () => {
  test.each<[string, object | undefined]>([
    ["no options", undefined],
    ["no timeout", {}],
    ["a timeout of null", { timeout: null }],
    ["a timeout of 0", { timeout: 0 }],
    ["a timeout without a unit", { timeout: "10" }],
    ["a negative sleep", { timeout: 1, sleep: -1 }],
    ["a sleep of 0", { timeout: 1, sleep: 0 }],
    ["a blockingTimeout that is no duration", { timeout: 1, blockingTimeout: "soon" }],
  ])("%s", (_, options) => {
    const { store, clock, newDeadline } = openLocks();
    expect(() => new CacheLock(KEY, options as LockOptions, { store, clock, newDeadline })).toThrow(
      CacheUsageError,
    );
  });

  test("an extension by 0", async () => {
    const { lock } = openLocks();
    const held = lock();
    onTestFinished(() => held[Symbol.asyncDispose]());
    await held.acquire();
    await expect(held.extend(0)).rejects.toThrow(CacheUsageError);
  });
});
