import { LRUCache } from "lru-cache";
import type { Clock, Milliseconds } from "../core/clock.ts";
import type { SessionKey } from "../core/ids.ts";

// At 32 characters a key this is some 15 MB at most. A session that falls out is touched once more than needed.
const MOST_KEYS = 100_000;

/** Remembers which sessions this process has extended lately. */
export class TouchThrottle {
  readonly #touchedAt: LRUCache<SessionKey, Milliseconds>;
  readonly #every: Milliseconds;
  readonly #clock: Clock;

  /** @param every Shortest time between two touches of a session. */
  constructor(every: Milliseconds, clock: Clock) {
    this.#every = every;
    this.#clock = clock;
    this.#touchedAt = new LRUCache({ max: MOST_KEYS });
  }

  isDue(key: SessionKey): boolean {
    const touchedAt = this.#touchedAt.get(key);
    return touchedAt === undefined || this.#clock.monotonic() - touchedAt >= this.#every;
  }

  mark(key: SessionKey): void {
    this.#touchedAt.set(key, this.#clock.monotonic());
  }

  forget(key: SessionKey): void {
    this.#touchedAt.delete(key);
  }
}
