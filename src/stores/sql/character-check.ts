import type { Deadline } from "../../core/deadlines.ts";
import { StoreServiceError } from "../../core/errors.ts";
import type { Build, SqlDatabase } from "./database.ts";

/** Character sets of MySQL that contain all characters. */
const COMPLETE: ReadonlySet<string> = new Set(["utf8mb4", "utf16", "utf16le", "utf32"]);

interface Row {
  readonly mode: string;
  readonly results: string | null;
  /** `null` if there is no such table. */
  readonly stored: string | null;
}

/**
 * Checks whether a table of MySQL and a connection to it keep every character. If they do not, and
 * the `sql_mode` is not strict, the server silently replaces it by "?".
 */
export class CharacterCheck {
  readonly #database: SqlDatabase;
  readonly #table: string;
  #isPassed = false;

  constructor(database: SqlDatabase, table: string) {
    this.#database = database;
    this.#table = table;
  }

  /**
   * @throws {StoreServiceError} If characters would be lost. Queries on each call until none would.
   */
  async pass(deadline: Deadline): Promise<void> {
    if (this.#isPassed) return;
    const { rows } = await this.#database.run(settings(this.#table), deadline, "reads");
    const [row] = rows;
    if (row === undefined || row.stored === null) return;
    const trouble = troubleWith(row, this.#table);
    if (trouble !== undefined) throw new StoreServiceError(trouble, { outcome: "not-sent" });
    this.#isPassed = true;
  }
}

function settings(table: string): Build<Row> {
  const [name = "", schema] = table.split(".").toReversed();
  return (sql) => sql<Row>`
    SELECT @@sql_mode AS mode, @@character_set_results AS results, (
      SELECT character_set_name FROM information_schema.columns
      WHERE table_schema = ${schema === undefined ? sql`DATABASE()` : sql`${schema}`}
        AND table_name = ${name} AND column_name = 'session_data'
    ) AS stored`;
}

function troubleWith({ mode, results, stored }: Row, table: string): string | undefined {
  if (results !== null && !COMPLETE.has(results))
    return `The connection returns text as ${results}, which lacks characters of JSON: expected the charset utf8mb4 of the pool.`;
  if (stored === null || COMPLETE.has(stored) || mode.includes("STRICT_")) return undefined;
  return (
    `The column session_data of ${table} is ${stored} and the sql_mode is not strict, so the server would replace characters that it ` +
    `lacks by "?": ALTER TABLE ${table} MODIFY session_data longtext CHARACTER SET utf8mb4 NOT NULL, or use the format "django".`
  );
}
