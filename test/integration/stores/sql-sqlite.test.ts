import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Deadline } from "../../../src/core/deadlines.ts";
import { newSessionKey } from "../../../src/core/ids.ts";
import { createSessionTable } from "../../../src/stores/sql/index.ts";
import { describeSessionStore } from "../../../src/testing/index.ts";
import { openSqlite } from "../../support/sqlite-database.ts";
import { deleteFolder, makeTemporaryFolder } from "../../support/temporary-folder.ts";
import { describeDatabase } from "./sql-contract.ts";
import {
  type Database,
  errorOf,
  later,
  leavingOut,
  LONG_TTL,
  NUL_TEST,
  openFresh,
  openStore,
} from "./sql-support.ts";

describe("the SQL session store on SQLite", () => {
  let database: Database;

  beforeAll(() => {
    database = openSqlite();
  });

  afterAll(() => database?.destroy());

  const withoutNul = { reason: "the tests' driver ends a text at NUL", tests: [NUL_TEST] };
  describeSessionStore(leavingOut, "sql on SQLite", {
    hasReadWithTtl: true,
    open: () => openFresh(database),
    skip: [withoutNul],
  });
  describeDatabase(() => database);

  test("known limit of the tests' driver: a text ends at NUL, which no record of Sojourn has", async () => {
    const { store } = await openFresh(database);
    const key = newSessionKey();
    await store.create(key, "a\0b", LONG_TTL, later());
    expect(await store.read(key, later())).toBe("a");
  });

  test("each method is one statement; a write that matched nothing reads once more, a deletion deletes once more", async () => {
    const statements: string[] = [];
    const logged = openSqlite(":memory:", ({ query }) =>
      statements.push(query.sql.trim().split(" ")[0] ?? ""),
    );
    await createSessionTable(logged);
    statements.length = 0;
    const [store, key, etag] = [openStore(logged), newSessionKey(), { start: 0, text: "a" }];
    await store.create(key, "a", LONG_TTL, later());
    await store.create(key, "b", LONG_TTL, later());
    await store.read(key, later());
    await store.commit(key, "ab", etag, LONG_TTL, later());
    await store.touch(key, etag, LONG_TTL, later());
    await store.deleteIfMatch(key, etag, later());
    await store.delete(key, later());
    expect(statements.splice(0)).toEqual([
      "INSERT",
      "INSERT",
      "SELECT",
      "UPDATE",
      "UPDATE",
      "DELETE",
      "DELETE",
      "DELETE",
    ]);
    await store.commit(key, "ab", etag, LONG_TTL, later());
    expect(statements).toEqual(["UPDATE", "SELECT"]);
    await logged.destroy();
  });

  test("a file that another process writes to is tried again until the deadline, and is not an unknown outcome then", async () => {
    const folder = makeTemporaryFolder("sojourn-sqlite");
    const [writer, waiting] = [openSqlite(`${folder}/db.sqlite3`), openSqlite(`${folder}/db.sqlite3`)];
    await createSessionTable(writer);
    const [store, key] = [openStore(waiting), newSessionKey()];
    await writer.connection().execute(async (connection) => {
      await sql`BEGIN IMMEDIATE`.execute(connection);
      // A pause that ends late, after the deadline, gives ERR_STORE_CONNECTION. Simulated with timers
      // up to 20 ms late: 6 % of the runs with 1000 ms, 28 % with 100 ms.
      const error = await errorOf(store.create(key, "record", LONG_TTL, new Deadline(1000)));
      expect(error).toMatchObject({ code: "ERR_STORE_SERVICE", outcome: "not-sent" });
      const creating = store.create(key, "record", LONG_TTL, later());
      await new Promise((resolve) => setTimeout(resolve, 100));
      await sql`COMMIT`.execute(connection);
      expect(await creating).toEqual({ status: "created" });
    });
    await Promise.all([writer.destroy(), waiting.destroy()]);
    deleteFolder(folder);
  });

  test("the table is Django's, and so is the row: microseconds that are 0 are left out", async () => {
    await createSessionTable(database);
    const schema = await sql<{ sql: string }>`SELECT name, sql FROM sqlite_master
      WHERE tbl_name = 'django_session' AND sql IS NOT NULL ORDER BY name`.execute(database);
    expect(schema.rows.map((row) => row.sql.replaceAll(/\s+/g, " "))).toEqual([
      'CREATE TABLE "django_session" ( session_key varchar(40) NOT NULL PRIMARY KEY, session_data text NOT NULL, expire_date datetime NOT NULL )',
      'CREATE INDEX "django_session_expire_date_a5c62663" ON "django_session" (expire_date)',
    ]);
    const [store, keys] = [openStore(database), ["a", "b"].map((letter) => letter.repeat(32))];
    await store.create(keys[0] ?? "", "the record", 1234.5, later());
    await store.create(keys[1] ?? "", "the record", 2000, later());
    const rows = await sql`SELECT session_key, session_data, expire_date, typeof(expire_date) AS type
      FROM django_session ORDER BY 1`.execute(database);
    expect(rows.rows).toEqual([
      {
        session_key: keys[0],
        session_data: "the record",
        expire_date: "2026-01-01 00:00:01.234500",
        type: "text",
      },
      { session_key: keys[1], session_data: "the record", expire_date: "2026-01-01 00:00:02", type: "text" },
    ]);
  });
});
