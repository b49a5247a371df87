import type { RawBuilder, Sql } from "kysely";

import type { EpochMilliseconds } from "../../core/clock.ts";
import type { TimeZone } from "../../core/time-zone.ts";
import { castTime, timeText } from "./column-time.ts";
import type { Build } from "./database.ts";
import type { SqlDialect } from "./dialect.ts";
import { textValue } from "./text-value.ts";
import { Timestamps } from "./timestamp.ts";

/** Value and expiry of a row, as its columns have them. */
export interface SeenRow {
  readonly value: string;
  readonly expiry: string;
}

export interface CacheRow extends SeenRow {
  readonly cache_key: string;
}

/** A row as {@link CacheStatements.pair} gives it: `null` where there is none. */
export interface PairRow {
  readonly value: string | null;
  readonly expiry: string | null;
  readonly lease_value: string | null;
  readonly lease_expiry: string | null;
}

/** A row to be stored. */
export interface NewRow {
  readonly name: string;
  readonly value: string;
  readonly expiresAt: EpochMilliseconds;
}

/**
 * Times from here on are Django's `datetime.max`: no expiry, in whatever zone it was written. The
 * row itself says `9999-12-31 23:59:59`, since Django leaves microseconds out.
 */
const ENDLESS: EpochMilliseconds = Date.UTC(9999, 11, 30);
const ENDLESS_TEXT = "9999-12-31 23:59:59";

/** Beginnings of pickled integers in base64: one byte, two, four, and up to nine. */
const COUNTERS = ["gAVL%", "gAWVBAAAAAAAAABN%", "gAWVBgAAAAAAAABK%", "gAWV__AAAAAAAACK%"] as const;

/**
 * Statements on a table with the columns of Django's database cache. Each write decides by itself:
 * its conditions are in its `WHERE`, on all of the row that was seen.
 */
export class CacheStatements {
  readonly table: string;
  readonly #dialect: SqlDialect;
  readonly #times: Timestamps;

  constructor(table: string, dialect: SqlDialect, zone?: TimeZone) {
    this.table = table;
    this.#dialect = dialect;
    this.#times = new Timestamps(dialect, zone);
  }

  /** Reads the expiry of a row. */
  expiryOf({ expiry }: SeenRow): EpochMilliseconds {
    const instant = this.#times.read(expiry);
    return instant >= ENDLESS ? Number.POSITIVE_INFINITY : instant;
  }

  /** Returns whether a row would be the same as the one that was seen. */
  isSame(row: NewRow, seen: SeenRow): boolean {
    if (row.value !== seen.value) return false;
    return this.#time(row.expiresAt).replace(/\+00$/, "") === seen.expiry;
  }

  /** Reads live rows. */
  read(names: readonly string[], now: EpochMilliseconds): Build<CacheRow> {
    return (sql) => sql<CacheRow>`
      SELECT cache_key, value, ${this.#expiryText(sql, "expires")} AS expiry FROM ${this.#name(sql)}
      WHERE ${this.#isAny(sql, names)} AND ${this.#isLive(sql, now)}`;
  }

  /** Reads a row, expired or not. */
  row(name: string): Build<SeenRow> {
    return (sql) => sql<SeenRow>`
      SELECT value, ${this.#expiryText(sql, "expires")} AS expiry FROM ${this.#name(sql)}
      WHERE cache_key = ${this.#text(sql, name)}`;
  }

  /** Reads a row and its sibling in another table, both at one instant. */
  pair(name: string, sibling: CacheStatements, siblingName: string): Build<PairRow> {
    return (sql) => sql<PairRow>`
      SELECT entry.value AS value, ${this.#expiryText(sql, "entry.expires")} AS expiry,
        lease.value AS lease_value, ${this.#expiryText(sql, "lease.expires")} AS lease_expiry
      FROM (SELECT 1 AS one) AS one
      LEFT JOIN ${this.#name(sql)} AS entry ON entry.cache_key = ${this.#text(sql, name)}
      LEFT JOIN ${sibling.#name(sql)} AS lease ON lease.cache_key = ${siblingName}`;
  }

  /** Inserts a row if there is none. */
  insert({ name, value, expiresAt }: NewRow): Build {
    const isMysql = this.#dialect === "mysql";
    // ON DUPLICATE KEY UPDATE counts rows in a way that depends on a flag of the connection. IGNORE
    // would also cut what is too long, which neither the name nor a longtext is.
    return (sql) => sql`
      INSERT ${isMysql ? sql`IGNORE ` : sql``}INTO ${this.#name(sql)} (cache_key, value, expires)
      VALUES (${this.#text(sql, name)}, ${value}, ${this.#cast(sql, expiresAt)})
      ${isMysql ? sql`` : sql`ON CONFLICT (cache_key) DO NOTHING`}`;
  }

  /** Replaces a row if it still is the one that was seen. The two must differ. */
  update({ name, value, expiresAt }: NewRow, seen: SeenRow): Build {
    return (sql) => sql`
      UPDATE ${this.#name(sql)} SET value = ${value}, expires = ${this.#cast(sql, expiresAt)}
      WHERE ${this.#isSeen(sql, name, seen)}`;
  }

  /** Deletes a row if it still is the one that was seen. */
  deleteSeen(name: string, seen: SeenRow): Build {
    return (sql) => sql`DELETE FROM ${this.#name(sql)} WHERE ${this.#isSeen(sql, name, seen)}`;
  }

  /** Stores rows, whatever is there. */
  put(rows: readonly NewRow[]): Build {
    const isMysql = this.#dialect === "mysql";
    return (sql) => {
      const values = rows.map(
        ({ name, value, expiresAt }) =>
          sql`(${this.#text(sql, name)}, ${value}, ${this.#cast(sql, expiresAt)})`,
      );
      return sql`
        INSERT INTO ${this.#name(sql)} (cache_key, value, expires) VALUES ${sql.join(values)}
        ${
          isMysql
            ? sql`ON DUPLICATE KEY UPDATE value = VALUES(value), expires = VALUES(expires)`
            : sql`ON CONFLICT (cache_key) DO UPDATE SET value = excluded.value, expires = excluded.expires`
        }`;
    };
  }

  deleteLive(names: readonly string[], now: EpochMilliseconds): Build {
    return (sql) =>
      sql`DELETE FROM ${this.#name(sql)} WHERE ${this.#isAny(sql, names)} AND ${this.#isLive(sql, now)}`;
  }

  deleteAnyway(names: readonly string[]): Build {
    return (sql) => sql`DELETE FROM ${this.#name(sql)} WHERE ${this.#isAny(sql, names)}`;
  }

  /**
   * Reads the next rows by primary key, expired ones too: so a page is a bounded step. Only names
   * with the prefix come with their values.
   */
  page(
    after: string,
    limit: number,
    valuesOf: string,
  ): Build<{ readonly cache_key: string; readonly value: string | null; readonly expiry: string }> {
    return (sql) => sql<{ cache_key: string; value: string | null; expiry: string }>`
      SELECT cache_key, CASE WHEN cache_key LIKE ${`${valuesOf}%`} THEN value END AS value,
        ${this.#expiryText(sql, "expires")} AS expiry
      FROM ${this.#name(sql)} WHERE cache_key > ${this.#text(sql, after)}
      ORDER BY cache_key LIMIT ${sql.lit(limit)}`;
  }

  count(): Build<{ readonly count: number | string }> {
    return (sql) => sql`SELECT count(*) AS count FROM ${this.#name(sql)}`;
  }

  /** Reads names of expired rows. */
  expired(now: EpochMilliseconds, limit: number): Build<{ readonly cache_key: string }> {
    return (sql) => sql`
      SELECT cache_key FROM ${this.#name(sql)} WHERE NOT ${this.#isLive(sql, now)} LIMIT ${sql.lit(limit)}`;
  }

  /** Deletes expired rows. One that is renewed meanwhile stays. */
  deleteExpired(names: readonly string[], now: EpochMilliseconds): Build {
    return (sql) => sql`
      DELETE FROM ${this.#name(sql)} WHERE ${this.#isAny(sql, names)} AND NOT ${this.#isLive(sql, now)}`;
  }

  /** Reads names of the rows that expire first. Counters are left out. */
  endingFirst(limit: number): Build<{ readonly cache_key: string }> {
    return (sql) => sql`
      SELECT cache_key FROM ${this.#name(sql)} WHERE ${this.#isNoCounter(sql)}
      ORDER BY expires LIMIT ${sql.lit(limit)}`;
  }

  /** Deletes rows that are no counters. */
  cull(names: readonly string[]): Build {
    return (sql) => sql`
      DELETE FROM ${this.#name(sql)} WHERE ${this.#isAny(sql, names)} AND ${this.#isNoCounter(sql)}`;
  }

  #name(sql: Sql): RawBuilder<unknown> {
    return sql.table(this.table);
  }

  #text(sql: Sql, text: string): RawBuilder<unknown> {
    return textValue(sql, text, this.#dialect, "text");
  }

  #time(instant: EpochMilliseconds): string {
    if (instant < ENDLESS) return this.#times.write(instant);
    if (this.#dialect === "sqlite") return ENDLESS_TEXT;
    return `${ENDLESS_TEXT}.000000${this.#dialect === "postgres" ? "+00" : ""}`;
  }

  #cast(sql: Sql, instant: EpochMilliseconds): RawBuilder<unknown> {
    return castTime(sql, this.#time(instant), this.#dialect);
  }

  #expiryText(sql: Sql, column: string): RawBuilder<unknown> {
    return timeText(sql, sql.ref(column), this.#dialect);
  }

  #isAny(sql: Sql, names: readonly string[]): RawBuilder<unknown> {
    return sql`cache_key IN (${sql.join(names.map((name) => this.#text(sql, name)))})`;
  }

  #isLive(sql: Sql, now: EpochMilliseconds): RawBuilder<unknown> {
    return sql`expires > ${castTime(sql, this.#times.writeNow(now), this.#dialect)}`;
  }

  /** Compares bytes: a collation of MySQL may fold the case of base64. */
  #isSeen(sql: Sql, name: string, { value, expiry }: SeenRow): RawBuilder<unknown> {
    const isSame =
      this.#dialect === "mysql"
        ? sql`CAST(value AS BINARY) = CAST(${value} AS BINARY)`
        : sql`value = ${value}`;
    const time = this.#dialect === "postgres" ? `${expiry}+00` : expiry;
    const isThen = sql`expires = ${castTime(sql, time, this.#dialect)}`;
    return sql`cache_key = ${this.#text(sql, name)} AND ${isSame} AND ${isThen}`;
  }

  #isNoCounter(sql: Sql): RawBuilder<unknown> {
    return sql.join(
      COUNTERS.map((pattern) => sql`value NOT LIKE ${pattern}`),
      sql` AND `,
    );
  }
}
