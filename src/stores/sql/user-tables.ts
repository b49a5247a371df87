import type { Kysely, RawBuilder, Sql } from "kysely";

import { leaveToCaller } from "../../core/optional-packages.ts";
import { detectDialect, type SqlDialect } from "./dialect.ts";
import { EPOCH_TABLE, USER_SESSION_TABLE } from "./table-name.ts";

/** Ids of users are compared byte by byte, trailing spaces included, unlike any text of MySQL. */
const TYPES: Readonly<Record<SqlDialect, { readonly userId: string; readonly text: string }>> = {
  mysql: { userId: "varbinary(255)", text: "varchar(255) CHARACTER SET utf8mb4" },
  postgres: { userId: "text", text: "text" },
  sqlite: { userId: "text", text: "text" },
};

/** Index by which the sessions of a user are read page by page. */
const ORDER_INDEX = "sojourn_user_session_order";
const ORDER = ["user_id", "expires_at", "session_key"] as const;

/**
 * Creates the tables of the index of users, `sojourn_user_epoch` and `sojourn_user_session`, if
 * they are missing. The option `users` of `sqlSessionStore` needs them.
 *
 * Errors are those of the driver.
 *
 * @throws {ImproperlyConfigured} For a database that is none of the three.
 */
export async function createUserTables<Database>(database: Kysely<Database>): Promise<void> {
  const plain = (database as unknown as Kysely<unknown>).withoutPlugins();
  const dialect = detectDialect(plain, "createUserTables.database");
  const { sql } = await import("kysely").catch(leaveToCaller);
  for (const statement of statements(sql, dialect)) await statement.execute(plain);
}

function statements(sql: Sql, dialect: SqlDialect): RawBuilder<unknown>[] {
  const [userId, text] = [sql.raw(TYPES[dialect].userId), sql.raw(TYPES[dialect].text)];
  // MySQL has no CREATE INDEX IF NOT EXISTS, the others no INDEX in a CREATE TABLE.
  const list = (columns: readonly string[]): RawBuilder<unknown> =>
    sql.join(columns.map((column) => sql.ref(column)));
  const inner = (name: string, ...columns: string[]): RawBuilder<unknown> =>
    dialect === "mysql" ? sql`, INDEX ${sql.id(name)} (${list(columns)})` : sql``;
  const outer = (name: string, table: string, ...columns: string[]): RawBuilder<unknown>[] =>
    dialect === "mysql"
      ? []
      : [sql`CREATE INDEX IF NOT EXISTS ${sql.id(name)} ON ${sql.table(table)} (${list(columns)})`];
  return [
    sql`CREATE TABLE IF NOT EXISTS ${sql.table(EPOCH_TABLE)} (
      user_id ${userId} NOT NULL PRIMARY KEY,
      epoch ${text} NOT NULL,
      keep_until bigint NOT NULL${inner("sojourn_user_epoch_keep_until", "keep_until")}
    )`,
    ...outer("sojourn_user_epoch_keep_until", EPOCH_TABLE, "keep_until"),
    sql`CREATE TABLE IF NOT EXISTS ${sql.table(USER_SESSION_TABLE)} (
      user_id ${userId} NOT NULL,
      session_key varchar(40) NOT NULL,
      created_at bigint NOT NULL,
      last_seen_at bigint NOT NULL,
      expires_at bigint NOT NULL,
      device ${text} NOT NULL,
      PRIMARY KEY (user_id, session_key)${inner("sojourn_user_session_expires_at", "expires_at")}${inner(ORDER_INDEX, ...ORDER)}
    )`,
    ...outer("sojourn_user_session_expires_at", USER_SESSION_TABLE, "expires_at"),
    ...outer(ORDER_INDEX, USER_SESSION_TABLE, ...ORDER),
  ];
}
