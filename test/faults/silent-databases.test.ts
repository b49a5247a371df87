import { setTimeout as sleep } from "node:timers/promises";
import { Kysely, MysqlDialect, PostgresDialect, sql } from "kysely";
import { createPool } from "mysql2";
import { Pool } from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Deadline } from "../../src/core/deadlines.ts";
import { newSessionKey, type SessionKey } from "../../src/core/ids.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import type { SessionStore } from "../../src/stores/session-store.ts";
import { createSessionTable, discardStalled, sqlSessionStore } from "../../src/stores/sql/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { mariadbTest } from "../support/fixtures/mariadb.ts";
import { postgresTest } from "../support/fixtures/postgres.ts";
import { describeWithMariadb, type MariadbServer } from "../support/mariadb-server.ts";
import { describeWithPostgres, type PostgresServer } from "../support/postgres-server.ts";
import { isSoak } from "../support/scale.ts";
import { TcpProxy } from "./tcp-proxy.ts";

type Database = Kysely<any>;
type Outcome = "read" | "failed";

const SIZE = 6;
const RECORD = "record";
const soon = () => new Deadline(1000);

/** Reads one after the other, as long as asked, and notes when each answer came. */
async function read(
  store: SessionStore,
  key: SessionKey,
  isOver: () => boolean,
): Promise<[number, Outcome][]> {
  const answers: [number, Outcome][] = [];
  while (!isOver()) {
    const outcome = await store.read(key, soon()).then(
      (record) => (record === RECORD ? ("read" as const) : ("failed" as const)),
      () => "failed" as const,
    );
    answers.push([performance.now(), outcome]);
    await sleep(20);
  }
  return answers;
}

/** Tests of a pool whose server goes silent, while its address serves others. */
function describeSilence(
  target: () => string,
  connect: (port: number) => Database,
  lock: (table: string) => readonly string[],
): void {
  let proxy: TcpProxy;
  let database: Database;
  let store: SessionStore;
  const key = newSessionKey();

  beforeEach(async () => {
    proxy = await TcpProxy.start(target());
    database = connect(proxy.port);
    await createSessionTable(database);
    await sql`DELETE FROM django_session`.execute(database);
    store = sqlSessionStore({ database })({
      projectName: "p",
      redis: new RedisRegistry(),
      clock: new ManualClock(),
    });
    await store.create(key, RECORD, 3_600_000, soon());
  });

  afterEach(async () => {
    await proxy.close();
    await database.destroy().catch(() => {});
  });

  test("reads succeed again within 5 seconds, all of them", async () => {
    let isOver = false;
    const readers = Array.from({ length: 2 * SIZE }, () => read(store, key, () => isOver));
    await sleep(300);
    const silentAt = performance.now();
    proxy.halfOpen();
    await sleep(6500);
    isOver = true;
    const answers = (await Promise.all(readers)).flat();
    const late = answers.filter(([at]) => at > silentAt + 5000);
    expect(answers.filter(([at, outcome]) => at > silentAt && outcome === "failed").length).toBeGreaterThan(
      0,
    );
    expect(late.length).toBeGreaterThan(SIZE);
    expect(late.filter(([, outcome]) => outcome === "failed")).toEqual([]);
  });

  test("reads succeed again within 5 seconds after new connections were silent too", async () => {
    let isOver = false;
    const readers = Array.from({ length: 2 * SIZE }, () => read(store, key, () => isOver));
    await sleep(300);
    proxy.conditions.blackHole = true;
    await sleep(3000);
    proxy.conditions.blackHole = false;
    const servedAt = performance.now();
    await sleep(6500);
    isOver = true;
    const late = (await Promise.all(readers)).flat().filter(([at]) => at > servedAt + 5000);
    expect(late.length).toBeGreaterThan(SIZE);
    expect(late.filter(([, outcome]) => outcome === "failed")).toEqual([]);
  });

  test("connections that lay idle meanwhile cost one deadline in all, not one each", async () => {
    await Promise.all(Array.from({ length: SIZE }, () => sql`SELECT 1`.execute(database)));
    proxy.halfOpen();
    await expect(store.read(key, soon())).rejects.toMatchObject({ code: "ERR_STORE_CONNECTION" });
    await sleep(1100);
    for (let count = 0; count < 2 * SIZE; count++) expect(await store.read(key, soon())).toBe(RECORD);
  });

  test("a statement of the application that stalls gives its place back after queryTimeout", async () => {
    await sql`SELECT 1`.execute(database);
    proxy.halfOpen();
    const stalled = await Promise.allSettled(
      Array.from({ length: SIZE }, () => sql`SELECT 2`.execute(database)),
    );
    expect(stalled.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
    expect(await store.read(key, soon())).toBe(RECORD);
  });

  test("a write that waits for a locked row leaves its connection to nobody, and others read on", async () => {
    const other = connect(proxy.port);
    await other.connection().execute(async (connection) => {
      for (const statement of lock("django_session")) await sql.raw(statement).execute(connection);
      const etag = { start: 0, text: RECORD };
      const writes = Array.from({ length: SIZE }, () =>
        store.touch(key, etag, 7_200_000, soon()).catch(() => {}),
      );
      await Promise.all(writes);
      await sleep(1100);
      const answers = await Promise.all(Array.from({ length: SIZE }, () => store.read(key, soon())));
      expect(answers).toEqual(answers.map(() => RECORD));
      await sql.raw("ROLLBACK").execute(connection);
    });
    await other.destroy();
  });
}

describeWithPostgres("a PostgreSQL that goes silent without closing its connections", () => {
  let server: PostgresServer;

  postgresTest.beforeAll(async ({ server: started }) => {
    server = started;
  });

  const connect = (port: number): Database => {
    const settings = {
      ...server.settings,
      host: "127.0.0.1",
      port,
      max: SIZE,
      connectionTimeoutMillis: 2000,
    };
    const pool = new Pool(settings);
    pool.on("error", () => {});
    return new Kysely<any>({
      dialect: new PostgresDialect({ pool: discardStalled(pool, { queryTimeout: "2s" }) }),
    });
  };

  describeSilence(
    () => `${server.folder}/.s.PGSQL.5432`,
    connect,
    (table) => ["BEGIN", `SELECT * FROM ${table} FOR UPDATE`],
  );
});

/** The pools of both are discarded by the same rules, which the gate tries on PostgreSQL. */
const describeMariadb = isSoak ? describeWithMariadb : () => {};

describeMariadb("a MariaDB that goes silent without closing its connections", () => {
  let server: MariadbServer;

  mariadbTest.beforeAll(async ({ server: started }) => {
    server = started;
  });

  const connect = (port: number): Database => {
    const { user, database } = server.settings;
    const pool = createPool({
      host: "127.0.0.1",
      port,
      user,
      database,
      connectionLimit: SIZE,
      connectTimeout: 2000,
    });
    return new Kysely<any>({
      dialect: new MysqlDialect({ pool: discardStalled(pool, { queryTimeout: "2s" }) }),
    });
  };

  describeSilence(
    () => server.settings.socketPath,
    connect,
    (table) => ["BEGIN", `SELECT * FROM ${table} FOR UPDATE`],
  );
});
