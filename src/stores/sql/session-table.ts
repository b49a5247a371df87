import { createHash } from "node:crypto";
import type { Kysely, RawBuilder, Sql } from "kysely";

import { leaveToCaller } from "../../core/optional-packages.ts";
import { detectDialect } from "./dialect.ts";
import { checkTableName, DJANGO_TABLE } from "./table-name.ts";

/** Options of {@link createSessionTable}. */
export interface CreateSessionTableOptions {
  /** @defaultValue `"django_session"` */
  readonly table?: string | undefined;
}

/**
 * Creates the table of sessions and its indexes if they are missing, in the form that Django's
 * `migrate` gives them, for applications without Django. Existing ones stay as they are.
 *
 * Errors are those of the driver.
 *
 * @throws {ImproperlyConfigured} For an invalid name, or a database that is none of the three.
 */
export async function createSessionTable<Database>(
  database: Kysely<Database>,
  options: CreateSessionTableOptions = {},
): Promise<void> {
  const plain = (database as unknown as Kysely<unknown>).withoutPlugins();
  const table = checkTableName(options.table ?? DJANGO_TABLE, "createSessionTable.table");
  const dialect = detectDialect(plain, "createSessionTable.database");
  const { sql } = await import("kysely").catch(leaveToCaller);
  for (const statement of STATEMENTS[dialect](sql, table)) await statement.execute(plain);
}

type Statements = (sql: Sql, table: string) => RawBuilder<unknown>[];

const STATEMENTS: Readonly<Record<"mysql" | "postgres" | "sqlite", Statements>> = {
  // MySQL has no CREATE INDEX IF NOT EXISTS.
  mysql: (sql, table) => [
    sql`CREATE TABLE IF NOT EXISTS ${sql.table(table)} (
      session_key varchar(40) NOT NULL PRIMARY KEY,
      session_data longtext NOT NULL,
      expire_date datetime(6) NOT NULL,
      INDEX ${sql.id(indexName(table, "expire_date"))} (expire_date)
    ) DEFAULT CHARACTER SET utf8mb4`,
  ],
  postgres: (sql, table) => [
    sql`CREATE TABLE IF NOT EXISTS ${sql.table(table)} (
      session_key varchar(40) NOT NULL PRIMARY KEY,
      session_data text NOT NULL,
      expire_date timestamp with time zone NOT NULL
    )`,
    sql`CREATE INDEX IF NOT EXISTS ${sql.id(indexName(table, "session_key", "_like"))}
      ON ${sql.table(table)} (session_key varchar_pattern_ops)`,
    sql`CREATE INDEX IF NOT EXISTS ${sql.id(indexName(table, "expire_date"))} ON ${sql.table(table)} (expire_date)`,
  ],
  sqlite: (sql, table) => [
    sql`CREATE TABLE IF NOT EXISTS ${sql.table(table)} (
      session_key varchar(40) NOT NULL PRIMARY KEY,
      session_data text NOT NULL,
      expire_date datetime NOT NULL
    )`,
    sql`CREATE INDEX IF NOT EXISTS ${sql.id(indexName(table, "expire_date"))} ON ${sql.table(table)} (expire_date)`,
  ],
};

/** PostgreSQL truncates longer names, MySQL refuses them from 65 characters on. */
const MAX_NAME = 63;

/**
 * `django_session_expire_date_a5c62663`: Django's `_create_index_name`, with the start of an MD5 of
 * the names.
 */
function indexName(qualified: string, column: string, suffix = ""): string {
  const table = qualified.slice(qualified.indexOf(".") + 1);
  const digest = createHash("md5")
    .update(table + column)
    .digest("hex")
    .slice(0, 8);
  const end = `_${column}_${digest}${suffix}`;
  return table.slice(0, MAX_NAME - end.length) + end;
}
