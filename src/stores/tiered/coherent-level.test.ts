import { describe, expect, onTestFinished, test, vi } from "vitest";

import { gate, type Gate } from "../../../test/support/cache-harness.ts";
import { Deadline } from "../../core/deadlines.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import type { ChangeListener, TrackedReads, TrackedValue } from "../tracked-reads.ts";
import { CoherentLevel } from "./coherent-level.ts";
import { MemoryLevel } from "./memory-level.ts";

const MAX_STALE = 5000;

/** An engine whose answers the test gives: orders of answers and reports cannot be chosen on a real one. */
class ScriptedReads implements TrackedReads {
  readonly hasOneOrder: boolean;
  readonly answers: Gate<readonly (TrackedValue | undefined)[]>[] = [];
  readonly confirmations: Gate<void>[] = [];
  listener: ChangeListener | undefined;

  constructor(hasOneOrder: boolean) {
    this.hasOneOrder = hasOneOrder;
  }

  getMany(): Promise<readonly (TrackedValue | undefined)[]> {
    return next(this.answers).promise;
  }

  confirm(): Promise<void> {
    return next<void>(this.confirmations).promise;
  }

  async close(): Promise<void> {}
}

function next<Value>(gates: Gate<Value>[]): Gate<Value> {
  const each = gate<Value>();
  gates.push(each);
  return each;
}

function open({ hasOneOrder = true, maxEntries = 10 } = {}) {
  const clock = new ManualClock();
  const reads = new ScriptedReads(hasOneOrder);
  const track = (listener: ChangeListener): TrackedReads => {
    reads.listener = listener;
    return reads;
  };
  const memory = new MemoryLevel({ maxEntries, maxBytes: undefined }, "text");
  const level = new CoherentLevel({ level: memory, clock, maxStale: MAX_STALE, track });
  onTestFinished(() => level.close());
  /** Begins a read of one key. @returns A function that answers it. */
  const begin = (key = "k") => {
    const reading = level.read([key], new Deadline(60_000));
    const answer = reads.answers.at(-1);
    return async (value: string | undefined, ttl: number | null = null): Promise<unknown> => {
      answer?.open([value === undefined ? undefined : { value, ttl }]);
      return (await reading)[0];
    };
  };
  return { clock, reads, level, begin, change: (key?: string) => reads.listener?.onChange(key) };
}

describe("a value enters the level", () => {
  test("when it was read, and is the same text from then on", async () => {
    const { level, begin } = open();
    expect(level.get("k")).toBeUndefined();
    expect(await begin()("one")).toBe("one");
    expect(level.get("k")).toBe("one");
  });

  const betweens: [string, (opened: ReturnType<typeof open>) => unknown][] = [
    ["its change was reported", ({ change }) => change("k")],
    ["all may have changed", ({ change }) => change()],
    ["a link ended", ({ reads }) => reads.listener?.onLinkEnd()],
    ["this process wrote to it", ({ level }) => level.during(["k"], async () => {})],
    ["this process cleared all", ({ level }) => level.clear()],
  ];

  test.for(betweens)("but not when, between question and answer, %s", async ([, happen]) => {
    const opened = open();
    const answer = opened.begin();
    await happen(opened);
    expect(await answer("old")).toBe("old");
    expect(opened.level.get("k")).toBeUndefined();
  });

  test("but not while this process writes to it, nor by a read that began meanwhile", async () => {
    const { level, begin } = open();
    const written = gate();
    const write = level.during(["k"], () => written.promise);
    expect(level.isWritten("k")).toBe(true);
    const late = begin();
    await begin()("old");
    expect(level.get("k")).toBeUndefined();
    written.open();
    await write;
    expect(level.isWritten("k")).toBe(false);
    await late("old");
    expect(level.get("k")).toBeUndefined();
    await begin()("new");
    expect(level.get("k")).toBe("new");
  });

  test("but not after the answer to a later read of the same key", async () => {
    const { level, begin } = open();
    const [first, second] = [begin(), begin()];
    await second("two");
    await first("one");
    expect(level.get("k")).toBe("two");
  });

  test("but not if it may be a counter, or there is none", async () => {
    const { level, begin } = open();
    for (const value of ["1", "-7", "9223372036854775807", undefined]) {
      await begin()(value);
      expect(level.get("k")).toBeUndefined();
    }
    for (const value of ["1.5", '"1"', "12345678901234567890123", ""]) {
      await begin()(value);
      expect(level.get("k")).toBe(value);
    }
  });

  test("and makes room for others, the least recently used one first", async () => {
    const { level, begin } = open({ maxEntries: 2 });
    for (const key of ["a", "b"]) await begin(key)(key);
    level.get("a");
    await begin("c")("c");
    expect(["a", "b", "c"].map((key) => level.get(key))).toEqual(["a", undefined, "c"]);
  });
});

describe("a value leaves the level", () => {
  const causes: [string, (opened: ReturnType<typeof open>) => unknown][] = [
    ["its change is reported", ({ change }) => change("k")],
    ["all may have changed", ({ change }) => change()],
    ["a link ends", ({ reads }) => reads.listener?.onLinkEnd()],
    ["its time to live has passed", ({ clock }) => clock.advance(1000)],
    ["it is cleared", ({ level }) => level.clear()],
  ];

  test.for(causes)("when %s", async ([, happen]) => {
    const opened = open();
    await opened.begin()("one", 1000);
    expect(opened.level.get("k")).toBe("one");
    await happen(opened);
    expect(opened.level.get("k")).toBeUndefined();
  });

  test("before a write of this process is sent, and stays away if the write fails", async () => {
    const { level, begin } = open();
    await begin()("one");
    const failing = level.during(["k"], () => {
      expect(level.get("k")).toBeUndefined();
      return Promise.reject(new Error("lost"));
    });
    await expect(failing).rejects.toThrow("lost");
    expect(level.get("k")).toBeUndefined();
    expect(level.isWritten("k")).toBe(false);
  });

  test("counted from the sending of its read, not from the answer", async () => {
    const { level, begin, clock } = open();
    const answer = begin();
    clock.advance(600);
    await answer("one", 1000);
    clock.advance(399);
    expect(level.get("k")).toBe("one");
    clock.advance(1);
    expect(level.get("k")).toBeUndefined();
  });
});

describe("without a proof that changes were reported", () => {
  test("a value is served for maxStale after its read was sent, and again after the next proof", async () => {
    const { level, begin, clock } = open();
    const answer = begin();
    clock.advance(1000);
    await answer("one");
    clock.advance(MAX_STALE - 1000);
    expect(level.get("k")).toBe("one");
    clock.advance(1);
    expect(level.get("k")).toBeUndefined();
    await begin("other")("x");
    expect(level.get("k")).toBe("one");
  });

  test("the answer for one key proves nothing of others where keys lie on several servers", async () => {
    const { level, begin, clock } = open({ hasOneOrder: false });
    await begin()("one");
    clock.advance(MAX_STALE + 1);
    await begin("other")("x");
    expect([level.get("k"), level.get("other")]).toEqual([undefined, "x"]);
  });

  test("an engine is asked while the level is used, four times within maxStale, and not when it is idle", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { level, begin, clock, reads } = open({ hasOneOrder: false });
    const pass = async (span: number): Promise<void> => {
      clock.advance(span);
      await vi.advanceTimersByTimeAsync(span);
    };
    await begin()("one");
    await pass(MAX_STALE / 4);
    expect(reads.confirmations).toHaveLength(1);
    // One at a time, however long it takes.
    level.get("k");
    await pass(MAX_STALE / 2);
    expect(reads.confirmations).toHaveLength(1);
    reads.confirmations[0]?.open();
    await pass(MAX_STALE / 2);
    // The proof is from the sending of the question.
    expect(level.get("k")).toBe("one");
    await pass(1);
    expect(reads.confirmations).toHaveLength(2);
    reads.confirmations[1]?.fail(new Error("lost"));
    await pass(MAX_STALE);
    // For the use before the failure.
    expect(reads.confirmations).toHaveLength(3);
    reads.confirmations[2]?.open();
    await pass(10 * MAX_STALE);
    expect(reads.confirmations).toHaveLength(3);
    expect(level.get("k")).toBeUndefined();
  });
});
