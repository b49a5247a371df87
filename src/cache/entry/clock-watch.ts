import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { EntryHeader } from "./entry-codec.ts";

/** Tolerated lead of an entry's time: synchronised clocks differ by far less. */
const TOLERANCE: Milliseconds = 5000;

/** Maximum number of entries from the future that are remembered; about 150 bytes each. */
const MAX_SEEN = 1000;

/** Caches whose process was warned. */
const told = new Set<string>();

/**
 * Corrects entries whose writer has another time of day than this process.
 *
 * An entry from the future would count as fresh for too long. Its age is counted from the first
 * read in this process instead, and it is fresh for no longer than its timeout from then on. The
 * process is warned once for each cache.
 */
export class ClockWatch {
  readonly #clock: Clock;
  readonly #path: string;
  /** Time of the first read of each entry from the future, by its name. */
  readonly #firstSeen = new Map<string, EpochMilliseconds>();

  /** @param path Path of the cache's settings, such as `caches.default`. */
  constructor(clock: Clock, path: string) {
    this.#clock = clock;
    this.#path = path;
  }

  /** Returns the header of an entry, with its expiry on the clock of this process. */
  adjust(header: EntryHeader): EntryHeader {
    const { nonce, freshUntil, at, touched = at } = header;
    const now = this.#clock.now();
    const isAhead = touched - now > TOLERANCE;
    if (!isAhead && this.#firstSeen.size === 0) return header;
    const name = `${nonce} ${touched}`;
    if (isAhead) this.#note(name, now, touched - now);
    const first = this.#firstSeen.get(name);
    if (first === undefined || freshUntil === undefined) return header;
    return { ...header, freshUntil: Math.min(freshUntil, first + (freshUntil - touched)) };
  }

  #note(name: string, now: EpochMilliseconds, ahead: Milliseconds): void {
    if (this.#firstSeen.has(name)) return;
    this.#firstSeen.set(name, now);
    const [oldest = ""] = this.#firstSeen.keys();
    if (this.#firstSeen.size > MAX_SEEN) this.#firstSeen.delete(oldest);
    if (told.has(this.#path)) return;
    told.add(this.#path);
    process.emitWarning(
      `${this.#path} has an entry that was written ${Math.round(ahead / 1000)} s in the future: the clocks of two processes ` +
        "differ by at least that. An entry with stale, staleIfError, early or tags may count as fresh for that much too long, at " +
        "most until the store drops it, or that much too short. Synchronise the clocks of all servers, by NTP. This warning comes once.",
      { type: "SojournWarning", code: "SOJOURN_CLOCKS_DIFFER" },
    );
  }
}
