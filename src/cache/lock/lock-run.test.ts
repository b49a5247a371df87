import { afterEach, describe, expect, test, vi } from "vitest";

import { expectLockError, openLocks } from "../../../test/support/locks.ts";
import { turn } from "../../../test/support/cache-harness.ts";
import { errorOf } from "../../../test/support/redis-connections.ts";
import type { CacheLock } from "./lock.ts";

afterEach(() => void vi.useRealTimers());

describe("run", () => {
  test("returns the function's result, and releases the lock", async () => {
    const { lock } = openLocks();
    const held = lock();
    const result = await held.run(async (signal) => [await held.isOwned(), signal.aborted, held.isHeld]);
    expect(result).toEqual([true, false, true]);
    expect(await held.isLocked()).toBe(false);
  });

  test("runs functions one after the other, each under its own lock", async () => {
    const { lock } = openLocks();
    let [running, most] = [0, 0];
    const work = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await turn();
      running--;
    };
    await Promise.all(Array.from({ length: 10 }, () => lock({ timeout: "1h" }).run(work)));
    expect(most).toBe(1);
  });

  test("does not run the function when the lock cannot be acquired", async () => {
    const { lock, giveTo } = openLocks();
    await giveTo("theirs");
    const work = vi.fn<() => void>();
    expectLockError(await errorOf(lock({ blockingTimeout: 1 }).run(work)), "busy");
    expect(work).not.toHaveBeenCalled();
  });

  test("throws the function's error after releasing the lock", async () => {
    const { lock } = openLocks();
    const held = lock();
    await expect(held.run(() => Promise.reject(new Error("mine")))).rejects.toThrow("mine");
    expect(await held.isLocked()).toBe(false);
  });

  test("throws the function's error even when the lock was lost", async () => {
    const { lock, giveTo } = openLocks();
    const failing = lock().run(async () => {
      await giveTo("theirs");
      throw new Error("mine");
    });
    await expect(failing).rejects.toThrow("mine");
  });

  test("a lock that was lost while the function ran is an error, and stays with its new holder", async () => {
    const { lock, giveTo, holder } = openLocks();
    expectLockError(await errorOf(lock().run(() => giveTo("theirs"))), "lost");
    expect(await holder()).toBe("theirs");
  });

  test("a function may release the lock itself", async () => {
    const { lock } = openLocks();
    const held = lock();
    expect(await held.run(async () => (await held.release(), "done"))).toBe("done");
  });

  test.each<[string, number, number, number[]]>([
    ["as it was", 10, 10, [5000, 4999, 1]],
    ["extended to more", 10, 20, [10_000, 9999, 1]],
    ["extended to less", 100, 5, [1000, 3999, 1]],
  ])("the signal aborts when the lock expires: %s", async (_, timeout, extension, spans) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { lock, clock } = openLocks();
    const held = lock({ timeout });
    const seen: boolean[] = [];
    const running = held.run(async (signal) => {
      await held.extend(extension);
      for (const span of spans) {
        clock.advance(span);
        vi.advanceTimersByTime(span);
        seen.push(signal.aborted);
      }
      expectLockError(signal.reason, "lost");
    });
    expectLockError(await errorOf(running), "lost");
    expect(seen).toEqual([false, false, true]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each<[string, (held: CacheLock) => Promise<unknown>]>([
    ["extend", (held) => held.extend().catch(() => {})],
    ["isOwned", (held) => held.isOwned()],
  ])("the signal aborts as soon as %s finds that the lock is lost", async (_, find) => {
    const { lock, giveTo } = openLocks();
    const held = lock();
    let isAborted: boolean | undefined;
    const running = held.run(async (signal) => {
      await giveTo("theirs");
      await find(held);
      isAborted = signal.aborted;
    });
    expectLockError(await errorOf(running), "lost");
    expect(isAborted).toBe(true);
  });

  test("a timeout longer than a timer's maximum is not cut short", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { lock, clock } = openLocks();
    const states: boolean[] = [];
    const running = lock({ timeout: "31d" }).run((signal) => {
      // Day by day, as a timer that comes early waits by milliseconds for the clock to follow.
      for (let day = 1; day <= 31; day++) {
        clock.advance(86_400_000);
        vi.advanceTimersByTime(86_400_000);
        states.push(signal.aborted);
      }
    });
    expectLockError(await errorOf(running), "lost");
    expect(states.indexOf(true)).toBe(30);
  });
});
