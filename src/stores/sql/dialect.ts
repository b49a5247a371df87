import type { Kysely } from "kysely";

import { ImproperlyConfigured } from "../../core/errors.ts";

/** What SQL the statements are written in. MariaDB's is that of MySQL. */
export type SqlDialect = "mysql" | "postgres" | "sqlite";

/**
 * Which SQL a Kysely writes, seen from how it quotes a name and marks a value: dialects of other packages
 * have other classes, but the same SQL.
 *
 * @throws {ImproperlyConfigured} When it is none of the three.
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
