import type { Clock } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { isStoreError } from "../../core/errors.ts";
import type { CacheStatements } from "./cache-statements.ts";
import type { SqlDatabase } from "./database.ts";

/** Maximum number of rows that one statement deletes. */
const BATCH = 500;

/** Share of the maximum that each process may add between two counts: a twentieth. */
const COUNTS_PER_FULL_TABLE = 20;

/** Options of {@link CacheCulling}. */
export interface CacheCullingParts {
  readonly database: SqlDatabase;
  readonly entries: CacheStatements;
  readonly leases: CacheStatements | undefined;
  readonly clock: Clock;
  readonly maxEntries: number;
  /** Share of the entries that is deleted: one in so many; 0 for all. */
  readonly cullFrequency: number;
}

/**
 * Keeps a table within its maximum, as Django's `MAX_ENTRIES` and `CULL_FREQUENCY` say: first what
 * has expired, then the entries that expire first. Counters stay.
 *
 * Django counts the rows at each write. This counts after each twentieth of the maximum that this
 * process has written.
 */
export class CacheCulling {
  readonly #parts: CacheCullingParts;
  readonly #interval: number;
  #written = 0;

  constructor(parts: CacheCullingParts) {
    this.#parts = parts;
    this.#interval = Math.max(1, Math.floor(parts.maxEntries / COUNTS_PER_FULL_TABLE));
  }

  /**
   * To be called after a write. It does not fail: the write is done, and the next one tries again.
   *
   * @param rows Number of rows that were written.
   */
  async afterWrite(rows: number, deadline: Deadline): Promise<void> {
    this.#written += rows;
    if (this.#written < this.#interval) return;
    const written = this.#written;
    this.#written = 0;
    try {
      await this.#cull(deadline);
    } catch (error) {
      if (!isStoreError(error)) throw error;
      this.#written += written;
    }
  }

  async #cull(deadline: Deadline): Promise<void> {
    const { entries, leases, maxEntries, cullFrequency } = this.#parts;
    if (leases !== undefined) await this.#deleteExpired(leases, deadline);
    if ((await this.#count(deadline)) <= maxEntries) return;
    await this.#deleteExpired(entries, deadline);
    const count = await this.#count(deadline);
    if (count <= maxEntries) return;
    const share = cullFrequency === 0 ? count : Math.floor(count / cullFrequency);
    await this.#deleteFirst(Math.max(share, count - maxEntries), deadline);
  }

  async #count(deadline: Deadline): Promise<number> {
    const { rows } = await this.#parts.database.run(this.#parts.entries.count(), deadline, "reads");
    return Number(rows[0]?.count ?? 0);
  }

  async #deleteExpired(statements: CacheStatements, deadline: Deadline): Promise<void> {
    const { database, clock } = this.#parts;
    for (;;) {
      const now = clock.now();
      const { rows } = await database.run(statements.expired(now, BATCH), deadline, "reads");
      if (rows.length === 0) return;
      await database.run(statements.deleteExpired(namesOf(rows), now), deadline);
      if (rows.length < BATCH) return;
    }
  }

  async #deleteFirst(count: number, deadline: Deadline): Promise<void> {
    const { database, entries } = this.#parts;
    for (let left = count; left > 0; left -= BATCH) {
      const { rows } = await database.run(entries.endingFirst(Math.min(left, BATCH)), deadline, "reads");
      if (rows.length === 0) return;
      await database.run(entries.cull(namesOf(rows)), deadline);
    }
  }
}

/** In one order, so that no two statements wait for each other's rows. */
function namesOf(rows: readonly { readonly cache_key: string }[]): string[] {
  return rows.map((row) => row.cache_key).toSorted();
}
