import { Kysely, PostgresDialect, sql } from "kysely";
import { Pool } from "pg";
import { afterAll, expect } from "vitest";

import { Deadline } from "../../../src/core/deadlines.ts";
import { newSessionKey } from "../../../src/core/ids.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { cachedDbSessionStore } from "../../../src/stores/cached-db/index.ts";
import { memoryCacheStore } from "../../../src/stores/memory/index.ts";
import { createSessionTable, sqlSessionStore } from "../../../src/stores/sql/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { postgresTest as test } from "../../support/fixtures/postgres.ts";
import { describeWithPostgres } from "../../support/postgres-server.ts";

type Database = Kysely<any>;

const DAY = 86_400_000;
const ETAG = { start: 0, text: "record" };
const later = () => new Deadline(20_000);

describeWithPostgres("the cached store, with a database that is late", () => {
  let database: Database;

  test.beforeAll(async ({ server }) => {
    const pool = new Pool(server.settings);
    pool.on("error", () => {});
    database = new Kysely({ dialect: new PostgresDialect({ pool }) });
    await createSessionTable(database);
  });

  afterAll(async () => {
    await database?.destroy();
  });

  test("a logout that a row lock holds up for longer than its mark stays ends with the next touch", async () => {
    const clock = new ManualClock();
    const context = { projectName: "p", redis: new RedisRegistry(), clock };
    const store = cachedDbSessionStore({
      cache: memoryCacheStore(),
      database: sqlSessionStore({ database }),
    })(context);
    const key = newSessionKey();
    await store.create(key, "record", 14 * DAY, later());
    await database.transaction().execute(async (transaction) => {
      await sql`SELECT * FROM django_session FOR UPDATE`.execute(transaction);
      await expect(store.delete(key, new Deadline(200))).rejects.toMatchObject({ outcome: "unknown" });
      clock.advance(31_000);
      // The deletion still waits, and nobody knows of it: a copy is made.
      expect(await store.read(key, later())).toBe("record");
    });
    const countRows = async () => (await sql`SELECT 1 FROM django_session`.execute(database)).rows.length;
    await expect.poll(countRows).toBe(0);
    expect(await store.read(key, later())).toBe("record");
    expect(await store.touch(key, ETAG, 14 * DAY, later())).toEqual({ status: "gone" });
    expect(await store.read(key, later())).toBeUndefined();
  });
});
