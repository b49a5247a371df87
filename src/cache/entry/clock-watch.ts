import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { EntryHeader } from "./entry-codec.ts";

/** How far an entry may seem to come from the future: clocks that are kept in time differ by far less. */
const TOLERANCE: Milliseconds = 5000;

/** Most entries from the future that are remembered; about 150 bytes each. */
const MAX_SEEN = 1000;

/** Caches whose process was warned. */
const told = new Set<string>();

/**
 * Sees to entries whose writer has another time of day than this process.
 *
 * An entry from the future would count as fresh for as much too long. It has been there since this process has
 * first read it, if not for longer: from then on it is fresh for no longer than it was to be. And the process
 * is warned, once for a cache.
 */
export class ClockWatch {
  readonly #clock: Clock;
  readonly #path: string;
  /** When entries from the future were first read, by what tells them from others. */
  readonly #firstSeen = new Map<string, EpochMilliseconds>();

  /** @param path What the settings of the cache are called, such as `caches.default`. */
  constructor(clock: Clock, path: string) {
    this.#clock = clock;
    this.#path = path;
  }

  /** The header of an entry, with its time as it is by the clock of this process. */
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
        "differ by that, or by more. An entry with stale, staleIfError, early or tags may count as fresh for as much too long, at " +
        "most until the store drops it, or as much too short. Keep the clocks of all servers in time, by NTP. This warning comes once.",
      { type: "SojournWarning", code: "SOJOURN_CLOCKS_DIFFER" },
    );
  }
}
