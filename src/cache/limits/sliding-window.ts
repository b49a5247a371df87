import type { Milliseconds } from "../../core/clock.ts";
import type { Counters, CountingSteps } from "../counters.ts";
import { addToCounter, type Counter, takeBack, toCount } from "./counters.ts";
import {
  checkCall,
  type CostOption,
  type Limiter,
  type LimitSettings,
  type LimitStatus,
  toStatus,
} from "./limit-status.ts";
import { StaggeredWindows } from "./windows.ts";

/** Counts of an id at one moment. */
interface Counts {
  /** Count of the previous window. */
  readonly previous: number;
  /** Count of the current window. */
  readonly current: number;
}

/** The two windows that apply at one moment. */
interface Moment {
  readonly previous: Counter;
  readonly current: Counter;
  /** Time until the current window ends. */
  readonly left: Milliseconds;
}

/**
 * Counts the current window, and the part of the previous window that is less than one length ago,
 * as if its counts were spread evenly over it.
 *
 * Only allowed calls are counted. The limiter reads first (one MGET), and adds where there is room
 * (one more command). Concurrent additions show in the sum, and a call that no longer fits is
 * subtracted again.
 */
export class SlidingWindowLimiter implements Limiter {
  readonly #counters: Counters;
  readonly #settings: LimitSettings;
  readonly #windows: StaggeredWindows;

  constructor(counters: Counters, settings: LimitSettings) {
    this.#counters = counters;
    this.#settings = settings;
    const { prefix, window: length } = settings;
    this.#windows = new StaggeredWindows({ prefix, kind: "sliding", length, isReadFor: 2 });
  }

  async consume(id: string, options: CostOption = {}): Promise<LimitStatus> {
    const cost = checkCall(id, options);
    const moment = this.#now(id);
    return this.#counters.during(async (steps) => {
      const counts = await this.#read(steps, moment);
      if (!this.#fits(counts, moment, cost)) return this.#status(false, counts, moment, cost);
      const sum = await addToCounter(steps, moment.current, cost);
      const before = { ...counts, current: sum - cost };
      if (this.#fits(before, moment, cost))
        return this.#status(true, { ...counts, current: sum }, moment, cost);
      await takeBack(steps, moment.current.key, cost);
      return this.#status(false, before, moment, cost);
    });
  }

  async peek(id: string, options: CostOption = {}): Promise<LimitStatus> {
    const cost = checkCall(id, options);
    const moment = this.#now(id);
    const counts = await this.#counters.during((steps) => this.#read(steps, moment));
    return this.#status(this.#fits(counts, moment, cost), counts, moment, cost);
  }

  async reset(id: string): Promise<void> {
    checkCall(id, {});
    const { previous, current } = this.#now(id);
    await this.#counters.during((steps) => steps.deleteMany([previous.key, current.key]));
  }

  #now(id: string): Moment {
    const now = this.#settings.clock.now();
    const { number, endsAt } = this.#windows.at(id, now);
    const previous = this.#windows.counter(id, number - 1);
    return { previous, current: this.#windows.counter(id, number), left: endsAt - now };
  }

  async #read(steps: CountingSteps, { previous, current }: Moment): Promise<Counts> {
    const [before, now] = await steps.getMany([previous.key, current.key]);
    return { previous: toCount(previous.key, before), current: toCount(current.key, now) };
  }

  /** Returns the weighted count at a moment, which may be a fraction. */
  #weigh({ previous, current }: Counts, { left }: Moment): number {
    return current + previous * (left / this.#settings.window);
  }

  #fits(counts: Counts, moment: Moment, cost: number): boolean {
    return this.#weigh(counts, moment) + cost <= this.#settings.limit;
  }

  #status(isAllowed: boolean, counts: Counts, moment: Moment, cost: number): LimitStatus {
    const { previous, current } = counts;
    const { window, limit } = this.#settings;
    const resetIn = current > 0 ? moment.left + window : previous > 0 ? moment.left : 0;
    const allowedIn = this.#timeUntil(counts, moment, cost);
    return toStatus(limit, cost, { isAllowed, count: this.#weigh(counts, moment), resetIn, allowedIn });
  }

  /**
   * Returns the time until a cost fits without other calls: while the previous window fades, or
   * else while the current one does.
   */
  #timeUntil({ previous, current }: Counts, { left }: Moment, cost: number): Milliseconds {
    const { window, limit } = this.#settings;
    const room = limit - cost;
    if (current <= room) return Math.max(0, left - (window * (room - current)) / Math.max(previous, 1));
    return left + window - Math.max(0, (window * room) / current);
  }
}
