import type { Milliseconds } from "../../core/clock.ts";
import type { CountingSteps } from "../counters.ts";
import { toTtl } from "../options/timeouts.ts";
import { addToCounter, type Counter, toCount } from "./counters.ts";

/** Count of a counter that begins with its first count, and the time until it ends. */
export interface TimedCount {
  readonly count: number;
  /** `null`: it does not end. */
  readonly ttl: Milliseconds | null;
}

/** Adds to a counter and reads its time, in one round trip. A missing counter is started. */
export async function addTimed(steps: CountingSteps, counter: Counter, delta: number): Promise<TimedCount> {
  const [count, ttl] = await Promise.all([addToCounter(steps, counter, delta), steps.ttl(counter.key)]);
  if (ttl !== undefined) return { count, ttl };
  // Either it has ended between the two, or the server had to be sent the script again, so that the
  // time was read before the first count.
  return { count, ttl: count === delta ? toTtl(counter.timeout) : 0 };
}

/** Reads a counter and its time, in one round trip; `undefined` without one. */
export async function readTimed(steps: CountingSteps, key: string): Promise<TimedCount | undefined> {
  const [value, ttl] = await Promise.all([steps.get(key), steps.ttl(key)]);
  return value === undefined || ttl === undefined ? undefined : { count: toCount(key, value), ttl };
}
