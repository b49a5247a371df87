import type { RawBuilder, Sql } from "kysely";

import type { SqlDialect } from "./dialect.ts";

/**
 * Text that means the same with every `sql_mode` and every character set: ASCII without quotes,
 * backslashes and NUL.
 */
const PLAIN = /^[ !#-&(-[\]-~]*$/;

/**
 * Text from outside as a value of a statement.
 *
 * mysql2 writes values into the statement, and escapes them by backslashes: with
 * `NO_BACKSLASH_ESCAPES` a quote in a visitor's text would end the literal. So on MySQL text that
 * is not plain goes as base64, a third longer.
 *
 * @param type `"bytes"` for columns that hold bytes, and for comparing them.
 */
export function textValue(
  sql: Sql,
  text: string,
  dialect: SqlDialect,
  type: "text" | "bytes",
): RawBuilder<unknown> {
  if (dialect !== "mysql" || PLAIN.test(text)) return sql`${text}`;
  const bytes = sql`FROM_BASE64(${Buffer.from(text).toString("base64")})`;
  return type === "bytes" ? bytes : sql`CONVERT(${bytes} USING utf8mb4)`;
}
