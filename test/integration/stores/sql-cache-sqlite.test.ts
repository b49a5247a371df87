import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createCacheTables } from "../../../src/stores/sql/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { openSqlite } from "../../support/sqlite-database.ts";
import { deleteFolder, makeTemporaryFolder } from "../../support/temporary-folder.ts";
import { describeCacheContract, openCacheStore, openFreshCache } from "./sql-cache-support.ts";
import { type Database, errorOf, later } from "./sql-support.ts";

describe("the SQL cache store on SQLite", () => {
  let database: Database;

  beforeAll(() => {
    database = openSqlite();
  });

  afterAll(() => database?.destroy());

  describeCacheContract("SQLite", () => database);

  test("the tables are Django's: the DDL of createcachetable, and rows of base64", async () => {
    await createCacheTables(database, { table: "shown" });
    const schema = await sql<{ sql: string }>`SELECT sql FROM sqlite_master
      WHERE tbl_name = 'shown' AND sql IS NOT NULL ORDER BY name`.execute(database);
    expect(schema.rows.map((row) => row.sql.replaceAll(/\s+/g, " "))).toEqual([
      'CREATE TABLE "shown" ( cache_key varchar(255) NOT NULL PRIMARY KEY, value text NOT NULL, expires datetime NOT NULL )',
      'CREATE INDEX "shown_expires" ON "shown" (expires)',
    ]);
    const store = openCacheStore(database, { table: "shown" });
    const entries = [
      { key: ":1:n", value: "42", ttl: 2000 },
      { key: ":1:t", value: '{"a":1}', ttl: null },
    ];
    await store.setMany(entries, "always", later());
    const { rows } = await sql`SELECT * FROM shown ORDER BY cache_key`.execute(database);
    expect(rows).toEqual([
      { cache_key: ":1:n", value: "gAVLKi4=", expires: "2026-01-01 00:00:02" },
      { cache_key: ":1:t", value: "gAWVCwAAAAAAAACMB3siYSI6MX2ULg==", expires: "9999-12-31 23:59:59" },
    ]);
  });

  test("beyond its maximum the entries that expire first make room, what has expired before them, counters never", async () => {
    const { store, clock, table } = await openFreshCache(database, { maxEntries: 100, cullFrequency: 2 });
    const put = (start: string, count: number, ttl: (index: number) => number) =>
      store.setMany(
        Array.from({ length: count }, (_, index) => ({
          key: `${start}${index}`,
          value: '"v"',
          ttl: ttl(index),
        })),
        "always",
        later(),
      );
    for (let index = 0; index < 30; index++) {
      const begin = { value: index % 2 === 0 ? String(index) : String(2n ** 40n), ttl: 500_000 };
      await store.incr(`counter${index}`, 1n, later(), { begin });
    }
    await put("expired", 50, () => 1000);
    clock.advance(2000);
    await put("live", 60, (index) => 600_000 + index);
    expect(await countOf(table)).toBe(90);
    await put("more", 40, () => 900_000);
    // 130 rows, of which one in two goes: the 60 that expire first, and five of the others.
    expect(await countOf(table)).toBe(65);
    expect((await store.getMany(["live0", "live59"], later())).every((value) => value === undefined)).toBe(
      true,
    );
    for (let index = 0; index < 30; index++)
      expect(await store.get(`counter${index}`, later())).toBeDefined();
  });

  test("a frequency of 0 deletes all entries but counters", async () => {
    const { store, table } = await openFreshCache(database, { maxEntries: 20, cullFrequency: 0 });
    await store.incr("counter", 1n, later(), { begin: { value: "1", ttl: null } });
    const entries = Array.from({ length: 30 }, (_, index) => ({
      key: `k${index}`,
      value: '"v"',
      ttl: 60_000,
    }));
    await store.setMany(entries, "always", later());
    expect(await countOf(table)).toBe(1);
  });

  test("without a table of leases the store has neither leases nor locks, and all else works", async () => {
    const { store } = await openFreshCache(database, { leaseTable: null });
    expect(store.capabilities).toMatchObject({
      leases: false,
      locks: false,
      atomicIncrement: true,
      scan: true,
    });
    await store.set({ key: "myproject:1:a", value: "1", ttl: 1000 }, "if-absent", later());
    expect(await store.incr("myproject:1:a", 1n, later())).toEqual({ status: "incremented", value: 2n });
    for await (const count of store.clear("myproject", later)) expect(count).toBe(1);
    expect(await store.deleteMany(["myproject:1:a"], later())).toBe(0);
  });

  test("a missing table is named, with the function that creates it", async () => {
    const error = await errorOf(openCacheStore(database, { table: "nowhere" }).get("a", later()));
    expect(error).toMatchObject({ code: "ERR_STORE_SERVICE", outcome: "not-sent" });
    expect((error as Error).message).toContain("createCacheTables(database");
  });

  test("a pickle that is no scalar is not read, and shows as undecodable text", async () => {
    const { store, table } = await openFreshCache(database);
    // pickle.dumps({"a": 1}, 5)
    const pickle = Buffer.from("80059516000000000000007d948c0161944b01732e", "hex").toString("base64");
    await sql`INSERT INTO ${sql.table(table)} VALUES ('k', ${pickle}, '9999-12-31 23:59:59')`.execute(
      database,
    );
    expect(await store.get("k", later())).toBe(pickle);
  });

  test("each operation is few statements: one for a read, two for a decision, those of a lease in a transaction", async () => {
    const statements: string[] = [];
    const logged = openSqlite(":memory:", ({ query }) =>
      statements.push(query.sql.trim().split(/\s/)[0] ?? ""),
    );
    await createCacheTables(logged);
    const store = openCacheStore(logged, {}, new ManualClock());
    const seen = async (call: Promise<unknown>): Promise<string[]> => {
      statements.length = 0;
      await call;
      return [...statements];
    };
    const entry = { key: "k", value: "1", ttl: 60_000 };
    expect(await seen(store.set(entry, "always", later()))).toEqual(["INSERT"]);
    expect(await seen(store.get("k", later()))).toEqual(["SELECT"]);
    expect(await seen(store.incr("k", 1n, later()))).toEqual(["SELECT", "UPDATE"]);
    expect(await seen(store.set(entry, "if-absent", later()))).toEqual(["SELECT"]);
    expect(await seen(store.deleteMany(["k"], later()))).toEqual(["DELETE", "DELETE"]);
    const lease = { key: "k", token: "t", expected: undefined };
    expect(await seen(store.lease(lease, 1000, later()))).toEqual([
      "SELECT",
      "begin",
      "INSERT",
      "SELECT",
      "commit",
    ]);
    const filled = seen(store.fill(lease, { value: "1", ttl: 60_000 }, later()));
    expect(await filled).toEqual(["SELECT", "begin", "DELETE", "INSERT", "commit"]);
    await logged.destroy();
  });

  test("two processes on one file count together", async () => {
    const folder = makeTemporaryFolder("sojourn-sqlite-cache");
    const databases = [openSqlite(`${folder}/db.sqlite3`), openSqlite(`${folder}/db.sqlite3`)];
    await createCacheTables(databases[0] as Database);
    const stores = databases.map((each) => openCacheStore(each));
    const begin = { value: "1", ttl: null };
    for (let round = 0; round < 10; round++)
      await Promise.all(stores.map((store) => store.incr("n", 1n, later(), { begin })));
    expect(await stores[0]?.get("n", later())).toBe("20");
    for (const each of databases) await each.destroy();
    deleteFolder(folder);
  });

  async function countOf(table: string): Promise<number> {
    const { rows } = await sql<{ count: number }>`SELECT count(*) AS count FROM ${sql.table(table)}`.execute(
      database,
    );
    return Number(rows[0]?.count);
  }
});
