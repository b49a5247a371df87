import type { Kysely } from "kysely";

import { ImproperlyConfigured } from "../../core/errors.ts";

/** SQL dialect of the statements. MariaDB's is that of MySQL. */
export type SqlDialect = "mysql" | "postgres" | "sqlite";

/**
 * Detects the SQL dialect of a Kysely from the way it quotes a name and marks a value: dialects of
 * other packages have other classes, but the same SQL.
 *
 * @throws {ImproperlyConfigured} If it is none of the three.
 */
export function detectDialect(database: Kysely<unknown>, setting: string): SqlDialect {
  const { sql } = (database as unknown as Kysely<{ name: { column: string } }>)
    .withoutPlugins()
    .selectFrom("name")
    .select("column")
    .where("column", "=", "value")
    .compile();
  if (sql.includes("`") && sql.endsWith("?")) return "mysql";
  if (sql.includes('"') && sql.endsWith("$1")) return "postgres";
  if (sql.includes('"') && sql.endsWith("?")) return "sqlite";
  throw new ImproperlyConfigured(setting, "expected a Kysely with a dialect of PostgreSQL, MySQL or SQLite.");
}
