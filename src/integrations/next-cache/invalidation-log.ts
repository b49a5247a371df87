import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";

/** Minimum time between observations that are kept, the newest apart. */
const SPAN: Milliseconds = 250;

/** Maximum number of observations: those of at least four minutes. */
const MAX_OBSERVED = 1200;

/** Numbers of invalidations that this process has observed, with their times. */
export class InvalidationLog {
  readonly #observed: { readonly at: EpochMilliseconds; readonly count: number }[] = [];

  get isEmpty(): boolean {
    return this.#observed.length === 0;
  }

  /** Notes a count. @param at Time after the answer of the store. */
  note(count: number, at: EpochMilliseconds): void {
    const observed = this.#observed;
    if ((observed.at(-1)?.count ?? -1) >= count) return;
    if (at - (observed.at(-2)?.at ?? -Infinity) < SPAN) observed.pop();
    observed.push({ at, count });
    if (observed.length > MAX_OBSERVED) observed.shift();
  }

  /**
   * Returns the number of invalidations that had happened before a time, as far as it was known
   * then. Later ones count as if they came after the time.
   *
   * @returns `undefined` where nothing is known.
   */
  before(time: EpochMilliseconds): number | undefined {
    return this.#observed.findLast(({ at }) => at <= time)?.count;
  }
}
