import type { RawBuilder, Sql } from "kysely";

import type { SqlDialect } from "./dialect.ts";

/** A time in the form of `Timestamps`, as a value of a statement. */
export function castTime(sql: Sql, text: string | number, dialect: SqlDialect): RawBuilder<unknown> {
  switch (dialect) {
    case "mysql":
      return sql`CAST(${text} AS DATETIME(6))`;
    case "postgres":
      return sql`CAST(${text} AS timestamptz)`;
    case "sqlite":
      return sql`${text}`;
  }
}

/** A column of times as text, since drivers read dates in time zones of their own. */
export function timeText(sql: Sql, column: RawBuilder<unknown>, dialect: SqlDialect): RawBuilder<unknown> {
  switch (dialect) {
    case "mysql":
      return sql`CAST(${column} AS CHAR)`;
    case "postgres":
      return sql`to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')`;
    case "sqlite":
      return column;
  }
}
