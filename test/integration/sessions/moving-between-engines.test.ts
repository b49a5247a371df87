import { Kysely, PostgresDialect, sql } from "kysely";
import { Pool } from "pg";
import { afterAll, describe, expect } from "vitest";

import type { SessionStoreFactory } from "sojourn";
import { cachedDbSessionStore } from "sojourn/stores/cached-db";
import { cacheSessionStore } from "sojourn/stores/cache";
import { createSessionTable, sqlSessionStore } from "sojourn/stores/sql";
import { postgresFixture } from "../../support/fixtures/postgres.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { SHARED } from "../../support/fixtures/server.ts";
import { describeWithPostgres } from "../../support/postgres-server.ts";
import { Random } from "../../support/random.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { scaled, seed } from "../../support/scale.ts";
import { Fleet, type Instance, Load, type Settings, startInstance } from "./moving-load.ts";

const INSTANCES = 3;
const VISITORS = 8;
const IDLE = 100;
/** How many steps the visitors make while each mixture of instances runs. */
const STEPS = scaled(40, 3000);

let tables = 0;

const test = redisTest.extend("postgres", SHARED, postgresFixture);

describeWithPostgres("moving between engines by settings alone, under load, on PostgreSQL", () => {
  describeWithRedis("and Redis", () => {
    let redis: RedisServer;
    let database: Kysely<any>;

    test.beforeAll(async ({ server, postgres }) => {
      redis = server;
      database = new Kysely({
        dialect: new PostgresDialect({ pool: new Pool({ ...postgres.settings, max: 20 }) }),
      });
    });

    afterAll(async () => {
      await database?.destroy();
    });

    async function freshTable(): Promise<string> {
      const table = `moving_${++tables}`;
      await createSessionTable(database, { table });
      return table;
    }

    const start = (settings: Settings): Instance =>
      startInstance(settings, redis.settings as { path: string });

    /** Sessions alone: the key of a tombstone has more characters. */
    async function liveRows(table: string): Promise<number> {
      const count = sql<{ n: string }>`
        SELECT count(*) AS n FROM ${sql.table(table)} WHERE expire_date > now() AND length(session_key) = 32`;
      return Number((await count.execute(database)).rows[0]?.n);
    }

    /** The settings of the guide, in its order. */
    function steps(table: string, run: string) {
      const db = sqlSessionStore({ database, table });
      const cached = cachedDbSessionStore({ database: db, keyPrefix: `copies-${run}` });
      const cache = (options: { from?: SessionStoreFactory; moves?: boolean }) =>
        cacheSessionStore({ keyPrefix: `sessions-${run}`, ...options });
      return {
        db: { name: "db", store: db },
        marking: {
          name: "marking",
          store: cachedDbSessionStore({ database: db, keyPrefix: `copies-${run}`, copies: false }),
        },
        cached: { name: "cached_db", store: cached },
        following: { name: "following", store: cache({ from: cached }) },
        moving: { name: "moving", store: cache({ from: cached, moves: true }) },
        cache: { name: "cache", store: cache({}) },
      } satisfies Record<string, Settings>;
    }

    /**
     * A rolling deploy: one instance after the other, with load on each mixture. Then all who are logged out
     * still are.
     */
    async function deploy(fleet: Fleet, load: Load, settings: Settings): Promise<void> {
      for (let index = 0; index < INSTANCES; index++) {
        await fleet.replace(index, start(settings));
        await load.steps(STEPS);
      }
      expect(fleet.all.map(({ name }) => name)).toEqual(Array(INSTANCES).fill(settings.name));
      await expectEnded(fleet, load);
    }

    async function expectEnded(fleet: Fleet, load: Load): Promise<void> {
      for (const { name, sessions } of fleet.all) {
        const found = await Promise.all(
          load.ended.map(async (cookie) => (await sessions.open(cookie)).isNew),
        );
        expect({ name, alive: found.filter((isNew) => !isNew).length }).toEqual({ name, alive: 0 });
      }
    }

    /** Sessions that nobody asks for until the end, in the middle of a life. */
    async function makeIdle(fleet: Fleet): Promise<string[]> {
      const make = async (n: number) => {
        const session = await fleet.request((sessions) => sessions.create({ n }));
        return session.cookieHeader ?? "";
      };
      return Promise.all(Array.from({ length: IDLE }, (_, n) => make(n)));
    }

    async function expectIdle(fleet: Fleet, idle: readonly string[]): Promise<void> {
      const read = (cookie: string) =>
        fleet.request(async (sessions) => (await sessions.open(cookie)).data.n);
      expect(await Promise.all(idle.map(read))).toEqual(idle.map((_, n) => n));
    }

    async function begin(settings: Settings) {
      const fleet = new Fleet(
        Array.from({ length: INSTANCES }, () => start(settings)),
        new Random(seed),
      );
      const idle = await makeIdle(fleet);
      return { fleet, idle, load: new Load(fleet, VISITORS, seed) };
    }

    async function end(fleet: Fleet, load: Load): Promise<void> {
      await load.end();
      await expectEnded(fleet, load);
      for (const [step, count] of Object.entries(load.counts))
        expect({ step, count: count > 5 }).toEqual({ step, count: true });
      await Promise.all(fleet.all.map(({ close }) => close()));
    }

    test(
      "db, cached_db, cache, clearsessions: nobody is logged out, no update is lost, no logout is undone",
      { timeout: 600_000 },
      async () => {
        const table = await freshTable();
        const { db, marking, cached, following, moving, cache } = steps(table, "walk");
        const { fleet, idle, load } = await begin(db);
        await load.steps(STEPS);
        for (const settings of [marking, cached, following, moving]) await deploy(fleet, load, settings);

        expect(await liveRows(table)).toBeGreaterThan(0);
        while ((await liveRows(table)) > 0) await fleet.request((sessions) => sessions.clearExpired());
        await load.steps(STEPS);
        expect(await liveRows(table)).toBe(0);

        await deploy(fleet, load, cache);
        await expectIdle(fleet, idle);
        expect(await liveRows(table)).toBe(0);
        await end(fleet, load);

        await sql`INSERT INTO ${sql.table(table)} VALUES ('0123456789abcdef0123456789abcdef', '', now())`.execute(
          database,
        );
        const old = start(db);
        expect(await old.sessions.clearExpired()).toBe(1);
        await old.close();
        const rows = await sql`SELECT 1 FROM ${sql.table(table)} WHERE length(session_key) = 32`.execute(
          database,
        );
        expect(rows.rows).toEqual([]);
      },
    );

    test(
      "back from cached_db to db, and there again with another prefix; and from following back to cached_db",
      { timeout: 600_000 },
      async () => {
        const table = await freshTable();
        const [one, two] = [steps(table, "one"), steps(table, "two")];
        const { fleet, idle, load } = await begin(one.cached);
        for (const settings of [one.marking, one.db, two.marking, two.cached, two.following, two.cached]) {
          await deploy(fleet, load, settings);
        }
        await expectIdle(fleet, idle);
        await end(fleet, load);
      },
    );

    test(
      "moving can be stopped and begun again: what was moved is found where it is",
      { timeout: 600_000 },
      async () => {
        const table = await freshTable();
        const { following, moving } = steps(table, "pause");
        const { fleet, idle, load } = await begin(following);
        for (const settings of [moving, following, moving]) await deploy(fleet, load, settings);
        await expectIdle(fleet, idle);
        await end(fleet, load);
      },
    );

    describe("why no step can be left out", () => {
      async function pair(one: Settings, two: Settings) {
        const instances = [start(one), start(two)] as const;
        const session = await instances[0].sessions.create({ n: 1 });
        const cookie = session.cookieHeader ?? "";
        const [first, second] = instances;
        const close = () => Promise.all(instances.map((instance) => instance.close()));
        return { first: first.sessions, second: second.sessions, cookie, close };
      }

      test("db beside cached_db: what one logs out lives on in the copy of the other", async () => {
        const { db, cached } = steps(await freshTable(), "direct");
        const { first, second, cookie, close } = await pair(db, cached);
        await second.open(cookie);
        await (await first.open(cookie)).logout();
        expect((await second.open(cookie)).isNew).toBe(false);
        await close();
      });

      test("cached_db beside one that moves: it does not find what was moved", async () => {
        const { cached, moving } = steps(await freshTable(), "hasty");
        const { first, second, cookie, close } = await pair(cached, moving);
        expect((await second.open(cookie)).data.n).toBe(1);
        expect((await first.open(cookie)).isNew).toBe(true);
        await close();
      });

      test("cache before all was moved: what is left in the database is not found", async () => {
        const { following, cache } = steps(await freshTable(), "early");
        const { second, cookie, close } = await pair(following, cache);
        expect((await second.open(cookie)).isNew).toBe(true);
        await close();
      });
    });
  });
});
