import { Kysely as KyselyClass, MysqlDialect, sql } from "kysely";
import { createPool } from "mysql2";
import { afterAll, expect } from "vitest";

import { mariadbTest as test } from "../../support/fixtures/mariadb.ts";
import { describeWithMariadb } from "../../support/mariadb-server.ts";
import { describeCacheRaces } from "./cache-races.ts";
import { FORMS } from "./cache-store-support.ts";
import { describeCacheContract, openCacheStore, openRacingCaches } from "./sql-cache-support.ts";
import { type Database, errorOf, later } from "./sql-support.ts";

describeWithMariadb("the SQL cache store on MariaDB", () => {
  let database: Database;
  let counting: Database;

  test.beforeAll(async ({ server }) => {
    const connect = (flags: string[] = []): Database => {
      const pool = createPool({ ...server.settings, connectionLimit: 10, flags });
      return new KyselyClass<any>({ dialect: new MysqlDialect({ pool }) });
    };
    database = connect();
    counting = connect(["-FOUND_ROWS"]);
  });

  afterAll(async () => {
    await database?.destroy();
    await counting?.destroy();
  });

  describeCacheContract("MariaDB", () => database, FORMS);
  describeCacheContract("MariaDB, with a driver that counts changed rows", () => counting, ["text"]);
  describeCacheRaces((clock) => openRacingCaches(database, clock));

  test("a table whose keys are compared without case is refused, and told how to be changed", async () => {
    await sql`CREATE TABLE folding (cache_key varchar(255) NOT NULL PRIMARY KEY, value longtext NOT NULL,
      expires datetime(6) NOT NULL) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci`.execute(database);
    const store = openCacheStore(database, { table: "folding", leaseTable: null });
    const writing = store.set({ key: "a", value: "1", ttl: null }, "always", later());
    const error = await errorOf(writing);
    expect(error).toMatchObject({ code: "ERR_STORE_SERVICE", outcome: "not-sent" });
    await sql`ALTER TABLE folding MODIFY cache_key varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL`.execute(
      database,
    );
    for (const key of ["a", "A", "a ", "ä"])
      await store.set({ key, value: JSON.stringify(key), ttl: null }, "always", later());
    expect(await store.getMany(["a", "A", "a ", "ä"], later())).toEqual(['"a"', '"A"', '"a "', '"ä"']);
  });
});
