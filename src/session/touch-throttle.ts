import { LRUCache } from "lru-cache";
import type { Clock, Milliseconds } from "../core/clock.ts";
import type { SessionKey } from "../core/ids.ts";
import type { StoredSession } from "./session-records.ts";

// At 32 characters a key this is some 15 MB at most. A session that falls out is touched once more than needed.
const MOST_KEYS = 100_000;

/** Says when a session is to be extended again. */
export interface Throttle {
  isDue(stored: StoredSession): boolean;
  mark(key: SessionKey): void;
  forget(key: SessionKey): void;
}

/** Remembers which sessions this process has extended lately. */
export class TouchThrottle implements Throttle {
  readonly #touchedAt: LRUCache<SessionKey, Milliseconds>;
  readonly #every: Milliseconds;
  readonly #clock: Clock;

  /** @param every Shortest time between two touches of a session. */
  constructor(every: Milliseconds, clock: Clock) {
    this.#every = every;
    this.#clock = clock;
    this.#touchedAt = new LRUCache({ max: MOST_KEYS });
  }

  isDue({ key }: Pick<StoredSession, "key">): boolean {
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

/** Goes by the time at which a record was written, where the visitor brings it along. */
export class AgeThrottle implements Throttle {
  readonly #every: Milliseconds;
  readonly #clock: Clock;

  /** @param every Longest age that is not extended. */
  constructor(every: Milliseconds, clock: Clock) {
    this.#every = every;
    this.#clock = clock;
  }

  isDue({ version }: Pick<StoredSession, "version">): boolean {
    const now = this.#clock.now();
    return now - (version.writtenAt ?? now) >= this.#every;
  }

  /** What was written has a new time. */
  mark(): void {}

  forget(): void {}
}
