import { crc32 } from "node:zlib";

import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import { type Counter, toHashedKey } from "./counters.ts";

/** One window of one id. It includes its beginning, not its end. */
export interface Window {
  /** Increases by one from window to window. */
  readonly number: number;
  readonly endsAt: EpochMilliseconds;
}

/** Names of window counters, and the time for which they are needed. */
export interface WindowSettings {
  readonly prefix: string;
  /** Separates limiters that count differently. */
  readonly kind: string;
  readonly length: Milliseconds;
  /** Number of windows for which a counter is read, its own included. */
  readonly isReadFor: number;
}

// As django-ratelimit (EXPIRATION_FUDGE): clocks differ a little, and a counter must not expire
// before its window ends.
const SPARE_SECONDS = 5;

/**
 * Divides time into windows of one length. The windows follow from the time of day alone, so all
 * processes agree without communication; they are staggered by the CRC-32 of the id, as in
 * django-ratelimit, so that the windows of different ids do not start together.
 */
export class StaggeredWindows {
  readonly length: Milliseconds;
  readonly #settings: WindowSettings;

  constructor(settings: WindowSettings) {
    this.length = settings.length;
    this.#settings = settings;
  }

  at(id: string, now: EpochMilliseconds): Window {
    const offset = crc32(id) % this.length;
    const number = Math.floor((now - offset) / this.length);
    return { number, endsAt: (number + 1) * this.length + offset };
  }

  /** Returns the counter of a window. */
  counter(id: string, number: number): Counter {
    const { prefix, kind, length, isReadFor } = this.#settings;
    return {
      key: toHashedKey(prefix, [kind, length, number, id]),
      timeout: (length * isReadFor) / 1000 + SPARE_SECONDS,
    };
  }
}
