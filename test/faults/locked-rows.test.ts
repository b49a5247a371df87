import { Kysely, MysqlDialect, PostgresDialect, sql } from "kysely";
import { createPool } from "mysql2";
import { Pool } from "pg";
import { expect, test } from "vitest";

import { Deadline } from "../../src/core/deadlines.ts";
import { newSessionKey } from "../../src/core/ids.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import { createSessionTable, discardStalled, sqlSessionStore } from "../../src/stores/sql/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { mariadbTest } from "../support/fixtures/mariadb.ts";
import { postgresTest } from "../support/fixtures/postgres.ts";
import { describeWithMariadb, type MariadbServer } from "../support/mariadb-server.ts";
import { describeWithPostgres, type PostgresServer } from "../support/postgres-server.ts";

type Database = Kysely<any>;

const SIZE = 10;
const HOUR = 3_600_000;
const ETAG = { start: 0, text: "record" };
/** The default of `sessions.deadline`. */
const soon = () => new Deadline(1000);

/** With the pool that docs/guides/sql-in-production.md shows. */
function describeLockedRow(connect: (max: number) => Database): void {
  test("a row that somebody holds costs its own visitors an error, and others nothing", async () => {
    const [database, other] = [connect(SIZE), connect(1)];
    await createSessionTable(database);
    const store = sqlSessionStore({ database })({
      projectName: "p",
      redis: new RedisRegistry(),
      clock: new ManualClock(),
    });
    const [locked = "", ...keys] = Array.from({ length: 20 }, newSessionKey);
    for (const key of [locked, ...keys]) await store.create(key, "record", HOUR, soon());
    const failures: unknown[] = [];
    let isOver = false;
    const writers = Array.from({ length: SIZE }, async () => {
      while (!isOver)
        await store.touch(locked, ETAG, 2 * HOUR, soon()).catch((error: unknown) => failures.push(error));
    });
    await other.transaction().execute(async (transaction) => {
      await sql`SELECT * FROM django_session WHERE session_key = ${locked} FOR UPDATE`.execute(transaction);
      const ends = performance.now() + 4000;
      const readers = keys.map(async (key) => {
        let reads = 0;
        while (performance.now() < ends) {
          expect(await store.read(key, soon())).toBe("record");
          expect(await store.touch(key, ETAG, HOUR + reads, soon())).toEqual({ status: "committed" });
          reads++;
        }
        return reads;
      });
      const counts = await Promise.all(readers);
      expect(Math.min(...counts)).toBeGreaterThan(2);
    });
    isOver = true;
    await Promise.all(writers);
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures) expect(failure).toMatchObject({ outcome: "not-sent" });
    expect(await store.touch(locked, ETAG, 2 * HOUR, soon())).toEqual({ status: "committed" });
    await Promise.all([database.destroy(), other.destroy()]);
  });
}

describeWithPostgres("one locked row on PostgreSQL", () => {
  let server: PostgresServer;
  postgresTest.beforeAll(async ({ server: started }) => {
    server = started;
  });

  describeLockedRow((max) => {
    const bounds = { statement_timeout: 900, lock_timeout: 300 };
    const pool = new Pool({ ...server.settings, max, connectionTimeoutMillis: 2000, ...bounds });
    pool.on("error", () => {});
    return new Kysely({ dialect: new PostgresDialect({ pool: discardStalled(pool) }) });
  });
});

describeWithMariadb("one locked row on MariaDB", () => {
  let server: MariadbServer;
  mariadbTest.beforeAll(async ({ server: started }) => {
    server = started;
  });

  describeLockedRow((connectionLimit) => {
    const pool = createPool({ ...server.settings, connectionLimit });
    pool.on("connection", (connection) => connection.query("SET SESSION max_statement_time = 0.3"));
    return new Kysely({ dialect: new MysqlDialect({ pool: discardStalled(pool) }) });
  });
});
