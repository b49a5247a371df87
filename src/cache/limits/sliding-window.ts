import type { Milliseconds } from "../../core/clock.ts";
import { addToCounter, beginCounter, type Counter, type CountingCache, addIfPresent, toCount } from "./counters.ts";
import {
  checkCall,
  type CostOption,
  type Limiter,
  type LimitSettings,
  type LimitStatus,
  toStatus,
} from "./limit-status.ts";
import { StaggeredWindows } from "./windows.ts";

/** What is counted of an id at one moment. */
interface Counts {
  /** In the window before this one. */
  readonly previous: number;
  /** In this window; `undefined` when its counter is not begun. */
  readonly current: number | undefined;
}

/** The two windows that count at one moment. */
interface Moment {
  readonly previous: Counter;
  readonly current: Counter;
  /** Time until the current window ends. */
  readonly left: Milliseconds;
}

/**
 * Counts the current window, and of the window before the part that is less than one length ago, as if what
 * was counted there were spread evenly over it.
 *
 * Only what was allowed is counted. It is looked first (one MGET), and added where there is room (one more
 * command); what others have added in between shows in the sum, and what does not fit then is taken back.
 */
export class SlidingWindowLimiter implements Limiter {
  readonly #cache: CountingCache;
  readonly #settings: LimitSettings;
  readonly #windows: StaggeredWindows;

  constructor(cache: CountingCache, settings: LimitSettings) {
    this.#cache = cache;
    this.#settings = settings;
    const { prefix, window: length } = settings;
    this.#windows = new StaggeredWindows({ prefix, kind: "sliding", length, isReadFor: 2 });
  }

  async consume(id: string, options: CostOption = {}): Promise<LimitStatus> {
    const cost = checkCall(id, options);
    const moment = this.#now(id);
    const counts = await this.#read(moment);
    if (!this.#fits(counts, moment, cost)) return this.#status(false, counts, moment, cost);
    const add = counts.current === undefined ? beginCounter : addToCounter;
    const sum = await add(this.#cache, moment.current, cost);
    const before = { ...counts, current: sum - cost };
    if (this.#fits(before, moment, cost)) return this.#status(true, { ...counts, current: sum }, moment, cost);
    await addIfPresent(this.#cache, moment.current.key, -cost);
    return this.#status(false, before, moment, cost);
  }

  async peek(id: string, options: CostOption = {}): Promise<LimitStatus> {
    const cost = checkCall(id, options);
    const moment = this.#now(id);
    const counts = await this.#read(moment);
    return this.#status(this.#fits(counts, moment, cost), counts, moment, cost);
  }

  async reset(id: string): Promise<void> {
    checkCall(id, {});
    const { previous, current } = this.#now(id);
    await this.#cache.deleteMany([previous.key, current.key]);
  }

  #now(id: string): Moment {
    const now = this.#settings.clock.now();
    const { number, endsAt } = this.#windows.at(id, now);
    const previous = this.#windows.counter(id, number - 1);
    return { previous, current: this.#windows.counter(id, number), left: endsAt - now };
  }

  async #read({ previous, current }: Moment): Promise<Counts> {
    const values = await this.#cache.getMany([previous.key, current.key]);
    return {
      previous: toCount(previous.key, values.get(previous.key)),
      current: values.has(current.key) ? toCount(current.key, values.get(current.key)) : undefined,
    };
  }

  /** What counts at a moment. It need not be whole. */
  #weigh({ previous, current = 0 }: Counts, { left }: Moment): number {
    return current + previous * (left / this.#settings.window);
  }

  #fits(counts: Counts, moment: Moment, cost: number): boolean {
    return this.#weigh(counts, moment) + cost <= this.#settings.limit;
  }

  #status(allowed: boolean, counts: Counts, moment: Moment, cost: number): LimitStatus {
    const { previous, current = 0 } = counts;
    const { window, limit } = this.#settings;
    const resetIn = current > 0 ? moment.left + window : previous > 0 ? moment.left : 0;
    const allowedIn = this.#timeUntil(counts, moment, cost);
    return toStatus(limit, { allowed, count: this.#weigh(counts, moment), resetIn, allowedIn });
  }

  /**
   * Time until a cost fits if nothing else comes: while the previous window fades, or else while the current
   * one does.
   */
  #timeUntil({ previous, current = 0 }: Counts, { left }: Moment, cost: number): Milliseconds {
    const { window, limit } = this.#settings;
    const room = limit - cost;
    if (current <= room) return Math.max(0, left - (window * (room - current)) / Math.max(previous, 1));
    return left + window - Math.max(0, (window * room) / current);
  }
}
