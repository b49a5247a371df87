import type { RawBuilder, Sql } from "kysely";

import type { EpochMilliseconds } from "../../core/clock.ts";
import type { SessionKey } from "../../core/ids.ts";
import { type IndexedSession, type Unlisting, type UserIndexRange, WAITING } from "../user-index.ts";
import type { Clearing, Instant } from "./clear-in-batches.ts";
import type { Build } from "./database.ts";
import type { SqlDialect } from "./dialect.ts";
import { EPOCH_TABLE, USER_SESSION_TABLE } from "./table-name.ts";
import { textValue } from "./text-value.ts";

/** Row of a session. Drivers give large numbers as text. */
export interface UserSessionRow {
  readonly session_key: string;
  readonly created_at: number | string;
  readonly last_seen_at: number | string;
  /**
   * Time after which the row may be dropped, in milliseconds since 1970; below zero if the session
   * has to make room, and {@link WAITING} more while it waits to replace another one.
   */
  readonly expires_at: number | string;
  readonly device: string;
}

const VALUE_FIELDS = ["created_at", "last_seen_at", "expires_at", "device"] as const;
const FIELDS = ["session_key", ...VALUE_FIELDS] as const;

/** Statements of the index of users. Each finds its rows by an index, and reads only those. */
export class UserStatements {
  readonly #dialect: SqlDialect;

  constructor(dialect: SqlDialect) {
    this.#dialect = dialect;
  }

  readEpoch(userId: string): Build<{ readonly epoch: string }> {
    return (sql) =>
      sql`SELECT epoch FROM ${sql.table(EPOCH_TABLE)} WHERE user_id = ${this.#user(sql, userId)}`;
  }

  /** Makes sure that a user has a row, and locks it. */
  keepUser(userId: string, keepUntil: EpochMilliseconds): Build {
    return this.#putUser(userId, "", keepUntil, (sql) => [sql.ref("keep_until")]);
  }

  setEpoch(userId: string, epoch: string, keepUntil: EpochMilliseconds): Build {
    return this.#putUser(userId, epoch, keepUntil, (sql) => [sql.ref("keep_until"), sql.ref("epoch")]);
  }

  /** Sets the whole row. */
  add(userId: string, session: IndexedSession, isWaiting: boolean = false): Build {
    return this.#insert(userId, session, isWaiting, (sql, given) =>
      VALUE_FIELDS.map((field) => sql`${sql.ref(field)} = ${given(field)}`),
    );
  }

  /** Keeps the earlier creation, the later expiry and a known device. */
  put(userId: string, session: IndexedSession): Build {
    return this.#insert(userId, session, false, (sql, given) => {
      const own = (field: string): RawBuilder<unknown> => sql.ref(`${USER_SESSION_TABLE}.${field}`);
      const choose = (condition: RawBuilder<unknown>, field: string): RawBuilder<unknown> =>
        sql`${sql.ref(field)} = CASE WHEN ${condition} THEN ${given(field)} ELSE ${own(field)} END`;
      const ends = endOf(sql, own("expires_at"));
      return [
        choose(sql`${given("created_at")} < ${own("created_at")}`, "created_at"),
        sql`last_seen_at = ${given("last_seen_at")}`,
        sql`expires_at = CASE WHEN ${given("expires_at")} > ${ends} THEN ${given("expires_at")} ELSE ${ends} END`,
        choose(sql`${given("device")} <> ''`, "device"),
      ];
    });
  }

  check(
    userId: string,
    key: SessionKey,
  ): Build<{ readonly epoch: string | null; readonly listed: number | string }> {
    return (sql) => sql`
      SELECT
        (SELECT epoch FROM ${sql.table(EPOCH_TABLE)} WHERE user_id = ${this.#user(sql, userId)}) AS epoch,
        (SELECT count(*) FROM ${sql.table(USER_SESSION_TABLE)}
          WHERE user_id = ${this.#user(sql, userId)} AND session_key = ${key} AND expires_at >= 0) AS listed`;
  }

  /** Makes a waiting row count. */
  settle(userId: string, key: SessionKey): Build {
    return (sql) => sql`
      UPDATE ${sql.table(USER_SESSION_TABLE)} SET expires_at = expires_at - ${sql.lit(WAITING)}
      WHERE user_id = ${this.#user(sql, userId)} AND session_key = ${key} AND expires_at >= ${sql.lit(WAITING)}`;
  }

  /** Counts the rows that expire after an instant, up to a number. */
  count(userId: string, after: EpochMilliseconds, upTo: number): Build<{ readonly count: number | string }> {
    return (sql) => sql`
      SELECT count(*) AS count FROM (
        SELECT 1 AS one FROM ${sql.table(USER_SESSION_TABLE)}
        WHERE user_id = ${this.#user(sql, userId)} AND ${isCounted(sql, after)} LIMIT ${sql.lit(upTo)}) AS listed`;
  }

  /** Reads the rows that expire first after an instant. */
  endingFirst(
    userId: string,
    after: EpochMilliseconds,
    count: number,
  ): Build<Pick<UserSessionRow, "session_key" | "created_at">> {
    return (sql) => sql`
      SELECT session_key, created_at FROM ${sql.table(USER_SESSION_TABLE)}
      WHERE user_id = ${this.#user(sql, userId)} AND ${isCounted(sql, after)} ORDER BY expires_at LIMIT ${sql.lit(count)}`;
  }

  /** Marks sessions that have to make room. */
  doom(userId: string, keys: readonly SessionKey[]): Build {
    return (sql) => sql`
      UPDATE ${sql.table(USER_SESSION_TABLE)} SET expires_at = -expires_at
      WHERE user_id = ${this.#user(sql, userId)} AND session_key IN (${sql.join(keys)}) AND expires_at > 0`;
  }

  doomed(userId: string, count: number): Build<Pick<UserSessionRow, "session_key">> {
    return (sql) => sql`
      SELECT session_key FROM ${sql.table(USER_SESSION_TABLE)}
      WHERE user_id = ${this.#user(sql, userId)} AND expires_at < 0 ORDER BY expires_at LIMIT ${sql.lit(count)}`;
  }

  remove(userId: string, sessions: readonly Unlisting[]): Build {
    return (sql) => {
      const keys = sql.join(sessions.map(({ key }) => key));
      const found = sql`user_id = ${this.#user(sql, userId)} AND session_key IN (${keys})`;
      const renewed = sessions.flatMap(({ key, keptUntil }) =>
        keptUntil === undefined
          ? []
          : [sql`(session_key = ${key} AND ${endOf(sql, sql`expires_at`)} <> ${Math.ceil(keptUntil)})`],
      );
      const isOther = renewed.length === 0 ? sql`` : sql` AND NOT (${sql.join(renewed, sql` OR `)})`;
      return sql`DELETE FROM ${sql.table(USER_SESSION_TABLE)} WHERE ${found}${isOther}`;
    };
  }

  /**
   * A comparison of rows, `(expires_at, session_key) < (…)`, is not used: MySQL finds no rows by
   * it, and PostgreSQL reads on beyond its end through all rows of the same instant, 100 000 of
   * which `setExpiry(date)` can make.
   */
  page(userId: string, { after, until, limit }: UserIndexRange): Build<UserSessionRow> {
    return (sql) => {
      const parts = partsOf(sql, after, until).map((part) =>
        pageWhere(sql, this.#user(sql, userId), limit, part),
      );
      const [only] = parts;
      if (only !== undefined && parts.length === 1) return only;
      const all = sql.join(
        parts.map((part, at) => sql`SELECT * FROM (${part}) AS ${sql.ref(`part${at}`)}`),
        sql` UNION ALL `,
      );
      return sql<UserSessionRow>`SELECT * FROM (${all}) AS listed
        ORDER BY expires_at DESC, session_key DESC LIMIT ${sql.lit(limit)}`;
    };
  }

  /** Sweeps of both tables. */
  clearings(now: EpochMilliseconds): readonly Clearing[] {
    const end = Math.floor(now);
    return [
      // An entry that has to make room has its expiry below zero.
      this.#clearing(USER_SESSION_TABLE, ["user_id", "session_key"], "expires_at", [-end, end]),
      this.#clearing(USER_SESSION_TABLE, ["user_id", "session_key"], "expires_at", [WAITING, WAITING + end]),
      this.#clearing(EPOCH_TABLE, ["user_id"], "keep_until", [0, end]),
    ];
  }

  #clearing(
    table: string,
    key: readonly string[],
    column: string,
    [first, last]: readonly [EpochMilliseconds, EpochMilliseconds],
  ): Clearing {
    const expired = (sql: Sql, from: Instant = first, until: Instant = last): RawBuilder<unknown> =>
      sql`${sql.ref(column)} BETWEEN ${from} AND ${until}`;
    return {
      batchEnd: (from, limit) => (sql) =>
        sql<{ readonly batch_end: Instant }>`
        SELECT ${sql.ref(column)} AS batch_end FROM ${sql.table(table)} WHERE ${expired(sql, from)}
        ORDER BY ${sql.ref(column)} LIMIT 1 OFFSET ${sql.lit(limit - 1)}`,
      deletion: (from, until, limit) => (sql) => {
        const [isOver, order] = [
          expired(sql, from, until),
          sql`ORDER BY ${sql.ref(column)} LIMIT ${sql.lit(limit)}`,
        ];
        if (this.#dialect === "mysql") return sql`DELETE FROM ${sql.table(table)} WHERE ${isOver} ${order}`;
        const chosen = sql`SELECT ${list(sql, key)} FROM ${sql.table(table)} WHERE ${isOver} ${order}`;
        return sql`DELETE FROM ${sql.table(table)} WHERE (${list(sql, key)}) IN (${chosen}) AND ${isOver}`;
      },
    };
  }

  #putUser(
    userId: string,
    epoch: string,
    keepUntil: EpochMilliseconds,
    columns: (sql: Sql) => readonly RawBuilder<unknown>[],
  ): Build {
    return (sql) => {
      const values = sql.join([this.#user(sql, userId), epoch, Math.ceil(keepUntil)]);
      const insert = sql`INSERT INTO ${sql.table(EPOCH_TABLE)} (user_id, epoch, keep_until) VALUES (${values})`;
      const [until, ...others] = columns(sql);
      const given = (column: RawBuilder<unknown>): RawBuilder<unknown> => this.#given(sql, column);
      const old = sql.ref(`${EPOCH_TABLE}.keep_until`);
      const later = sql`CASE WHEN ${given(sql.ref("keep_until"))} > ${old} THEN ${given(sql.ref("keep_until"))} ELSE ${old} END`;
      const assignments = [
        sql`${until} = ${later}`,
        ...others.map((column) => sql`${column} = ${given(column)}`),
      ];
      return sql`${insert} ${this.#onConflict(sql, "user_id")} ${sql.join(assignments)}`;
    };
  }

  #insert(
    userId: string,
    { key, entry }: IndexedSession,
    isWaiting: boolean,
    assign: (sql: Sql, given: (field: string) => RawBuilder<unknown>) => readonly RawBuilder<unknown>[],
  ): Build {
    const order = entry.keepUntil + (isWaiting ? WAITING : 0);
    const times = [entry.createdAt, entry.lastSeenAt, order].map(Math.ceil);
    return (sql) => {
      const values = sql.join([
        this.#user(sql, userId),
        key,
        ...times,
        textValue(sql, entry.device, this.#dialect, "text"),
      ]);
      const insert = sql`INSERT INTO ${sql.table(USER_SESSION_TABLE)} (user_id, ${list(sql, FIELDS)}) VALUES (${values})`;
      const assignments = assign(sql, (field) => this.#given(sql, sql.ref(field)));
      return sql`${insert} ${this.#onConflict(sql, "user_id, session_key")} ${sql.join(assignments)}`;
    };
  }

  #user(sql: Sql, userId: string): RawBuilder<unknown> {
    return textValue(sql, userId, this.#dialect, "bytes");
  }

  #onConflict(sql: Sql, key: string): RawBuilder<unknown> {
    return this.#dialect === "mysql"
      ? sql`ON DUPLICATE KEY UPDATE`
      : sql`ON CONFLICT (${sql.raw(key)}) DO UPDATE SET`;
  }

  /** Value for a column from the insertion that conflicted. */
  #given(sql: Sql, column: RawBuilder<unknown>): RawBuilder<unknown> {
    return this.#dialect === "mysql" ? sql`VALUES(${column})` : sql`excluded.${column}`;
  }
}

/** Expiry of a row, from its `expires_at`. */
function endOf(sql: Sql, order: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`(ABS(${order}) % ${sql.lit(WAITING)})`;
}

/** Condition of rows that count after an instant. */
function isCounted(sql: Sql, after: EpochMilliseconds): RawBuilder<unknown> {
  return sql`expires_at > ${Math.floor(after)} AND expires_at < ${sql.lit(WAITING)}`;
}

function list(sql: Sql, columns: readonly string[]): RawBuilder<unknown> {
  return sql.join(columns.map((column) => sql.ref(column)));
}

/** Conditions of the rows between two cursors, the second included. Each is one index range. */
function partsOf(
  sql: Sql,
  after: string | undefined,
  until: string | undefined,
): readonly RawBuilder<unknown>[] {
  const [from, end] = [after, until].map((cursor) =>
    cursor === undefined ? undefined : parseCursor(cursor),
  );
  const isBefore = from && sql` AND session_key < ${from[1]}`;
  const isNotBeyond = end && sql` AND session_key >= ${end[1]}`;
  if (from && end && from[0] === end[0]) return [sql` AND expires_at = ${from[0]}${isBefore}${isNotBeyond}`];
  const [upper, lower] = [from && sql` AND expires_at < ${from[0]}`, end && sql` AND expires_at > ${end[0]}`];
  return [
    ...(from ? [sql` AND expires_at = ${from[0]}${isBefore}`] : []),
    sql`${upper ?? sql``}${lower ?? sql``}`,
    ...(end ? [sql` AND expires_at = ${end[0]}${isNotBeyond}`] : []),
  ];
}

function parseCursor(cursor: string): [instant: number, key: SessionKey] {
  const [instant = "", key = ""] = cursor.split(":");
  return [Number(instant), key];
}

function pageWhere(
  sql: Sql,
  user: RawBuilder<unknown>,
  limit: number,
  condition: RawBuilder<unknown>,
): RawBuilder<UserSessionRow> {
  return sql<UserSessionRow>`
    SELECT ${list(sql, FIELDS)} FROM ${sql.table(USER_SESSION_TABLE)} WHERE user_id = ${user}${condition}
    ORDER BY expires_at DESC, session_key DESC LIMIT ${sql.lit(limit)}`;
}
