import { inspect } from "node:util";
import { Kysely as KyselyClass, PostgresDialect, sql } from "kysely";
import { Pool } from "pg";
import { afterAll, expect } from "vitest";
import { newSessionKey } from "../../../src/core/ids.ts";
import { createSessionTable, createUserTables } from "../../../src/stores/sql/index.ts";
import { describeSessionStore } from "../../../src/testing/index.ts";
import { postgresTest as test } from "../../support/fixtures/postgres.ts";
import { describeWithPostgres, type PostgresServer } from "../../support/postgres-server.ts";
import { describeDatabase, describeServer } from "./sql-contract.ts";
import {
  addOne,
  type Database,
  errorOf,
  later,
  leavingOut,
  LONG_TTL,
  NUL_TEST,
  openFresh,
  openStore,
} from "./sql-support.ts";

describeWithPostgres("the SQL session store on PostgreSQL", () => {
  let server: PostgresServer;
  let database: Database;

  const connect = (max = 10): Database => {
    const pool = new Pool({ ...server.settings, max });
    pool.on("error", () => {});
    pool.on("connect", (client) => client.on("error", () => {}));
    return new KyselyClass<any>({ dialect: new PostgresDialect({ pool }) });
  };

  test.beforeAll(async ({ server: started }) => {
    server = started;
    database = connect();
  });

  afterAll(async () => {
    await database?.destroy();
  });

  const withoutNul = { reason: "a text column of PostgreSQL holds no NUL", tests: [NUL_TEST] };
  describeSessionStore(leavingOut, "sql on PostgreSQL", {
    hasReadWithTtl: true,
    open: () => openFresh(database),
    skip: [withoutNul],
  });
  describeDatabase(connect);
  describeServer(
    () => server,
    connect,
    (table) => `LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`,
  );

  test("a record with NUL, which no format of Sojourn writes, is refused and not written", async () => {
    const { store } = await openFresh(database);
    const key = newSessionKey();
    const error = await errorOf(store.create(key, "a\0b", LONG_TTL, later()));
    expect(error).toMatchObject({ code: "ERR_STORE_SERVICE", outcome: "not-sent" });
    expect(await store.read(key, later())).toBeUndefined();
  });

  test("the table is Django's: columns, types, index names, and the row", async () => {
    await createSessionTable(database);
    const columns = await sql`SELECT column_name, data_type, character_maximum_length AS size, is_nullable
      FROM information_schema.columns WHERE table_name = 'django_session' ORDER BY ordinal_position`.execute(
      database,
    );
    expect(columns.rows).toEqual([
      { column_name: "session_key", data_type: "character varying", size: 40, is_nullable: "NO" },
      { column_name: "session_data", data_type: "text", size: null, is_nullable: "NO" },
      { column_name: "expire_date", data_type: "timestamp with time zone", size: null, is_nullable: "NO" },
    ]);
    const indexes = await sql<{ indexdef: string }>`SELECT indexdef FROM pg_indexes
      WHERE tablename = 'django_session' ORDER BY indexname`.execute(database);
    expect(indexes.rows.map(({ indexdef }) => indexdef.replace(/^CREATE (UNIQUE )?INDEX /, ""))).toEqual([
      "django_session_expire_date_a5c62663 ON public.django_session USING btree (expire_date)",
      "django_session_pkey ON public.django_session USING btree (session_key)",
      "django_session_session_key_c0390e0f_like ON public.django_session USING btree (session_key varchar_pattern_ops)",
    ]);
    const key = newSessionKey();
    await openStore(database).create(key, "the record", 1234.5, later());
    const rows =
      await sql`SELECT session_key, session_data, (expire_date AT TIME ZONE 'UTC')::text AS expire_date
      FROM django_session`.execute(database);
    const expected = {
      session_key: key,
      session_data: "the record",
      expire_date: "2026-01-01 00:00:01.2345",
    };
    expect(rows.rows).toEqual([expected]);
  });

  test("a table may be named with its schema", async () => {
    await sql`CREATE SCHEMA shop`.execute(database);
    await createSessionTable(database, { table: "shop.visits" });
    await createUserTables(database);
    const [store, key] = [openStore(database, "shop.visits"), newSessionKey()];
    expect(await store.create(key, "a", LONG_TTL, later())).toEqual({ status: "created" });
    expect(await store.create(key, "b", LONG_TTL, later())).toEqual({ status: "exists" });
    expect((await store.commit(key, "b", { start: 0, text: "a" }, LONG_TTL, later())).status).toBe(
      "committed",
    );
    expect(await store.delete(key, later())).toBe(true);
    expect(await store.clearExpired(later)).toBe(0);
  });

  test("what a database ends because of others is tried again: strict isolation loses and refuses nothing", async () => {
    const pool = new Pool({
      ...server.settings,
      max: 5,
      options: "-c default_transaction_isolation=serializable",
    });
    const strict = new KyselyClass<any>({ dialect: new PostgresDialect({ pool }) });
    const { store } = await openFresh(strict);
    const key = newSessionKey();
    await store.create(key, `0|${newSessionKey()}`, LONG_TTL, later());
    await Promise.all(Array.from({ length: 20 }, () => addOne(store, key)));
    expect((await store.read(key, later()))?.split("|")[0]).toBe("20");
    await strict.destroy();
  });

  test("a message that quotes the record is withheld", async () => {
    const { store, table } = await openFresh(database);
    await sql
      .raw(
        `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'refused: %', NEW.session_data; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON ${table} EXECUTE FUNCTION refuse()`.replace(
          "EXECUTE",
          "FOR EACH ROW EXECUTE",
        ),
      )
      .execute(database);
    const error = await errorOf(store.create(newSessionKey(), "a secret", LONG_TTL, later()));
    expect(error).toMatchObject({ code: "ERR_STORE_SERVICE", outcome: "not-sent" });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("secret");
    expect((error as Error).message).toContain("P0001");
  });
});
