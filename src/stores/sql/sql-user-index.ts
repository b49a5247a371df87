import type { RawBuilder, Sql } from "kysely";

import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { isSessionKey, type SessionKey } from "../../core/ids.ts";
import type { IndexedSession, UserIndex, UserIndexAddition, UserIndexCheck, UserIndexLimits } from "../user-index.ts";
import { BATCH_SIZE, type Clearing, clearInBatches, type Instant } from "./clear-in-batches.ts";
import type { Build, Run, SqlDatabase } from "./database.ts";
import { EPOCH_TABLE, USER_SESSION_TABLE } from "./table-name.ts";

interface SessionRow {
  readonly session_key: string;
  /** Drivers give large numbers as text. */
  readonly created_at: number | string;
  readonly last_seen_at: number | string;
  readonly expires_at: number | string;
  readonly device: string;
}

/**
 * The sessions of each user, a row a session, and the epoch of each user, a row a user.
 *
 * Who adds or revokes begins with the row of the epoch, whose lock lets one at a time through for each user.
 */
export class SqlUserIndex implements UserIndex {
  readonly #database: SqlDatabase;
  readonly #clock: Clock;

  constructor(database: SqlDatabase, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  async add(
    userId: string,
    session: IndexedSession,
    { most, replaces, ttl, now }: UserIndexLimits,
    deadline: Deadline,
  ): Promise<UserIndexAddition> {
    return this.#database.transact(async (run) => {
      await run(this.#keepUser(userId, now + ttl));
      const epoch = await readEpoch(run, userId);
      await run(deleteExpired(userId, now));
      await run(this.#putSession(userId, session));
      if (most === undefined) return { epoch, evicted: [] };
      const listed = toSessions(await run(selectSessions(userId)));
      const evicted = oldestBeyond(listed, most, [session.key, replaces]);
      if (evicted.length > 0) await run(deleteSessions(userId, evicted));
      return { epoch, evicted };
    }, deadline);
  }

  async check(userId: string, key: SessionKey, deadline: Deadline): Promise<UserIndexCheck> {
    const query: Build<{ epoch: string | null; listed: number | string }> = (sql) => sql`
      SELECT
        (SELECT epoch FROM ${sql.table(EPOCH_TABLE)} WHERE user_id = ${userId}) AS epoch,
        (SELECT count(*) FROM ${sql.table(USER_SESSION_TABLE)}
          WHERE user_id = ${userId} AND session_key = ${key}) AS listed`;
    const { rows } = await this.#database.run(query, deadline, "reads");
    return { epoch: rows[0]?.epoch ?? "", isListed: Number(rows[0]?.listed) > 0 };
  }

  async put(userId: string, session: IndexedSession, _ttl: Milliseconds, deadline: Deadline): Promise<void> {
    await this.#database.run(this.#putSession(userId, session), deadline);
  }

  async remove(userId: string, keys: readonly SessionKey[], deadline: Deadline): Promise<void> {
    if (keys.length > 0) await this.#database.run(deleteSessions(userId, keys), deadline);
  }

  async list(userId: string, deadline: Deadline): Promise<readonly IndexedSession[]> {
    return toSessions(await this.#database.run(selectSessions(userId), deadline, "reads"));
  }

  async revoke(
    userId: string,
    epoch: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<readonly IndexedSession[]> {
    const keepUntil = this.#clock.now() + ttl;
    return this.#database.transact(async (run) => {
      await run(this.#keepUser(userId, keepUntil));
      await run((sql) => sql`UPDATE ${sql.table(EPOCH_TABLE)} SET epoch = ${epoch} WHERE user_id = ${userId}`);
      return toSessions(await run(selectSessions(userId)));
    }, deadline);
  }

  /**
   * Deletes what has expired: entries of sessions, and epochs that nobody can ask for any more.
   *
   * @param onBatch Called after each batch.
   */
  async clearExpired(pageDeadline: () => Deadline, onBatch: () => void): Promise<void> {
    const now = Math.floor(this.#clock.now());
    for (const table of EXPIRING)
      await clearInBatches(this.#database, this.#clearing(table, now), pageDeadline, onBatch);
  }

  #clearing([table, key, column]: (typeof EXPIRING)[number], now: EpochMilliseconds): Clearing {
    const expired = (sql: Sql, from: Instant = 0, until: Instant = now): RawBuilder<unknown> =>
      sql`${sql.ref(column)} BETWEEN ${from} AND ${until}`;
    return {
      batchEnd: (from) => (sql) =>
        sql<{ readonly batch_end: Instant }>`
        SELECT ${sql.ref(column)} AS batch_end FROM ${sql.table(table)} WHERE ${expired(sql, from)}
        ORDER BY ${sql.ref(column)} LIMIT 1 OFFSET ${sql.lit(BATCH_SIZE - 1)}`,
      deletion: (from, until) => (sql) => {
        const [isOver, order] = [
          expired(sql, from, until),
          sql`ORDER BY ${sql.ref(column)} LIMIT ${sql.lit(BATCH_SIZE)}`,
        ];
        if (this.#database.dialect === "mysql") return sql`DELETE FROM ${sql.table(table)} WHERE ${isOver} ${order}`;
        const chosen = sql`SELECT ${list(sql, key)} FROM ${sql.table(table)} WHERE ${isOver} ${order}`;
        return sql`DELETE FROM ${sql.table(table)} WHERE (${list(sql, key)}) IN (${chosen}) AND ${isOver}`;
      },
    };
  }

  /** Makes sure that a user has a row, and locks it. */
  #keepUser(userId: string, keepUntil: EpochMilliseconds): Build {
    const until = Math.ceil(keepUntil);
    return (sql) => {
      const insert = sql`INSERT INTO ${sql.table(EPOCH_TABLE)} (user_id, epoch, keep_until) VALUES (${userId}, '', ${until})`;
      return this.#database.dialect === "mysql"
        ? sql`${insert} ON DUPLICATE KEY UPDATE keep_until = GREATEST(keep_until, VALUES(keep_until))`
        : sql`${insert} ON CONFLICT (user_id) DO UPDATE SET keep_until =
            CASE WHEN excluded.keep_until > ${sql.table(EPOCH_TABLE)}.keep_until
            THEN excluded.keep_until ELSE ${sql.table(EPOCH_TABLE)}.keep_until END`;
    };
  }

  #putSession(userId: string, { key, entry }: IndexedSession): Build {
    const times = [entry.createdAt, entry.lastSeenAt, entry.expiresAt].map(Math.ceil);
    return (sql) => {
      const values = sql.join([userId, key, ...times, entry.device]);
      const insert = sql`INSERT INTO ${sql.table(USER_SESSION_TABLE)} (user_id, ${list(sql, FIELDS)}) VALUES (${values})`;
      if (this.#database.dialect === "mysql") {
        const assignments = VALUE_FIELDS.map((field) => sql`${sql.ref(field)} = VALUES(${sql.ref(field)})`);
        return sql`${insert} ON DUPLICATE KEY UPDATE ${sql.join(assignments)}`;
      }
      const assignments = VALUE_FIELDS.map((field) => sql`${sql.ref(field)} = excluded.${sql.ref(field)}`);
      return sql`${insert} ON CONFLICT (user_id, session_key) DO UPDATE SET ${sql.join(assignments)}`;
    };
  }
}

const VALUE_FIELDS = ["created_at", "last_seen_at", "expires_at", "device"] as const;
const FIELDS = ["session_key", ...VALUE_FIELDS] as const;

/** Tables whose rows end, with their primary keys and the column that says when. */
const EXPIRING = [
  [USER_SESSION_TABLE, ["user_id", "session_key"], "expires_at"],
  [EPOCH_TABLE, ["user_id"], "keep_until"],
] as const;

function list(sql: Sql, columns: readonly string[]): RawBuilder<unknown> {
  return sql.join(columns.map((column) => sql.ref(column)));
}

async function readEpoch(run: Run, userId: string): Promise<string> {
  const query: Build<{ epoch: string }> = (sql) =>
    sql`SELECT epoch FROM ${sql.table(EPOCH_TABLE)} WHERE user_id = ${userId}`;
  return (await run(query)).rows[0]?.epoch ?? "";
}

function selectSessions(userId: string): Build<SessionRow> {
  return (sql) =>
    sql<SessionRow>`SELECT ${list(sql, FIELDS)} FROM ${sql.table(USER_SESSION_TABLE)} WHERE user_id = ${userId}`;
}

function deleteExpired(userId: string, now: EpochMilliseconds): Build {
  return (sql) => sql`
    DELETE FROM ${sql.table(USER_SESSION_TABLE)} WHERE user_id = ${userId} AND expires_at <= ${Math.floor(now)}`;
}

function deleteSessions(userId: string, keys: readonly SessionKey[]): Build {
  return (sql) => sql`
    DELETE FROM ${sql.table(USER_SESSION_TABLE)} WHERE user_id = ${userId} AND session_key IN (${sql.join(keys)})`;
}

function toSessions({ rows }: { readonly rows: readonly SessionRow[] }): IndexedSession[] {
  return rows
    .filter((row) => isSessionKey(row.session_key))
    .map((row) => ({
      key: row.session_key,
      entry: {
        createdAt: Number(row.created_at),
        lastSeenAt: Number(row.last_seen_at),
        expiresAt: Number(row.expires_at),
        device: row.device,
      },
    }));
}

/** Neither the newcomer nor the session that it replaces is among them. */
function oldestBeyond(
  listed: readonly IndexedSession[],
  most: number,
  spared: readonly (SessionKey | undefined)[],
): SessionKey[] {
  const others = listed.filter(({ key }) => !spared.includes(key));
  return others
    .toSorted((left, right) => left.entry.createdAt - right.entry.createdAt)
    .slice(0, Math.max(0, others.length + 1 - most))
    .map(({ key }) => key);
}
