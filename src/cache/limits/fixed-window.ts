import type { EpochMilliseconds } from "../../core/clock.ts";
import { addToCounter, type CountingCache, addIfPresent, toCount } from "./counters.ts";
import {
  checkCall,
  type CostOption,
  type Limiter,
  type LimitSettings,
  type LimitStatus,
  toStatus,
} from "./limit-status.ts";
import { StaggeredWindows } from "./windows.ts";

/** Counts in each window for itself. One command in a window that has begun, two for the first one. */
export class FixedWindowLimiter implements Limiter {
  readonly #cache: CountingCache;
  readonly #settings: LimitSettings;
  readonly #windows: StaggeredWindows;

  constructor(cache: CountingCache, settings: LimitSettings) {
    this.#cache = cache;
    this.#settings = settings;
    const { prefix, window: length } = settings;
    this.#windows = new StaggeredWindows({ prefix, kind: "fixed", length, isReadFor: 1 });
  }

  async consume(id: string, options: CostOption = {}): Promise<LimitStatus> {
    const cost = checkCall(id, options);
    const { counter, ...times } = this.#now(id);
    const count = await addToCounter(this.#cache, counter, cost);
    if (count <= this.#settings.limit) return this.#status(true, count, times);
    const before = count - cost;
    // As in django-ratelimit, what is refused counts on. But a large cost must not take what is left for
    // small ones.
    if (before < this.#settings.limit) await addIfPresent(this.#cache, counter.key, -cost);
    return this.#status(false, before < this.#settings.limit ? before : count, times);
  }

  async peek(id: string, options: CostOption = {}): Promise<LimitStatus> {
    const cost = checkCall(id, options);
    const { counter, ...times } = this.#now(id);
    const count = toCount(counter.key, await this.#cache.get(counter.key));
    return this.#status(count + cost <= this.#settings.limit, count, times);
  }

  async reset(id: string): Promise<void> {
    checkCall(id, {});
    await this.#cache.deleteMany([this.#now(id).counter.key]);
  }

  #now(id: string) {
    const now = this.#settings.clock.now();
    const { number, endsAt } = this.#windows.at(id, now);
    return { now, endsAt, counter: this.#windows.counter(id, number) };
  }

  #status(allowed: boolean, count: number, times: { now: EpochMilliseconds; endsAt: EpochMilliseconds }): LimitStatus {
    const left = times.endsAt - times.now;
    return toStatus(this.#settings.limit, { allowed, count, resetIn: count > 0 ? left : 0, allowedIn: left });
  }
}
