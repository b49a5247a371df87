import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Counter } from "./counters.ts";

/** One window of one id. It includes its beginning, not its end. */
export interface Window {
  /** Counts up by one from window to window. */
  readonly number: number;
  readonly endsAt: EpochMilliseconds;
}

/** How counters of windows are named, and how long they are needed. */
export interface WindowSettings {
  readonly prefix: string;
  /** Keeps apart what counts in different ways. */
  readonly kind: string;
  readonly length: Milliseconds;
  /** For how many windows a counter is read, its own included. */
  readonly isReadFor: number;
}

// As django-ratelimit (EXPIRATION_FUDGE): clocks differ a little, and a counter must not end before its window.
const SPARE_SECONDS = 5;

/**
 * Divides time into windows of one length. They follow from the time of day alone, so all processes have the
 * same without asking; and they are staggered by the CRC-32 of the id, as django-ratelimit's, so that not all
 * ids start again at once.
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

  /**
   * The counter of a window. Its key shows no id: ids are addresses and names of people, and keys stand in
   * logs.
   */
  counter(id: string, number: number): Counter {
    const { prefix, kind, length, isReadFor } = this.#settings;
    const digest = createHash("sha256").update(JSON.stringify([kind, length, number, id]));
    return {
      key: prefix + digest.digest("base64url"),
      timeout: (length * isReadFor) / 1000 + SPARE_SECONDS,
    };
  }
}
