import type { Deadline } from "../../core/deadlines.ts";
import { StoreServiceError } from "../../core/errors.ts";
import type { Build, SqlDatabase } from "./database.ts";

/** Collations of MySQL and MariaDB that compare every byte, trailing spaces included. */
const EXACT = /^(?:binary|\w+_nopad_bin|utf8mb4_0900_bin)$/;

interface Row {
  readonly collation: string | null;
}

/**
 * Checks whether a table of MySQL tells all keys apart. Django's `createcachetable` takes the
 * collation of the database, mostly one for which `"a"`, `"A"` and `"ä"` are one key: the entry of
 * one visitor would be another's.
 */
export class KeyCollation {
  readonly #database: SqlDatabase;
  readonly #table: string;
  #isPassed = false;

  constructor(database: SqlDatabase, table: string) {
    this.#database = database;
    this.#table = table;
  }

  /** @throws {StoreServiceError} If keys would be mixed up. Queries on each call until none would. */
  async pass(deadline: Deadline): Promise<void> {
    if (this.#isPassed) return;
    const { rows } = await this.#database.run(collationOf(this.#table), deadline, "reads");
    const collation = rows[0]?.collation ?? undefined;
    // Without a table the statement itself fails, and tells what to do.
    if (collation === undefined) return;
    if (!EXACT.test(collation)) throw new StoreServiceError(trouble(this.#table, collation), NOT_SENT);
    this.#isPassed = true;
  }
}

const NOT_SENT = { outcome: "not-sent" } as const;

function collationOf(table: string): Build<Row> {
  const [name = "", schema] = table.split(".").toReversed();
  return (sql) => sql<Row>`
    SELECT collation_name AS collation FROM information_schema.columns
    WHERE table_schema = ${schema === undefined ? sql`DATABASE()` : sql`${schema}`}
      AND table_name = ${name} AND column_name = 'cache_key'`;
}

function trouble(table: string, collation: string): string {
  return (
    `The column cache_key of ${table} has the collation ${collation}, for which different keys are equal. Expected a binary one ` +
    `without padding: ALTER TABLE ${table} MODIFY cache_key varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL ` +
    "(utf8mb4_0900_bin on MySQL)."
  );
}
