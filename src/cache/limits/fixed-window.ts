import type { EpochMilliseconds } from "../../core/clock.ts";
import type { Counters } from "../counters.ts";
import { addToCounter, takeBack, toCount } from "./counters.ts";
import {
  checkCall,
  type CostOption,
  type Limiter,
  type LimitSettings,
  type LimitStatus,
  toStatus,
} from "./limit-status.ts";
import { StaggeredWindows } from "./windows.ts";

/** Counts each window separately: one command, and another one where a cost is subtracted again. */
export class FixedWindowLimiter implements Limiter {
  readonly #counters: Counters;
  readonly #settings: LimitSettings;
  readonly #windows: StaggeredWindows;

  constructor(counters: Counters, settings: LimitSettings) {
    this.#counters = counters;
    this.#settings = settings;
    const { prefix, window: length } = settings;
    this.#windows = new StaggeredWindows({ prefix, kind: "fixed", length, isReadFor: 1 });
  }

  async consume(id: string, options: CostOption = {}): Promise<LimitStatus> {
    const cost = checkCall(id, options);
    const { counter, ...times } = this.#now(id);
    const { limit } = this.#settings;
    // A cost above the limit is not counted, not even briefly, since it would block other calls.
    if (cost > limit) return this.peek(id, options);
    return this.#counters.during(async (steps) => {
      const count = await addToCounter(steps, counter, cost);
      if (count <= limit) return this.#status(true, count, times, cost);
      const before = count - cost;
      // As in django-ratelimit, refused calls count too. But a large cost must not use up the rest
      // of the limit for small ones.
      if (before < limit) await takeBack(steps, counter.key, cost);
      return this.#status(false, before < limit ? before : count, times, cost);
    });
  }

  async peek(id: string, options: CostOption = {}): Promise<LimitStatus> {
    const cost = checkCall(id, options);
    const { counter, ...times } = this.#now(id);
    const value = await this.#counters.during((steps) => steps.get(counter.key));
    const count = toCount(counter.key, value);
    return this.#status(count + cost <= this.#settings.limit, count, times, cost);
  }

  async reset(id: string): Promise<void> {
    checkCall(id, {});
    await this.#counters.during((steps) => steps.deleteMany([this.#now(id).counter.key]));
  }

  #now(id: string) {
    const now = this.#settings.clock.now();
    const { number, endsAt } = this.#windows.at(id, now);
    return { now, endsAt, counter: this.#windows.counter(id, number) };
  }

  #status(
    isAllowed: boolean,
    count: number,
    { now, endsAt }: { now: EpochMilliseconds; endsAt: EpochMilliseconds },
    cost: number,
  ): LimitStatus {
    const left = endsAt - now;
    return toStatus(this.#settings.limit, cost, {
      isAllowed,
      count,
      resetIn: count > 0 ? left : 0,
      allowedIn: left,
    });
  }
}
