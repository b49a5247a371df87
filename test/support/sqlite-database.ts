import { Kysely, type LogEvent, SqliteDialect, type SqliteDatabase } from "kysely";
import sqlite from "node-sqlite3-wasm";

/** A Kysely on a file of SQLite; without a path, on a database in memory. */
export function openSqlite(path = ":memory:", log: (event: LogEvent) => void = () => {}): Kysely<any> {
  return new Kysely({
    log,
    dialect: new SqliteDialect({ database: toKyselyDatabase(new sqlite.Database(path)) }),
  });
}

/** As better-sqlite3 has it, whose build needs a compiler. */
function toKyselyDatabase(database: InstanceType<typeof sqlite.Database>): SqliteDatabase {
  return {
    close: () => database.close(),
    prepare: (text) => ({
      reader: /^\s*(?:SELECT|PRAGMA)\b/i.test(text),
      all: (parameters) => database.all(text, parameters as never) ?? [],
      run: (parameters) => {
        const { changes, lastInsertRowid } = database.run(text, parameters as never);
        return { changes, lastInsertRowid };
      },
      iterate: (parameters) => database.all(text, parameters as never)[Symbol.iterator](),
    }),
  };
}
