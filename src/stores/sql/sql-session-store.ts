import type { QueryResult } from "kysely";

import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { Etag } from "../../core/etag.ts";
import { hashSessionKey, isSessionKey, type SessionKey } from "../../core/ids.ts";
import type { TimeZone } from "../../core/time-zone.ts";
import { RecordTombstones } from "../record-tombstones.ts";
import type {
  ClearProgress,
  CommitResult,
  CreateResult,
  RecordWithTtl,
  SessionStore,
} from "../session-store.ts";
import { clearInBatches } from "./clear-in-batches.ts";
import { CharacterCheck } from "./character-check.ts";
import type { Build, Effect, SqlDatabase } from "./database.ts";
import { EXISTS, type ExpiringRow, SessionStatements, TOMBSTONE_PREFIX } from "./session-statements.ts";
import type { SqlUserIndex } from "./sql-user-index.ts";
import { Timestamps } from "./timestamp.ts";

/** Number of keys of a page of a scan. */
const PAGE_SIZE = 1000;

/** Options of {@link SqlSessionStore}. */
export interface SqlSessionStoreParts {
  readonly database: SqlDatabase;
  readonly table: string;
  readonly clock: Clock;
  readonly users: SqlUserIndex | undefined;
  /** Time zone of Django, if it writes local time. */
  readonly timeZone: TimeZone | undefined;
  /** Whether records have characters beyond ASCII. */
  readonly hasAnyText: boolean;
}

/** One microsecond, the unit of the databases. */
const MIN_TTL: Milliseconds = 0.001;

/**
 * Sessions in Django's table `django_session`: `session_key`, `session_data` with the record,
 * `expire_date`. A tombstone is a row under a key that is not a session key.
 *
 * Each method is decided by one statement. If a write has matched nothing, one read distinguishes
 * another version from none.
 */
export class SqlSessionStore implements SessionStore {
  readonly name = "sql";
  readonly users: SqlUserIndex | undefined;
  readonly tombstones: RecordTombstones = new RecordTombstones(this, tombstoneKey);
  readonly #database: SqlDatabase;
  readonly #statements: SessionStatements;
  readonly #times: Timestamps;
  readonly #characters: CharacterCheck | undefined;
  readonly #clock: Clock;

  constructor({ database, table, clock, users, timeZone, hasAnyText }: SqlSessionStoreParts) {
    this.users = users;
    this.#database = database;
    this.#times = new Timestamps(database.dialect, timeZone);
    this.#statements = new SessionStatements(table, database.dialect, this.#times);
    this.#clock = clock;
    if (hasAnyText && database.dialect === "mysql") this.#characters = new CharacterCheck(database, table);
  }

  async read(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    const { rows } = await this.#run(this.#statements.read(key, this.#clock.now()), deadline, "reads");
    return rows[0]?.session_data;
  }

  async readWithTtl(key: SessionKey, deadline: Deadline): Promise<RecordWithTtl | undefined> {
    const now = this.#clock.now();
    const { rows } = await this.#run(this.#statements.readWithExpiry(key, now), deadline, "reads");
    return rows[0] && this.#withTtl(rows[0], now);
  }

  async readManyWithTtl(
    keys: readonly SessionKey[],
    deadline: Deadline,
  ): Promise<readonly (RecordWithTtl | undefined)[]> {
    if (keys.length === 0) return [];
    const now = this.#clock.now();
    const { rows } = await this.#run(this.#statements.readManyWithExpiry(keys, now), deadline, "reads");
    const found = new Map(rows.map((row) => [row.session_key, this.#withTtl(row, now)]));
    return keys.map((key) => found.get(key));
  }

  async create(
    key: SessionKey,
    record: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CreateResult> {
    const now = this.#clock.now();
    const result = await this.#run(this.#statements.create(key, record, now + ttl, now), deadline);
    const exists = this.#database.dialect === "mysql" ? result.insertId === EXISTS : !hasRows(result);
    return { status: exists ? "exists" : "created" };
  }

  /** Stores a record, replacing an existing one. */
  async put(key: string, record: string, ttl: Milliseconds, deadline: Deadline): Promise<void> {
    await this.#run(this.#statements.put(key, record, this.#clock.now() + ttl), deadline);
  }

  async commit(
    key: SessionKey,
    record: string,
    etag: Etag,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CommitResult> {
    return this.#update(key, ttl, deadline, (expiry, now) =>
      this.#statements.commit(key, record, etag, expiry, now),
    );
  }

  async touch(key: SessionKey, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult> {
    return this.#update(key, ttl, deadline, (expiry, now) => this.#statements.touch(key, etag, expiry, now));
  }

  async delete(key: SessionKey, deadline: Deadline): Promise<boolean> {
    if (hasRows(await this.#run(this.#statements.delete(key, this.#clock.now()), deadline))) return true;
    // A record that has expired by this clock may still live by another, and could be renewed.
    await this.#run(this.#statements.deleteAnyway(key), deadline);
    return false;
  }

  /** One transaction: a revocation of many takes one pooled connection and one commit per step. */
  async deleteMany(keys: readonly SessionKey[], deadline: Deadline): Promise<readonly SessionKey[]> {
    if (keys.length === 0) return [];
    return this.#database.transact(async (run) => {
      const { rows } = await run(this.#statements.lockMany(keys, this.#clock.now()));
      await run(this.#statements.deleteMany(keys));
      return rows.map((row) => row.session_key);
    }, deadline);
  }

  async deleteIfMatch(key: SessionKey, etag: Etag, deadline: Deadline): Promise<CommitResult> {
    const deletion = this.#statements.deleteIfMatch(key, etag, this.#clock.now());
    const isDone = hasRows(await this.#run(deletion, deadline));
    return isDone ? { status: "committed" } : this.#whyNot(key, deadline);
  }

  async *scan(pageDeadline: () => Deadline): AsyncGenerator<SessionKey, void, undefined> {
    let after = "";
    for (;;) {
      const page = this.#statements.page(after, PAGE_SIZE, this.#clock.now());
      const { rows } = await this.#run(page, pageDeadline(), "reads");
      for (const { session_key: key, is_live: isLive } of rows)
        if (Number(isLive) === 1 && isSessionKey(key)) yield key;
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_SIZE) return;
      after = last.session_key;
    }
  }

  async ping(deadline: Deadline): Promise<void> {
    await this.#run((sql) => sql`SELECT 1`, deadline, "reads");
  }

  /**
   * A step is a batch. Those on the index of users come first; only session records are counted.
   */
  async clearExpired(
    pageDeadline: () => Deadline,
    onProgress?: (progress: ClearProgress) => void,
  ): Promise<number> {
    await this.users?.clearExpired(pageDeadline, () => onProgress?.({ cleared: 0 }));
    return clearInBatches(this.#statements.clearing(this.#clock.now()), {
      database: this.#database,
      clock: this.#clock,
      pageDeadline,
      onBatch: (cleared) => onProgress?.({ cleared }),
    });
  }

  /** The pool belongs to the application. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  async #run<Row>(
    build: Build<Row>,
    deadline: Deadline,
    effect: Effect = "writes",
  ): Promise<QueryResult<Row>> {
    if (this.#characters) await this.#characters.pass(deadline);
    return this.#database.run(build, deadline, effect);
  }

  #withTtl({ session_data: record, expiry }: ExpiringRow, now: EpochMilliseconds): RecordWithTtl {
    return { record, ttl: Math.max(this.#times.read(expiry) - now, MIN_TTL) };
  }

  async #update(
    key: SessionKey,
    ttl: Milliseconds,
    deadline: Deadline,
    build: (expiry: EpochMilliseconds, now: EpochMilliseconds) => Build,
  ): Promise<CommitResult> {
    const now = this.#clock.now();
    const result = await this.#run(build(now + ttl, now), deadline);
    const isDone = this.#database.dialect === "mysql" ? result.insertId !== undefined : hasRows(result);
    return isDone ? { status: "committed" } : this.#whyNot(key, deadline);
  }

  async #whyNot(key: SessionKey, deadline: Deadline): Promise<CommitResult> {
    const record = await this.read(key, deadline);
    return record === undefined ? { status: "gone" } : { status: "conflict", record };
  }
}

/** 38 characters, whose case the collation of the column may fold. */
function tombstoneKey(name: string): string {
  return TOMBSTONE_PREFIX + hashSessionKey(name);
}

function hasRows({ numAffectedRows }: QueryResult<unknown>): boolean {
  return numAffectedRows !== undefined && numAffectedRows > 0n;
}
