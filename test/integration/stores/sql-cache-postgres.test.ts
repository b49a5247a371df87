import { Kysely as KyselyClass, PostgresDialect } from "kysely";
import { Pool } from "pg";
import { afterAll } from "vitest";

import { postgresTest as test } from "../../support/fixtures/postgres.ts";
import { describeWithPostgres } from "../../support/postgres-server.ts";
import { describeCacheRaces } from "./cache-races.ts";
import { describeCacheContract, openRacingCaches } from "./sql-cache-support.ts";
import type { Database } from "./sql-support.ts";

describeWithPostgres("the SQL cache store on PostgreSQL", () => {
  let database: Database;

  test.beforeAll(async ({ server }) => {
    const pool = new Pool({ ...server.settings, max: 10 });
    pool.on("error", () => {});
    database = new KyselyClass<any>({ dialect: new PostgresDialect({ pool }) });
  });

  afterAll(async () => {
    await database?.destroy();
  });

  describeCacheContract("PostgreSQL", () => database);
  describeCacheRaces((clock) => openRacingCaches(database, clock));
});
