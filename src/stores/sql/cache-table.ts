import type { Kysely, RawBuilder, Sql } from "kysely";

import { leaveToCaller } from "../../core/optional-packages.ts";
import { detectDialect, type SqlDialect } from "./dialect.ts";
import { CACHE_TABLE, checkTableName, leaseTableOf } from "./table-name.ts";

/** Options of {@link createCacheTables}. */
export interface CreateCacheTablesOptions {
  /** @defaultValue `"django_cache"` */
  readonly table?: string | undefined;
  /** Table of leases and locks; `null` for none. @defaultValue `{table}_leases` */
  readonly leaseTable?: string | null | undefined;
}

/**
 * Creates the table of a cache and its index if they are missing, in the form of Django's
 * `createcachetable`, and the table of leases and locks beside it. Existing ones stay as they are.
 *
 * On MySQL and MariaDB the keys have a binary collation without padding, where Django's table has
 * the database's: `"a"` and `"A"` would be one key.
 *
 * Errors are those of the driver.
 *
 * @throws {ImproperlyConfigured} For an invalid name, or a database that is none of the three.
 */
export async function createCacheTables<Database>(
  database: Kysely<Database>,
  options: CreateCacheTablesOptions = {},
): Promise<void> {
  const plain = (database as unknown as Kysely<unknown>).withoutPlugins();
  const table = checkTableName(options.table ?? CACHE_TABLE, "createCacheTables.table");
  const leaseTable = leaseTableOf(table, options.leaseTable, "createCacheTables.leaseTable");
  const dialect = detectDialect(plain, "createCacheTables.database");
  const { sql } = await import("kysely").catch(leaveToCaller);
  const collation = dialect === "mysql" ? await binaryCollation(sql, plain) : "";
  for (const name of leaseTable === undefined ? [table] : [table, leaseTable])
    for (const statement of statements(sql, name, dialect, collation)) await statement.execute(plain);
}

const TYPES: Readonly<Record<SqlDialect, { readonly value: string; readonly time: string }>> = {
  mysql: { value: "longtext", time: "datetime(6)" },
  postgres: { value: "text", time: "timestamp with time zone" },
  sqlite: { value: "text", time: "datetime" },
};

function statements(sql: Sql, table: string, dialect: SqlDialect, collation: string): RawBuilder<unknown>[] {
  const { value, time } = TYPES[dialect];
  const index = sql.id(`${table.slice(table.indexOf(".") + 1).slice(0, 55)}_expires`);
  const isMysql = dialect === "mysql";
  // MySQL has no CREATE INDEX IF NOT EXISTS, the others no INDEX in a CREATE TABLE.
  const create = sql`CREATE TABLE IF NOT EXISTS ${sql.table(table)} (
      cache_key varchar(255)${isMysql ? sql` CHARACTER SET utf8mb4 COLLATE ${sql.raw(collation)}` : sql``} NOT NULL PRIMARY KEY,
      value ${sql.raw(value)} NOT NULL,
      expires ${sql.raw(time)} NOT NULL${isMysql ? sql`, INDEX ${index} (expires)` : sql``}
    )`;
  if (isMysql) return [create];
  return [create, sql`CREATE INDEX IF NOT EXISTS ${index} ON ${sql.table(table)} (expires)`];
}

/** Collations that compare bytes, trailing spaces included: MySQL 8.0.17, MariaDB 10.2. */
const COLLATIONS = ["utf8mb4_0900_bin", "utf8mb4_nopad_bin"] as const;

async function binaryCollation(sql: Sql, database: Kysely<unknown>): Promise<string> {
  const { rows } = await sql<{ version: string }>`SELECT VERSION() AS version`.execute(database);
  return COLLATIONS[/mariadb/i.test(rows[0]?.version ?? "") ? 1 : 0];
}
