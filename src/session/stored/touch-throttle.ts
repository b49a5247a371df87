import { LRUCache } from "lru-cache";
import type { Clock, Milliseconds } from "../../core/clock.ts";
import type { SessionKey } from "../../core/ids.ts";
import type { StoredSession } from "./record-writer.ts";
import { activeAge, type Timeouts } from "../record/timeouts.ts";

// About 15 MB at most, at 32 characters a key. A session that is evicted is touched once more than
// needed.
const MAX_KEYS = 100_000;

/** Fraction of a session's age after which it is extended, if that is sooner than the setting. */
const MAX_FRACTION = 0.25;

/** Decides when a session has to be extended again. */
export interface Throttle {
  isDue(stored: StoredSession): boolean;
  mark(key: SessionKey): void;
  forget(key: SessionKey): void;
}

/** Remembers which sessions this process has extended recently. */
export class TouchThrottle implements Throttle {
  readonly #touchedAt: LRUCache<SessionKey, Milliseconds>;
  readonly #every: Milliseconds;
  readonly #timeouts: Timeouts;
  readonly #clock: Clock;

  /** @param every Minimum time between two touches of a long-lived session. */
  constructor(every: Milliseconds, timeouts: Timeouts, clock: Clock) {
    this.#every = every;
    this.#timeouts = timeouts;
    this.#clock = clock;
    this.#touchedAt = new LRUCache({ max: MAX_KEYS });
  }

  isDue({ key, version }: Pick<StoredSession, "key" | "version">): boolean {
    const touchedAt = this.#touchedAt.get(key);
    if (touchedAt === undefined) return true;
    const every = Math.min(this.#every, MAX_FRACTION * activeAge(version.record, this.#timeouts));
    return this.#clock.monotonic() - touchedAt >= every;
  }

  mark(key: SessionKey): void {
    this.#touchedAt.set(key, this.#clock.monotonic());
  }

  forget(key: SessionKey): void {
    this.#touchedAt.delete(key);
  }
}

/** Decides by the write time of a record that the cookie carries. */
export class AgeThrottle implements Throttle {
  readonly #every: Milliseconds;
  readonly #timeouts: Timeouts;
  readonly #clock: Clock;

  /** @param every Maximum age of a long-lived record before it is extended. */
  constructor(every: Milliseconds, timeouts: Timeouts, clock: Clock) {
    this.#every = every;
    this.#timeouts = timeouts;
    this.#clock = clock;
  }

  isDue({ version }: Pick<StoredSession, "version">): boolean {
    const now = this.#clock.now();
    const isExtended = Number.isFinite(this.#every);
    const every = isExtended
      ? Math.min(this.#every, MAX_FRACTION * activeAge(version.record, this.#timeouts))
      : this.#every;
    return now - (version.writtenAt ?? now) >= every;
  }

  /** Does nothing: a written record has a new time. */
  mark(): void {}

  forget(): void {}
}
