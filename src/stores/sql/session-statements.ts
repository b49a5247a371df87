import type { RawBuilder, Sql } from "kysely";

import type { EpochMilliseconds } from "../../core/clock.ts";
import type { Etag } from "../../core/etag.ts";
import type { SessionKey } from "../../core/ids.ts";
import type { Clearing, Instant } from "./clear-in-batches.ts";
import { castTime, timeText } from "./column-time.ts";
import type { Build } from "./database.ts";
import type { SqlDialect } from "./dialect.ts";
import { textValue } from "./text-value.ts";
import type { Timestamps } from "./timestamp.ts";

/** A row of a page of keys. `is_live` is 0 or 1, which some drivers give as text. */
export interface KeyRow {
  readonly session_key: string;
  readonly is_live: number | string;
}

/** A record and its expiry, as text in the form of the column. */
export interface ExpiringRow {
  readonly session_key: string;
  readonly session_data: string;
  readonly expiry: string;
}

/**
 * Prefix of the keys of rows that hold a tombstone. No session key has a colon, and no character of
 * it is special to LIKE.
 */
export const TOMBSTONE_PREFIX = "moved:";

/** Answer of MySQL to {@link SessionStatements.create} if there is a live record. */
export const EXISTS = 2n;

/**
 * Statements on Django's `django_session`. Each decides by itself: its conditions are in its
 * `WHERE`.
 *
 * MySQL counts matched rows or changed rows, depending on a flag of the connection. So there a
 * statement reports its result through `LAST_INSERT_ID(n)`, which is answered as the id of the
 * inserted row (MySQL 8.4 Reference Manual, "Information Functions").
 */
export class SessionStatements {
  readonly #table: string;
  readonly #dialect: SqlDialect;
  readonly #times: Timestamps;

  constructor(table: string, dialect: SqlDialect, times: Timestamps) {
    this.#table = table;
    this.#dialect = dialect;
    this.#times = times;
  }

  read(key: SessionKey, now: EpochMilliseconds): Build<{ readonly session_data: string }> {
    return (sql) => sql`SELECT session_data FROM ${this.#name(sql)} WHERE ${this.#isLive(sql, key, now)}`;
  }

  readWithExpiry(key: SessionKey, now: EpochMilliseconds): Build<ExpiringRow> {
    return (sql) => sql<ExpiringRow>`
      SELECT session_key, session_data, ${this.#expiryText(sql)} AS expiry
      FROM ${this.#name(sql)} WHERE ${this.#isLive(sql, key, now)}`;
  }

  readManyWithExpiry(keys: readonly SessionKey[], now: EpochMilliseconds): Build<ExpiringRow> {
    return (sql) => sql<ExpiringRow>`
      SELECT session_key, session_data, ${this.#expiryText(sql)} AS expiry
      FROM ${this.#name(sql)} WHERE session_key IN (${sql.join(keys)}) AND expire_date > ${this.#now(sql, now)}`;
  }

  /** Inserts a record, or replaces one that has expired. */
  create(key: SessionKey, record: string, expiry: EpochMilliseconds, now: EpochMilliseconds): Build {
    return this.#dialect === "mysql"
      ? this.#createOnMysql(key, record, expiry, now)
      : (sql) => sql`
          INSERT INTO ${this.#name(sql)} AS present (session_key, session_data, expire_date)
          VALUES (${key}, ${this.#text(sql, record)}, ${this.#time(sql, expiry)})
          ON CONFLICT (session_key) DO UPDATE
          SET session_data = excluded.session_data, expire_date = excluded.expire_date
          WHERE present.expire_date <= ${this.#now(sql, now)}`;
  }

  // Assignments run from left to right and see the ones before: the expiry comes last.
  #createOnMysql(key: SessionKey, record: string, expiry: EpochMilliseconds, now: EpochMilliseconds): Build {
    return (sql) => sql`
      INSERT INTO ${this.#name(sql)} (session_key, session_data, expire_date)
      VALUES (${key}, ${this.#text(sql, record)}, ${this.#time(sql, expiry)})
      ON DUPLICATE KEY UPDATE
        session_data = IF(
          LAST_INSERT_ID(IF(expire_date <= ${this.#now(sql, now)}, 1, ${sql.lit(Number(EXISTS))})) = 1,
          VALUES(session_data),
          session_data
        ),
        expire_date = IF(expire_date <= ${this.#now(sql, now)}, VALUES(expire_date), expire_date)`;
  }

  /** Inserts a record, or replaces any other. */
  put(key: string, record: string, expiry: EpochMilliseconds): Build {
    const isMysql = this.#dialect === "mysql";
    return (sql) => sql`
      INSERT INTO ${this.#name(sql)} (session_key, session_data, expire_date)
      VALUES (${key}, ${this.#text(sql, record)}, ${this.#time(sql, expiry)})
      ${
        isMysql
          ? sql`ON DUPLICATE KEY UPDATE session_data = VALUES(session_data), expire_date = VALUES(expire_date)`
          : sql`ON CONFLICT (session_key) DO UPDATE
                SET session_data = excluded.session_data, expire_date = excluded.expire_date`
      }`;
  }

  commit(
    key: SessionKey,
    record: string,
    etag: Etag,
    expiry: EpochMilliseconds,
    now: EpochMilliseconds,
  ): Build {
    return (sql) => sql`
      UPDATE ${this.#name(sql)}
      SET session_data = ${this.#text(sql, record)}, expire_date = ${this.#noting(sql, expiry)}
      WHERE ${this.#isLive(sql, key, now)} AND ${this.#matches(sql, etag)}`;
  }

  touch(key: SessionKey, etag: Etag, expiry: EpochMilliseconds, now: EpochMilliseconds): Build {
    return (sql) => sql`
      UPDATE ${this.#name(sql)} SET expire_date = ${this.#noting(sql, expiry)}
      WHERE ${this.#isLive(sql, key, now)} AND ${this.#matches(sql, etag)}`;
  }

  delete(key: SessionKey, now: EpochMilliseconds): Build {
    return (sql) => sql`DELETE FROM ${this.#name(sql)} WHERE ${this.#isLive(sql, key, now)}`;
  }

  deleteAnyway(key: SessionKey): Build {
    return (sql) => sql`DELETE FROM ${this.#name(sql)} WHERE session_key = ${key}`;
  }

  /** Locks live records and returns their keys, in an order in which no two wait for each other. */
  lockMany(keys: readonly SessionKey[], now: EpochMilliseconds): Build<Pick<KeyRow, "session_key">> {
    return (sql) => {
      const lock = this.#dialect === "sqlite" ? sql`` : sql` FOR UPDATE`;
      return sql<Pick<KeyRow, "session_key">>`
        SELECT session_key FROM ${this.#name(sql)}
        WHERE session_key IN (${sql.join(keys)}) AND expire_date > ${this.#now(sql, now)} ORDER BY session_key${lock}`;
    };
  }

  deleteMany(keys: readonly SessionKey[]): Build {
    return (sql) => sql`DELETE FROM ${this.#name(sql)} WHERE session_key IN (${sql.join(keys)})`;
  }

  deleteIfMatch(key: SessionKey, etag: Etag, now: EpochMilliseconds): Build {
    return (sql) => sql`
      DELETE FROM ${this.#name(sql)} WHERE ${this.#isLive(sql, key, now)} AND ${this.#matches(sql, etag)}`;
  }

  /** Reads the next keys by primary key, expired ones too: so a page is a bounded step. */
  page(after: string, limit: number, now: EpochMilliseconds): Build<KeyRow> {
    return (sql) => sql<KeyRow>`
      SELECT session_key, CASE WHEN expire_date > ${this.#now(sql, now)} THEN 1 ELSE 0 END AS is_live
      FROM ${this.#name(sql)} WHERE session_key > ${after} ORDER BY session_key LIMIT ${sql.lit(limit)}`;
  }

  /**
   * Deletes expired records and tombstones, in batches. One that is renewed meanwhile stays. Both
   * in one walk: a second one would read the index entries of all rows that the first has deleted.
   */
  clearing(now: EpochMilliseconds): Clearing {
    const expired = (
      sql: Sql,
      from?: Instant,
      until: Instant = this.#times.writeNow(now),
    ): RawBuilder<unknown> => {
      const isOver = sql`expire_date <= ${this.#cast(sql, until)}`;
      return from === undefined ? isOver : sql`expire_date >= ${this.#cast(sql, from)} AND ${isOver}`;
    };
    const deletion = (
      from: Instant | undefined,
      until: Instant | undefined,
      limit: number,
      like: string,
    ): Build => {
      return (sql) => {
        const isMeant = sql`${expired(sql, from, until)} AND session_key ${sql.raw(like)} ${`${TOMBSTONE_PREFIX}%`}`;
        return this.#delete(sql, isMeant, limit);
      };
    };
    return {
      batchEnd: (from, limit) => (sql) =>
        sql<{ readonly batch_end: Instant }>`
        SELECT ${this.#boundText(sql)} AS batch_end FROM ${this.#name(sql)} WHERE ${expired(sql, from)}
        ORDER BY expire_date LIMIT 1 OFFSET ${sql.lit(limit - 1)}`,
      deletion: (from, until, limit) => deletion(from, until, limit, "NOT LIKE"),
      uncounted: (from, until, limit) => deletion(from, until, limit, "LIKE"),
    };
  }

  #delete(sql: Sql, expired: RawBuilder<unknown>, limit: number): RawBuilder<unknown> {
    const [table, most] = [this.#name(sql), sql.lit(limit)];
    const chosen = sql`SELECT session_key FROM ${table} WHERE ${expired} ORDER BY expire_date LIMIT ${most}`;
    switch (this.#dialect) {
      case "mysql":
        return sql`DELETE FROM ${table} WHERE ${expired} ORDER BY expire_date, session_key LIMIT ${most}`;
      case "postgres":
        // ARRAY is evaluated once, where IN may run the LIMIT again for each row.
        return sql`
          DELETE FROM ${table} WHERE session_key = ANY(ARRAY(${chosen} FOR UPDATE SKIP LOCKED)) AND ${expired}`;
      case "sqlite":
        return sql`DELETE FROM ${table} WHERE session_key IN (${chosen})`;
    }
  }

  #name(sql: Sql): RawBuilder<unknown> {
    return sql.table(this.#table);
  }

  #text(sql: Sql, record: string): RawBuilder<unknown> {
    return textValue(sql, record, this.#dialect, "text");
  }

  #isLive(sql: Sql, key: SessionKey, now: EpochMilliseconds): RawBuilder<unknown> {
    return sql`session_key = ${key} AND expire_date > ${this.#now(sql, now)}`;
  }

  #now(sql: Sql, now: EpochMilliseconds): RawBuilder<unknown> {
    return this.#cast(sql, this.#times.writeNow(now));
  }

  #time(sql: Sql, instant: EpochMilliseconds): RawBuilder<unknown> {
    return this.#cast(sql, this.#times.write(instant));
  }

  #cast(sql: Sql, text: Instant): RawBuilder<unknown> {
    return castTime(sql, text, this.#dialect);
  }

  #expiryText(sql: Sql): RawBuilder<unknown> {
    return timeText(sql, sql.ref("expire_date"), this.#dialect);
  }

  /** In the form of {@link Timestamps}. */
  #boundText(sql: Sql): RawBuilder<unknown> {
    const text = this.#expiryText(sql);
    return this.#dialect === "postgres" ? sql`${text} || '+00'` : text;
  }

  /** The new expiry of an UPDATE; on MySQL it also notes that the row was matched. */
  #noting(sql: Sql, expiry: EpochMilliseconds): RawBuilder<unknown> {
    const time = this.#time(sql, expiry);
    return this.#dialect === "mysql"
      ? sql`IF(LAST_INSERT_ID(LENGTH(session_key)), ${time}, expire_date)`
      : time;
  }

  /** Compares bytes. A record that is too short yields fewer of them, which are not equal. */
  #matches(sql: Sql, { start, text }: Etag): RawBuilder<unknown> {
    const length = sql.lit(text.length);
    const position = sql.lit(start < 0 ? start : start + 1);
    switch (this.#dialect) {
      case "mysql": {
        const bytes = textValue(sql, text, "mysql", "bytes");
        return sql`SUBSTRING(CAST(session_data AS BINARY), ${position}, ${length}) = CAST(${bytes} AS BINARY)`;
      }
      case "postgres": {
        const bytes = sql`convert_to(session_data, 'UTF8')`;
        const from = start < 0 ? sql`length(${bytes}) + 1 + ${position}` : position;
        return sql`substring(${bytes} FROM ${from} FOR ${length}) = convert_to(${text}, 'UTF8')`;
      }
      case "sqlite":
        return sql`substr(CAST(session_data AS BLOB), ${position}, ${length}) = CAST(${text} AS BLOB)`;
    }
  }
}
