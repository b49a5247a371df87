import type { Clock } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { type CullBounds, CullInterval, excessOf } from "../cull-interval.ts";
import type { CacheStatements } from "./cache-statements.ts";
import type { SqlDatabase } from "./database.ts";

/** Maximum number of rows that one statement deletes. */
const BATCH = 500;

/** Options of {@link CacheCulling}. */
export interface CacheCullingParts extends CullBounds {
  readonly database: SqlDatabase;
  readonly entries: CacheStatements;
  readonly leases: CacheStatements | undefined;
  readonly clock: Clock;
}

/**
 * Keeps a table within its maximum: first what has expired, then the entries that expire first.
 * Counters stay.
 */
export class CacheCulling {
  readonly #parts: CacheCullingParts;
  readonly #interval: CullInterval;

  constructor(parts: CacheCullingParts) {
    this.#parts = parts;
    this.#interval = new CullInterval(parts);
  }

  /** @param written Number of rows that were written. */
  afterWrite(written: number, deadline: Deadline): Promise<void> {
    return this.#interval.afterWrite(written, () => this.#cull(deadline));
  }

  async #cull(deadline: Deadline): Promise<void> {
    const { entries, leases, maxEntries } = this.#parts;
    if (leases !== undefined) await this.#deleteExpired(leases, deadline);
    if ((await this.#count(deadline)) <= maxEntries) return;
    await this.#deleteExpired(entries, deadline);
    await this.#deleteFirst(excessOf(await this.#count(deadline), this.#parts), deadline);
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
