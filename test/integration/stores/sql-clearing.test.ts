import { Kysely, MysqlDialect, PostgresDialect, sql } from "kysely";
import { createPool } from "mysql2";
import { Pool } from "pg";
import { afterAll, expect, test } from "vitest";

import { systemClock } from "../../../src/core/clock.ts";
import { Deadline } from "../../../src/core/deadlines.ts";
import { newSessionKey } from "../../../src/core/ids.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import { createSessionTable, discardStalled, sqlSessionStore } from "../../../src/stores/sql/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { mariadbTest } from "../../support/fixtures/mariadb.ts";
import { postgresTest } from "../../support/fixtures/postgres.ts";
import { describeWithMariadb, type MariadbServer } from "../../support/mariadb-server.ts";
import { describeWithPostgres, type PostgresServer } from "../../support/postgres-server.ts";

type Database = Kysely<any>;

const later = () => new Deadline(20_000);

/** A store on a new table, at the start of 2026. */
async function openEmpty(database: Database): Promise<{ store: SessionStore; clock: ManualClock }> {
  await sql`DROP TABLE IF EXISTS django_session`.execute(database);
  await createSessionTable(database);
  const clock = new ManualClock();
  return {
    store: sqlSessionStore({ database })({ projectName: "test", redis: new RedisRegistry(), clock }),
    clock,
  };
}

/** A store with sessions that have expired. */
async function openExpired(
  database: Database,
  count: number,
): Promise<{ store: SessionStore; keys: string[] }> {
  const { store, clock } = await openEmpty(database);
  const keys = Array.from({ length: count }, newSessionKey);
  await Promise.all(keys.map((key) => store.create(key, "record", 1000, later())));
  clock.advance(1000);
  return { store, keys };
}

/** Puts in sessions that have expired in 2025, each so many milliseconds before the next. */
async function insertExpired(database: Database, count: number, distance: number): Promise<void> {
  await sql`INSERT INTO django_session (session_key, session_data, expire_date)
    SELECT md5(n::text), 'record', timestamptz '2025-12-31 00:00:00+00' - n * ${sql.lit(distance)} * interval '1 ms'
    FROM generate_series(1, ${sql.lit(count)}) AS n`.execute(database);
}

/** Keeps one session alive beyond the year, as a writer would whose clock is behind. */
async function extend(connection: Database, key = ""): Promise<void> {
  await connection
    .updateTable("django_session")
    .set({ expire_date: "2090-01-01 00:00:00" })
    .where("session_key", "=", key)
    .execute();
}

async function keysIn(database: Database): Promise<string[]> {
  const rows = await database.selectFrom("django_session").select("session_key").execute();
  return rows.map(({ session_key: key }) => key as string);
}

describeWithPostgres("clearExpired on PostgreSQL", () => {
  let server: PostgresServer;
  let database: Database;

  const connect = (): Database =>
    new Kysely({ dialect: new PostgresDialect({ pool: new Pool(server.settings) }) });

  postgresTest.beforeAll(async ({ server: started }) => {
    server = started;
    database = connect();
  });

  afterAll(async () => {
    await database?.destroy();
  });

  test("does not wait for a session that somebody is extending, and leaves it", async () => {
    const { store, keys } = await openExpired(database, 20);
    await database.transaction().execute(async (transaction) => {
      await extend(transaction, keys[7]);
      expect(await store.clearExpired(later)).toBe(19);
    });
    expect(await keysIn(database)).toEqual([keys[7]]);
    expect(await store.clearExpired(later)).toBe(0);
  });

  test("ends although others hold a whole batch, however many expired at one instant, and leaves it", async () => {
    const { store } = await openEmpty(database);
    await insertExpired(database, 2500, 0);
    await database.transaction().execute(async (transaction) => {
      await sql`SELECT 1 FROM django_session FOR UPDATE`.execute(transaction);
      expect(await store.clearExpired(later)).toBe(0);
    });
    expect(await store.clearExpired(later)).toBe(2500);
  });

  test("where SERIALIZABLE is the default: two sweeps beside visitors clear all, and no live session", async () => {
    const pool = new Pool({ ...server.settings, options: "-c default_transaction_isolation=serializable" });
    const strict: Database = new Kysely({ dialect: new PostgresDialect({ pool }) });
    const { store, clock } = await openEmpty(strict);
    await insertExpired(strict, 3000, 1000);
    const keys = Array.from({ length: 20 }, newSessionKey);
    await Promise.all(keys.map((key) => store.create(key, "record", 60_000, later())));
    let isOver = false;
    const visitors = keys.map(async (key) => {
      while (!isOver) {
        const touched = await store.touch(key, { start: 0, text: "record" }, 60_000, later());
        expect(touched.status).toBe("committed");
      }
    });
    const counts = await Promise.all([store.clearExpired(later), store.clearExpired(later)]);
    isOver = true;
    await Promise.all(visitors);
    expect(counts[0] + counts[1] + (await store.clearExpired(later))).toBe(3000);
    expect((await keysIn(strict)).toSorted()).toEqual(keys.toSorted());
    expect(clock.now()).toBeGreaterThan(0);
    await strict.destroy();
  });

  test("takes smaller batches where a deletion is slow, and ends though the first takes longer than its deadline", async () => {
    const { store } = await openEmpty(database);
    await insertExpired(database, 600, 1000);
    await sql`CREATE OR REPLACE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(0.004); RETURN OLD; END $$`.execute(database);
    await sql`CREATE TRIGGER dawdle BEFORE DELETE ON django_session FOR EACH ROW EXECUTE FUNCTION dawdle()`.execute(
      database,
    );
    const pool = new Pool({ ...server.settings, options: "-c statement_timeout=900" });
    pool.on("error", () => {});
    const bounded: Database = new Kysely({ dialect: new PostgresDialect({ pool: discardStalled(pool) }) });
    const context = { projectName: "test", redis: new RedisRegistry(), clock: systemClock };
    const counts: number[] = [];
    await sqlSessionStore({ database: bounded })(context).clearExpired(
      () => new Deadline(1000),
      ({ cleared }) => counts.push(cleared),
    );
    expect(counts.at(-1)).toBe(600);
    const largest = Math.max(...counts.map((count, at) => count - (counts[at - 1] ?? 0)));
    expect(largest).toBeLessThanOrEqual(150);
    expect(await keysIn(database)).toEqual([]);
    expect(await store.clearExpired(later)).toBe(0);
    await bounded.destroy();
  });

  test("looks at each row a few times only, also where an old transaction keeps what was deleted", async () => {
    const count = 20_000;
    const sweeper = connect();
    const { store } = await openEmpty(sweeper);
    await insertExpired(sweeper, count, 1000);
    await sql`ANALYZE django_session`.execute(sweeper);
    const old = database.transaction().setIsolationLevel("repeatable read");
    await old.execute(async (transaction) => {
      await keysIn(transaction);
      expect(await store.clearExpired(later)).toBe(count);
    });
    // A connection hands in its counts when it ends.
    await sweeper.destroy();
    const readDeletions = async (): Promise<number> => (await readStatistics(database)).deleted;
    await expect.poll(readDeletions, { timeout: 15_000 }).toBe(count);
    // Once to find the end of a batch and once to delete it. From the first row on, it would be twenty times
    // more.
    expect((await readStatistics(database)).read).toBeLessThan(4 * count);
  });
});

/** How many entries of the index were read, and how many rows deleted. */
async function readStatistics(database: Database): Promise<{ read: number; deleted: number }> {
  const { rows } = await sql<{ read: number; deleted: number }>`
    SELECT idx_tup_read::int AS read, n_tup_del::int AS deleted
    FROM pg_stat_user_indexes JOIN pg_stat_user_tables USING (relid)
    WHERE indexrelname LIKE 'django_session_expire_date%'`.execute(database);
  return rows[0] ?? { read: 0, deleted: 0 };
}

describeWithMariadb("clearExpired on MariaDB", () => {
  let server: MariadbServer;
  let database: Database;

  mariadbTest.beforeAll(async ({ server: started }) => {
    server = started;
    database = new Kysely({ dialect: new MysqlDialect({ pool: createPool(server.settings) }) });
  });

  afterAll(async () => {
    await database?.destroy();
  });

  test("waits for a session that somebody is extending, and leaves it", async () => {
    const { store, keys } = await openExpired(database, 20);
    const clearing = await database.transaction().execute(async (transaction) => {
      await extend(transaction, keys[7]);
      const promise = store.clearExpired(later);
      const countWaiting = async (): Promise<number> => {
        const { rows } = await sql<{ count: number }>`
          SELECT count(*) AS count FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'`.execute(
          database,
        );
        return Number(rows[0]?.count);
      };
      // InnoDB gives the same answer again to whoever asks within 0.1 s of the last time.
      await expect.poll(countWaiting, { timeout: 10_000, interval: 300 }).toBe(1);
      return { promise };
    });
    expect(await clearing.promise).toBe(19);
    expect(await keysIn(database)).toEqual([keys[7]]);
    expect(await store.clearExpired(later)).toBe(0);
  });
});
