import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";

import { Deadline } from "../core/deadlines.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { DeadlineSweep, type Expirable } from "./deadline-sweep.ts";

/** Long enough for a busy machine. */
const PATIENTLY = { timeout: 8000 };

class Entry implements Expirable {
  readonly deadline: Deadline;
  readonly expired: Promise<void>;
  isExpired = false;
  index = -1;
  readonly #sweep: DeadlineSweep;
  readonly #tell: () => void;

  constructor(sweep: DeadlineSweep, deadline: Deadline) {
    let tell = (): void => {};
    this.expired = new Promise((resolve) => (tell = resolve));
    this.#tell = tell;
    this.#sweep = sweep;
    this.deadline = deadline;
    sweep.add(this);
  }

  expire(): void {
    this.isExpired = true;
    this.#sweep.delete(this);
    this.#tell();
  }
}

test("expires only entries whose deadline has passed, in any order", async () => {
  const clock = new ManualClock();
  const sweep = new DeadlineSweep(() => false);
  const [long, short] = [
    new Entry(sweep, new Deadline(200, clock)),
    new Entry(sweep, new Deadline(100, clock)),
  ];
  clock.advance(100);
  await short.expired;
  expect(long.isExpired).toBe(false);
  clock.advance(100);
  await long.expired;
});

test("a removed entry does not expire, in any order of removal, and removes no other", async () => {
  const clock = new ManualClock();
  const sweep = new DeadlineSweep(() => false);
  const [first, second, third, fourth] = Array.from(
    { length: 4 },
    () => new Entry(sweep, new Deadline(100, clock)),
  );
  for (const entry of [first, fourth, third]) if (entry) sweep.delete(entry);
  clock.advance(100);
  await second?.expired;
  expect([first, third, fourth].map((entry) => entry?.isExpired)).toEqual([false, false, false]);
  await sweep.drained();
});

test("drained() resolves when nothing is outstanding", async () => {
  const sweep = new DeadlineSweep(() => false);
  await sweep.drained();
  const entry = new Entry(sweep, new Deadline(60_000));
  let isDrained = false;
  const drained = sweep.drained().then(() => (isDrained = true));
  await new Promise(setImmediate);
  expect(isDrained).toBe(false);
  sweep.delete(entry);
  await drained;
});

test("ticks once for all outstanding entries, and not at all without any", async () => {
  let ticks = 0;
  const sweep = new DeadlineSweep(() => ++ticks < 0);
  const entries = Array.from({ length: 1000 }, () => new Entry(sweep, new Deadline(60_000)));
  await sleep(200);
  expect(ticks).toBeGreaterThan(0);
  expect(ticks).toBeLessThanOrEqual(10);
  for (const entry of entries) sweep.delete(entry);
  // A tick may be under way, for longer on a busy machine.
  await vi.waitUntil(async () => {
    const ticksBefore = ticks;
    await sleep(100);
    return ticks === ticksBefore;
  }, PATIENTLY);
});

test("continues after its entries as long as afterSweep asks for it", async () => {
  let ticks = 0;
  const sweep = new DeadlineSweep(() => ++ticks < 3);
  sweep.delete(new Entry(sweep, new Deadline(60_000)));
  await vi.waitUntil(() => ticks === 3, PATIENTLY);
  await sleep(100);
  expect(ticks).toBe(3);
});
