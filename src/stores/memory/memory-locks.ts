import type { Clock, Milliseconds } from "../../core/clock.ts";
import { LastingItems } from "./lasting-items.ts";

interface Held {
  readonly token: string;
  /** On the monotonic clock: a clock that is put back does not prolong a lock. */
  readonly expiresAt: Milliseconds;
}

/** The holders of locks. */
export class MemoryLocks {
  readonly #clock: Clock;
  readonly #held: LastingItems<Held>;
  #lastFence = 0;

  /** @param most Maximum number of locks held at once. */
  constructor(clock: Clock, most: number) {
    this.#clock = clock;
    const isOver = ({ expiresAt }: Held): boolean => clock.monotonic() >= expiresAt;
    this.#held = new LastingItems({ name: "locks", clock, isOver, most });
  }

  /** @returns The fencing token; `undefined` if another caller has the lock. */
  acquire(key: string, token: string, ttl: Milliseconds): number | undefined {
    if (this.#held.get(key) !== undefined) return undefined;
    this.#held.set(key, { token, expiresAt: this.#clock.monotonic() + ttl });
    // In microseconds, as on Redis. One sequence for all locks grows for each of them.
    this.#lastFence = Math.max(this.#lastFence + 1, Math.floor(this.#clock.now() * 1000));
    return this.#lastFence;
  }

  extend(key: string, token: string, ttl: Milliseconds): boolean {
    if (this.holder(key) !== token) return false;
    this.#held.set(key, { token, expiresAt: this.#clock.monotonic() + ttl });
    return true;
  }

  release(key: string, token: string): boolean {
    return this.holder(key) === token && this.#held.delete(key);
  }

  holder(key: string): string | undefined {
    return this.#held.get(key)?.token;
  }

  clear(): void {
    this.#held.clear();
  }
}
