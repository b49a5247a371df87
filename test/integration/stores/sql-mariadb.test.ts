import { Kysely as KyselyClass, MysqlDialect, sql } from "kysely";
import { createPool } from "mysql2";
import { afterAll, expect } from "vitest";
import { newSessionKey } from "../../../src/core/ids.ts";
import { createSessionTable } from "../../../src/stores/sql/index.ts";
import { describeSessionStore } from "../../../src/testing/index.ts";
import { mariadbTest as test } from "../../support/fixtures/mariadb.ts";
import { describeWithMariadb, type MariadbServer } from "../../support/mariadb-server.ts";
import { describeDatabase, describeServer } from "./sql-contract.ts";
import { type Database, later, leavingOut, openFresh, openStore } from "./sql-support.ts";

describeWithMariadb("the SQL session store on MariaDB", () => {
  let server: MariadbServer;
  let database: Database;
  let counting: Database;

  const connect = (connectionLimit = 10, flags: string[] = []): Database => {
    const pool = createPool({ ...server.settings, connectionLimit, flags });
    return new KyselyClass<any>({ dialect: new MysqlDialect({ pool }) });
  };

  test.beforeAll(async ({ server: started }) => {
    server = started;
    database = connect();
    counting = connect(10, ["-FOUND_ROWS"]);
  });

  afterAll(async () => {
    await database?.destroy();
    await counting?.destroy();
  });

  describeSessionStore(leavingOut, "sql on MariaDB", {
    hasReadWithTtl: true,
    open: () => openFresh(database),
  });
  describeSessionStore(leavingOut, "sql on MariaDB, with a driver that counts changed rows", {
    hasReadWithTtl: true,
    open: () => openFresh(counting),
  });
  describeDatabase(connect);
  describeServer(
    () => server,
    connect,
    (table) => `LOCK TABLES ${table} WRITE`,
    ["UNLOCK TABLES"],
  );

  test("the table is Django's: columns, types, index names, and the row", async () => {
    await createSessionTable(database);
    const columns =
      await sql`SELECT column_name AS name, column_type AS type, is_nullable AS nullable, column_key AS k
      FROM information_schema.columns WHERE table_name = 'django_session' ORDER BY ordinal_position`.execute(
        database,
      );
    expect(columns.rows).toEqual([
      { name: "session_key", type: "varchar(40)", nullable: "NO", k: "PRI" },
      { name: "session_data", type: "longtext", nullable: "NO", k: "" },
      { name: "expire_date", type: "datetime(6)", nullable: "NO", k: "MUL" },
    ]);
    const indexes = await sql`SELECT index_name AS name FROM information_schema.statistics
      WHERE table_name = 'django_session' ORDER BY index_name`.execute(database);
    expect(indexes.rows).toEqual([{ name: "django_session_expire_date_a5c62663" }, { name: "PRIMARY" }]);
    const key = newSessionKey();
    await openStore(database).create(key, "the record", 1234.5, later());
    const rows = await sql`SELECT session_key, session_data, CAST(expire_date AS CHAR) AS expire_date
      FROM django_session`.execute(database);
    const expected = {
      session_key: key,
      session_data: "the record",
      expire_date: "2026-01-01 00:00:01.234500",
    };
    expect(rows.rows).toEqual([expected]);
  });
});
