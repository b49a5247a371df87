import type { Clock, EpochMilliseconds, Milliseconds } from "../core/clock.ts";

/** How far an entry may seem to come from the future: clocks that are kept in time differ by far less. */
const TOLERANCE: Milliseconds = 5000;

/** Caches whose process was warned. */
const told = new Set<string>();

/** Warns, once for a cache and process, of entries whose writer has another time of day than this process. */
export class ClockWatch {
  readonly #clock: Clock;
  readonly #path: string;
  #isDone = false;

  /** @param path What the settings of the cache are called, such as `caches.default`. */
  constructor(clock: Clock, path: string) {
    this.#clock = clock;
    this.#path = path;
  }

  /** @param at When an entry says that it was written. */
  see(at: EpochMilliseconds): void {
    if (this.#isDone) return;
    const ahead = at - this.#clock.now();
    if (ahead <= TOLERANCE) return;
    this.#isDone = true;
    if (told.has(this.#path)) return;
    told.add(this.#path);
    const seconds = Math.round(ahead / 1000);
    process.emitWarning(
      `${this.#path} has an entry that was written ${seconds} s in the future: the clocks of two processes differ by that, or by ` +
        "more. An entry with stale, staleIfError, early or tags counts as fresh for as much too long, at most until the store drops " +
        "it, or ends as much too soon. Keep the clocks of all servers in time, by NTP. This warning comes once.",
      { type: "SojournWarning", code: "SOJOURN_CLOCKS_DIFFER" },
    );
  }
}
