import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { MAX_TIMER, pause, settleWithin, startTimer, startUnreferencedTimer } from "./timers.ts";

const DAY = 86_400_000;
const SPANS = [1, 1000, MAX_TIMER, MAX_TIMER + 1, 25 * DAY, 30 * DAY, 400 * DAY];

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("startTimer", () => {
  test.each(SPANS)("calls once after %d ms, not before", (span) => {
    const call = vi.fn<() => void>();
    startTimer(span, call);
    vi.advanceTimersByTime(span - 1);
    expect(call).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(call).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(60 * DAY);
    expect(call).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("never calls after an endless span, and calls at once after 0", () => {
    const [never, atOnce] = [vi.fn<() => void>(), vi.fn<() => void>()];
    const timer = startTimer(Number.POSITIVE_INFINITY, never);
    startTimer(-5, atOnce);
    vi.advanceTimersByTime(400 * DAY);
    expect(never).not.toHaveBeenCalled();
    expect(atOnce).toHaveBeenCalledOnce();
    timer.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("is cancelled at any time, also in its second part", () => {
    const call = vi.fn<() => void>();
    const timer = startTimer(30 * DAY, call);
    vi.advanceTimersByTime(26 * DAY);
    timer.stop();
    timer.stop();
    vi.advanceTimersByTime(60 * DAY);
    expect(call).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("keeps the process alive, unless it is unreferenced, in its second part too", () => {
    const hasRef = vi.fn<(timer: NodeJS.Timeout) => boolean>();
    const original = globalThis.setTimeout;
    vi.spyOn(globalThis, "setTimeout").mockImplementation(((call: () => void, span: number) => {
      const timer = original(call, span);
      hasRef.mockImplementation(() => timer.hasRef());
      return timer;
    }) as typeof setTimeout);
    startTimer(30 * DAY, () => {});
    expect(hasRef({} as NodeJS.Timeout)).toBe(true);
    startUnreferencedTimer(30 * DAY, () => {});
    expect(hasRef({} as NodeJS.Timeout)).toBe(false);
    vi.advanceTimersByTime(26 * DAY);
    expect(hasRef({} as NodeJS.Timeout)).toBe(false);
    vi.restoreAllMocks();
  });
});

describe("settleWithin", () => {
  const within = (promise: Promise<string>, span: number) =>
    settleWithin<string, string>(promise, span, (resolve) => resolve("late"));
  const never = new Promise<string>(() => {});

  test.each(SPANS)("waits for %d ms, and no longer", async (span) => {
    const settled = vi.fn<(value: string) => void>();
    void within(never, span).then(settled);
    await vi.advanceTimersByTimeAsync(span - 1);
    expect(settled).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(settled).toHaveBeenCalledWith("late");
    expect(vi.getTimerCount()).toBe(0);
  });

  test("settles as the promise does, and leaves no timer", async () => {
    expect(await within(Promise.resolve("in time"), 30 * DAY)).toBe("in time");
    await expect(within(Promise.reject(new Error("failed")), 30 * DAY)).rejects.toThrow("failed");
    expect(vi.getTimerCount()).toBe(0);
  });

  test("rejects if the time-out does, whatever the promise does because of it", async () => {
    const controller = new AbortController();
    const aborted = new Promise<string>((_, reject) => {
      controller.signal.addEventListener("abort", () => reject(new Error("aborted")));
    });
    const waiting = settleWithin(aborted, 1000, (_, reject) => {
      reject(new Error("late"));
      controller.abort();
    });
    await Promise.all([expect(waiting).rejects.toThrow("late"), vi.advanceTimersByTimeAsync(1000)]);
  });
});

describe("pause", () => {
  test.each(SPANS)("sleeps for %d ms, and leaves nothing on the signal", async (span) => {
    const controller = new AbortController();
    const removed = vi.spyOn(controller.signal, "removeEventListener");
    const awake = vi.fn<() => void>();
    void pause(span, controller.signal).then(awake);
    await vi.advanceTimersByTimeAsync(span - 1);
    expect(awake).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(awake).toHaveBeenCalledOnce();
    expect(removed).toHaveBeenCalledOnce();
  });

  test("an abort ends it with the reason of the signal", async () => {
    const controller = new AbortController();
    const paused = pause(30 * DAY, controller.signal);
    controller.abort(new Error("enough"));
    await expect(paused).rejects.toThrow("enough");
    expect(vi.getTimerCount()).toBe(0);
    await expect(pause(1, controller.signal)).rejects.toThrow("enough");
  });
});

test("timers of Node are used elsewhere only for spans that are constants, or bounded to seconds", () => {
  const folder = new URL("../", import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !/\.test(-d)?\.ts$/.test(name))
    .filter((name) => NODE_TIMER.test(readFileSync(new URL(name, folder), "utf8")));
  expect(files.toSorted()).toEqual([
    // The pauses and the renewal of a lease: at most MAX_LEASE.
    "cache/load/key-load.ts",
    "cache/load/lease-keeper.ts",
    "core/timers.ts",
    // The gaps between queries to two servers, and to sentinels.
    "redis/clients/ask-in-turn.ts",
    // A method of that name, which does nothing.
    "redis/clients/ioredis-command.ts",
    "redis/clients/ioredis.ts",
    "redis/clients/node-redis-sentinel.ts",
    // The tick of the sweep.
    "redis/deadline-sweep.ts",
    // Pauses between attempts to lock.
    "stores/file/file-locks.ts",
    // A limit that the author of a store passes to the suite.
    "testing/cache-store-contract/index.ts",
    "testing/session-store-contract/index.ts",
  ]);
});

const NODE_TIMER =
  /(?<![.\w#])set(?:Timeout|Interval)\((?!timeout)|import \{ setTimeout|AbortSignal\.timeout\(/;
