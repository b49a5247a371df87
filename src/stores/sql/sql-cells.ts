import { createHash } from "node:crypto";

import type { Clock, EpochMilliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { pause } from "../../core/timers.ts";
import { writeInChunks } from "../await-writes.ts";
import type { CacheEntry } from "../cache-store.ts";
import { readLease, readLock, writeState, keyOfState } from "../cell-state.ts";
import type { Cell, CellEntry, CellLease, CellLock, Cells, Decide } from "../cells.ts";
import { expiryAt } from "../cell-rules.ts";
import { chunksOf, KEYS_AT_ONCE } from "../chunks.ts";
import { endsLease } from "../ends-lease.ts";
import { KeyQueues } from "../key-queues.ts";
import { bufferOf } from "../scalar-pickle.ts";
import { type CacheCulling } from "./cache-culling.ts";
import type { CacheStatements, NewRow, SeenRow } from "./cache-statements.ts";
import { HASHED_PREFIX, keyOf, nameOf, toColumn, toValue } from "./cache-row.ts";
import { type Build, RolledBack, type Run, type SqlDatabase } from "./database.ts";
import type { KeyCollation } from "./key-collation.ts";

/** Rows of one INSERT: some megabytes at most, with values of common sizes. */
const ROWS_AT_ONCE = 100;

/** Number of keys of one call that are decided at once: the usual size of a pool. */
const DECISIONS_AT_ONCE = 10;

/** Number of rows of a page of a walk. */
const PAGE_SIZE = 1000;

/** Maximum pause before a decision is made again because another process was faster. */
const MAX_PAUSE = 20;

const LEASE_PREFIX = "lease:";
const LOCK_PREFIX = "lock:";

/** Options of {@link SqlCells}. */
export interface SqlCellsParts {
  readonly database: SqlDatabase;
  readonly entries: CacheStatements;
  /** Table of leases and locks. */
  readonly leases: CacheStatements | undefined;
  readonly clock: Clock;
  readonly culling: CacheCulling;
  /** The checks that MySQL needs. */
  readonly collation: KeyCollation | undefined;
}

/** The rows of one key as they were read at one instant. */
interface Seen {
  readonly entry: SeenRow | undefined;
  readonly lease: SeenRow | undefined;
}

/**
 * Entries of a cache as rows of Django's table, and their leases and locks as rows of another.
 *
 * A decision reads a row, and is written if the row still is what was read, by one `UPDATE … WHERE`:
 * if not, it is made again. One that changes a lease changes it first, and the entry with it, in one
 * transaction. A delete ends the lease before it deletes the entry, so a fill either is done before,
 * and its entry is deleted, or finds its lease gone.
 */
export class SqlCells implements Cells {
  readonly #parts: SqlCellsParts;
  readonly #queues = new KeyQueues();

  constructor(parts: SqlCellsParts) {
    this.#parts = parts;
  }

  async read(keys: readonly string[], deadline: Deadline): Promise<readonly (CellEntry | undefined)[]> {
    const { entries, clock } = this.#parts;
    const found = new Map<string, CellEntry>();
    for (const chunk of chunksOf([...new Set(keys.map(nameOf))], KEYS_AT_ONCE)) {
      const { rows } = await this.#run(entries.read(chunk, clock.now()), deadline, "reads");
      for (const row of rows) found.set(row.cache_key, this.#toEntry(row));
    }
    return keys.map((key) => found.get(nameOf(key)));
  }

  change<Answer>(
    keys: readonly string[],
    ruleOf: (index: number) => Decide<Cell, Answer>,
    deadline: Deadline,
  ): Promise<readonly Answer[]> {
    const decide = ([index, key]: readonly [number, string]): Promise<Answer> =>
      this.#change(key, ruleOf(index), deadline);
    return writeInChunks([...keys.entries()], decide, DECISIONS_AT_ONCE);
  }

  changeLock<Answer>(
    key: string,
    decide: Decide<CellLock | undefined, Answer>,
    deadline: Deadline,
  ): Promise<Answer> {
    const [locks, name] = [this.#leaseTable(), siblingName(LOCK_PREFIX, key)];
    return this.#decideRepeatedly(`lock:${key}`, deadline, async () => {
      const { rows } = await this.#run(locks.row(name), deadline, "reads");
      const [now, seen] = [this.#parts.clock.now(), rows[0]];
      const lock = seen && readLock(seen.value);
      const { answer, next } = decide(lock !== undefined && lock.forgottenAt > now ? lock : undefined, now);
      if (next === undefined) return { answer };
      const row = { name, value: writeState(key, next), expiresAt: next.forgottenAt };
      return (await this.#hasReplaced(locks, seen, row, deadline)) ? { answer } : undefined;
    });
  }

  async put(entries: readonly CacheEntry[], deadline: Deadline): Promise<void> {
    const short = entries.filter(({ ttl }) => endsLease(ttl)).map(({ key }) => key);
    await this.#endLeasesOf(short, deadline);
    const now = this.#parts.clock.now();
    // The last of several entries with one key is the one that stays.
    const rows = new Map(entries.map((entry) => [nameOf(entry.key), toRow(entry, now)]));
    const sorted = [...rows.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1));
    const chunks = [...chunksOf(sorted, ROWS_AT_ONCE)];
    await writeInChunks(chunks, (chunk) => this.#run(this.#parts.entries.put(chunk), deadline), 4);
    await this.#parts.culling.afterWrite(rows.size, deadline);
  }

  async delete(keys: readonly string[], deadline: Deadline): Promise<number> {
    const { entries, clock } = this.#parts;
    await this.#endLeasesOf(keys, deadline);
    const deleted = await writeInChunks(
      [...chunksOf(keys.map(nameOf).toSorted(), KEYS_AT_ONCE)],
      async (names) => {
        const live = countOf(await this.#run(entries.deleteLive(names, clock.now()), deadline));
        // An entry that has expired by this clock may still live by another.
        if (live < names.length) await this.#run(entries.deleteAnyway(names), deadline);
        return live;
      },
      1,
    );
    return deleted.reduce((sum, live) => sum + live, 0);
  }

  async *pages(pageDeadline: () => Deadline): AsyncGenerator<readonly string[], void, undefined> {
    for await (const rows of this.#rowsOf(this.#parts.entries, HASHED_PREFIX, pageDeadline)) {
      const now = this.#parts.clock.now();
      yield rows
        .filter((row) => this.#parts.entries.expiryOf(row) > now)
        .flatMap((row) => keyOf(row.cache_key, row.value) ?? []);
    }
  }

  async endLeases(isMeant: (key: string) => boolean, pageDeadline: () => Deadline): Promise<void> {
    const { leases } = this.#parts;
    if (leases === undefined) return;
    for await (const rows of this.#rowsOf(leases, LEASE_PREFIX, pageDeadline)) {
      const names = rows.flatMap(({ cache_key: name, value }) => {
        const key = value === null ? undefined : keyOfState(value);
        return key !== undefined && isMeant(key) ? [name] : [];
      });
      for (const chunk of chunksOf(names, KEYS_AT_ONCE))
        await this.#run(leases.deleteAnyway(chunk), pageDeadline());
    }
  }

  async ping(deadline: Deadline): Promise<void> {
    await this.#run((sql) => sql`SELECT 1`, deadline, "reads");
  }

  /** The pool belongs to the application. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #change<Answer>(key: string, decide: Decide<Cell, Answer>, deadline: Deadline): Promise<Answer> {
    return this.#decideRepeatedly(`entry:${key}`, deadline, async () => {
      const seen = await this.#see(key, deadline);
      const now = this.#parts.clock.now();
      const cell = this.#toCell(seen, now);
      const { answer, next } = decide(cell, now);
      if (next === undefined || (await this.#replace(key, cell, next, seen, deadline))) return { answer };
      return undefined;
    });
  }

  /** Callers of this process wait for each other rather than being too late one after the other. */
  #decideRepeatedly<Answer>(
    queue: string,
    deadline: Deadline,
    attempt: () => Promise<{ readonly answer: Answer } | undefined>,
  ): Promise<Answer> {
    return this.#queues.run(queue, async () => {
      for (;;) {
        const decided = await attempt();
        if (decided !== undefined) return decided.answer;
        await pause(Math.min(Math.random() * MAX_PAUSE, deadline.remaining));
      }
    });
  }

  async #see(key: string, deadline: Deadline): Promise<Seen> {
    const { entries, leases } = this.#parts;
    const name = nameOf(key);
    if (leases === undefined) {
      const { rows } = await this.#run(entries.row(name), deadline, "reads");
      return { entry: rows[0], lease: undefined };
    }
    const pair = entries.pair(name, leases, siblingName(LEASE_PREFIX, key));
    const [row] = (await this.#run(pair, deadline, "reads")).rows;
    return {
      entry: toSeen(row?.value, row?.expiry),
      lease: toSeen(row?.lease_value, row?.lease_expiry),
    };
  }

  #toCell({ entry, lease }: Seen, now: EpochMilliseconds): Cell {
    const read = entry && this.#toEntry(entry);
    const state = lease && readLease(lease.value);
    return {
      entry: read !== undefined && read.expiresAt > now ? read : undefined,
      lease: state !== undefined && state.forgottenAt > now ? state : undefined,
    };
  }

  #toEntry(row: SeenRow): CellEntry {
    return { value: toValue(row.value), expiresAt: this.#parts.entries.expiryOf(row) };
  }

  /** @returns Whether the rows still were what was read. If not, nothing was written. */
  async #replace(key: string, cell: Cell, next: Cell, seen: Seen, deadline: Deadline): Promise<boolean> {
    const entry = next.entry && toRow({ key, ...next.entry }, next.entry.expiresAt);
    const isReplaced =
      next.lease === cell.lease
        ? await this.#hasReplaced(this.#parts.entries, seen.entry, entry ?? nameOf(key), deadline)
        : await this.#replaceBoth(
            key,
            { entry, lease: next.lease },
            next.entry === cell.entry,
            seen,
            deadline,
          );
    if (isReplaced && seen.entry === undefined && entry !== undefined)
      await this.#parts.culling.afterWrite(1, deadline);
    return isReplaced;
  }

  async #replaceBoth(
    key: string,
    next: { readonly entry: NewRow | undefined; readonly lease: CellLease | undefined },
    keepsEntry: boolean,
    seen: Seen,
    deadline: Deadline,
  ): Promise<boolean> {
    const [leases, name] = [this.#leaseTable(), siblingName(LEASE_PREFIX, key)];
    const lease = next.lease && {
      name,
      value: writeState(key, next.lease),
      expiresAt: next.lease.forgottenAt,
    };
    try {
      await this.#parts.database.transact(async (run) => {
        await replaceOrRollBack(run, leases, seen.lease, lease ?? name);
        if (keepsEntry) await this.#rollBackIfChanged(run, key, seen.entry);
        else await replaceOrRollBack(run, this.#parts.entries, seen.entry, next.entry ?? nameOf(key));
      }, deadline);
      return true;
    } catch (error) {
      if (error instanceof RolledBack) return false;
      throw error;
    }
  }

  async #rollBackIfChanged(run: Run, key: string, seen: SeenRow | undefined): Promise<void> {
    const [row] = (await run(this.#parts.entries.row(nameOf(key)))).rows;
    if (row?.value !== seen?.value || row?.expiry !== seen?.expiry) throw new RolledBack();
  }

  async #hasReplaced(
    table: CacheStatements,
    seen: SeenRow | undefined,
    next: NewRow | string,
    deadline: Deadline,
  ): Promise<boolean> {
    const statement = replacement(table, seen, next);
    return statement === undefined || countOf(await this.#run(statement, deadline)) === 1;
  }

  async #endLeasesOf(keys: readonly string[], deadline: Deadline): Promise<void> {
    const { leases } = this.#parts;
    if (leases === undefined) return;
    const names = keys.map((key) => siblingName(LEASE_PREFIX, key)).toSorted();
    for (const chunk of chunksOf(names, KEYS_AT_ONCE)) await this.#run(leases.deleteAnyway(chunk), deadline);
  }

  async *#rowsOf(table: CacheStatements, valuesOf: string, pageDeadline: () => Deadline) {
    for (let after = ""; ;) {
      const { rows } = await this.#run(table.page(after, PAGE_SIZE, valuesOf), pageDeadline(), "reads");
      yield rows.map(({ value, ...row }) => ({ ...row, value: value ?? "" }));
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_SIZE) return;
      after = last.cache_key;
    }
  }

  async #run<Row>(build: Build<Row>, deadline: Deadline, effect: "reads" | "writes" = "writes") {
    if (this.#parts.collation !== undefined) await this.#parts.collation.pass(deadline);
    return this.#parts.database.run(build, deadline, effect);
  }

  #leaseTable(): CacheStatements {
    if (this.#parts.leases !== undefined) return this.#parts.leases;
    throw new Error("The store has no table of leases, so its capabilities exclude them.");
  }
}

async function replaceOrRollBack(
  run: Run,
  table: CacheStatements,
  seen: SeenRow | undefined,
  next: NewRow | string,
): Promise<void> {
  const statement = replacement(table, seen, next);
  if (statement !== undefined && countOf(await run(statement)) !== 1) throw new RolledBack();
}

/**
 * @param next The new row, or the name of the row that is deleted.
 * @returns `undefined` if nothing changes.
 */
function replacement(
  table: CacheStatements,
  seen: SeenRow | undefined,
  next: NewRow | string,
): Build | undefined {
  if (typeof next === "string") return seen && table.deleteSeen(next, seen);
  if (seen === undefined) return table.insert(next);
  return table.isSame(next, seen) ? undefined : table.update(next, seen);
}

function toRow(
  { key, value, ...entry }: CacheEntry | (CellEntry & { key: string }),
  now: EpochMilliseconds,
): NewRow {
  const expiresAt = "ttl" in entry ? expiryAt(now, entry.ttl) : entry.expiresAt;
  return { name: nameOf(key), value: toColumn(key, bufferOf(value)), expiresAt };
}

function toSeen(value: string | null | undefined, expiry: string | null | undefined): SeenRow | undefined {
  return typeof value === "string" && typeof expiry === "string" ? { value, expiry } : undefined;
}

/** Fixed length and ASCII, whatever the key is. */
function siblingName(prefix: string, key: string): string {
  return prefix + createHash("sha256").update(key).digest("hex");
}

function countOf({ numAffectedRows }: { readonly numAffectedRows?: bigint | undefined }): number {
  return Number(numAffectedRows ?? 0n);
}
