import {
  CamelCasePlugin,
  type Dialect,
  DummyDriver,
  Kysely,
  MssqlAdapter,
  MssqlIntrospector,
  MssqlQueryCompiler,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { describe, expect, test } from "vitest";

import { RedisRegistry } from "../../redis/registry.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { detectDialect } from "./dialect.ts";
import { createSessionTable, sqlSessionStore } from "./index.ts";

const DIALECTS = {
  mssql: [MssqlAdapter, MssqlIntrospector, MssqlQueryCompiler],
  mysql: [MysqlAdapter, MysqlIntrospector, MysqlQueryCompiler],
  postgres: [PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler],
  sqlite: [SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler],
} as const;

/** A Kysely that writes SQL and sends it nowhere. */
function kyselyOf(name: keyof typeof DIALECTS): Kysely<any> {
  const [Adapter, Introspector, Compiler] = DIALECTS[name];
  const dialect: Dialect = {
    createAdapter: () => new Adapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (database) => new Introspector(database),
    createQueryCompiler: () => new Compiler(),
  };
  return new Kysely({ dialect, plugins: [new CamelCasePlugin()] });
}

const open = (options: object) =>
  sqlSessionStore(options as never)({
    projectName: "p",
    redis: new RedisRegistry(),
    clock: new ManualClock(),
  });

describe("sqlSessionStore", () => {
  test.each(["mysql", "postgres", "sqlite"] as const)("recognises a Kysely for %s by its SQL", (name) => {
    expect(detectDialect(kyselyOf(name), "database")).toBe(name);
    expect(open({ database: kyselyOf(name) }).name).toBe("sql");
  });

  test("refuses a Kysely for another database", () => {
    const message =
      "sqlSessionStore.database: expected a Kysely with a dialect of PostgreSQL, MySQL or SQLite.";
    expect(() => open({ database: kyselyOf("mssql") })).toThrow(message);
  });

  test.each([undefined, null, {}, "postgres://localhost"])(
    "refuses %o where a Kysely is expected",
    (database) => {
      expect(() => open({ database })).toThrow(
        "sqlSessionStore.database: expected a Kysely that is no transaction",
      );
    },
  );

  test("refuses a transaction, which ends before the sessions do", async () => {
    await kyselyOf("sqlite")
      .transaction()
      .execute(async (database) => {
        expect(() => open({ database })).toThrow(
          "sqlSessionStore.database: expected a Kysely that is no transaction",
        );
      });
  });

  test.each(["", "a b", 'a"', "a;", "a.b.c", "1a", ".a", "a`b", "x".repeat(64)])(
    "refuses the table %j",
    async (table) => {
      expect(() => open({ database: kyselyOf("postgres"), table })).toThrow(
        "sqlSessionStore.table: expected letters",
      );
      const creating = createSessionTable(kyselyOf("postgres"), { table });
      await expect(creating).rejects.toThrow("createSessionTable.table: expected letters");
    },
  );

  test.each(["django_session", "Visits2", "shop.visits"])("accepts the table %j", (table) => {
    expect(open({ database: kyselyOf("postgres"), table }).name).toBe("sql");
  });

  test("refuses unknown options, naming the nearest", () => {
    expect(() => open({ database: kyselyOf("mysql"), tabel: "a" })).toThrow('did you mean "table"?');
  });
});
