import * as v from "valibot";

import { isStoreError } from "../core/errors.ts";
import type { SettingsSchema } from "../core/settings.ts";

const ENTRIES = "a whole number of entries, from 1";
const FREQUENCY = "a whole number, from 0";

/** Schemas of the bounds in the options of a store. */
export const maxEntriesSchema: SettingsSchema<number | undefined, number> = v.optional(
  v.pipe(v.number(ENTRIES), v.safeInteger(ENTRIES), v.minValue(1, ENTRIES)),
  10_000,
);
export const cullFrequencySchema: SettingsSchema<number | undefined, number> = v.optional(
  v.pipe(v.number(FREQUENCY), v.safeInteger(FREQUENCY), v.minValue(0, FREQUENCY)),
  3,
);

/** Share of the maximum that each process may add between two counts: a twentieth. */
const COUNTS_PER_FULL_STORE = 20;

/** Bounds of a store that culls, as Django's `MAX_ENTRIES` and `CULL_FREQUENCY`. */
export interface CullBounds {
  readonly maxEntries: number;
  /** Share of the entries that is deleted: one in so many; 0 for all. */
  readonly cullFrequency: number;
}

/** Returns the number of entries that have to go. */
export function excessOf(count: number, { maxEntries, cullFrequency }: CullBounds): number {
  if (count <= maxEntries) return 0;
  const share = cullFrequency === 0 ? count : Math.floor(count / cullFrequency);
  return Math.max(share, count - maxEntries);
}

/**
 * Decides when a store is counted. Django counts at each write; this counts after each twentieth of
 * the maximum that this process has written.
 */
export class CullInterval {
  readonly #interval: number;
  #written = 0;

  constructor({ maxEntries }: CullBounds) {
    this.#interval = Math.max(1, Math.floor(maxEntries / COUNTS_PER_FULL_STORE));
  }

  /**
   * To be called after a write. It does not fail: the write is done, and the next one tries again.
   *
   * @param written Number of entries that were written.
   */
  async afterWrite(written: number, cull: () => Promise<void>): Promise<void> {
    this.#written += written;
    if (this.#written < this.#interval) return;
    const due = this.#written;
    this.#written = 0;
    try {
      await cull();
    } catch (error) {
      if (!isStoreError(error)) throw error;
      this.#written += due;
    }
  }
}
