import { Kysely, PostgresDialect, sql } from "kysely";
import { Pool } from "pg";
import { afterAll, expect } from "vitest";

import { createSojourn } from "sojourn";
import { cacheSessionStore } from "sojourn/stores/cache";
import { cachedDbSessionStore } from "sojourn/stores/cached-db";
import { createSessionTable, discardStalled, sqlSessionStore } from "sojourn/stores/sql";
import { postgresFixture } from "../../support/fixtures/postgres.ts";
import { redisTest } from "../../support/fixtures/redis.ts";
import { SHARED } from "../../support/fixtures/server.ts";
import { describeWithPostgres } from "../../support/postgres-server.ts";
import { Random } from "../../support/random.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { scaled, seed } from "../../support/scale.ts";
import { Fleet, Load, startInstance } from "./moving-load.ts";

/** Sessions that nobody asks for. */
const IDLE = scaled(5000, 200_000);
const VISITORS = 6;
const INSTANCES = 2;
const SAMPLE = 500;

const test = redisTest.extend("postgres", SHARED, postgresFixture);

describeWithPostgres(`moving ${IDLE} sessions from PostgreSQL`, () => {
  describeWithRedis("to the cache", () => {
    let redis: RedisServer;
    let database: Kysely<any>;

    test.beforeAll(async ({ server, postgres }) => {
      redis = server;
      const pool = new Pool({ ...postgres.settings, max: 10 });
      database = new Kysely({ dialect: new PostgresDialect({ pool: discardStalled(pool) }) });
      await createSessionTable(database);
    });

    afterAll(async () => {
      await database?.destroy();
    });

    /** Copies of one session under other keys: Django's signature does not cover the key. */
    async function makeIdle(): Promise<void> {
      const { sessions, close } = createSojourn({
        projectName: "shop",
        secretKey: "a secret of the tests, long enough",
        sessions: { store: sqlSessionStore({ database }) },
      });
      await sessions.create({ n: 7 });
      await close();
      await sql`INSERT INTO django_session
        SELECT md5(number::text), session_data, expire_date
        FROM django_session, generate_series(1, ${sql.lit(IDLE - 1)}) AS number`.execute(database);
      await sql`INSERT INTO django_session
        SELECT md5('expired' || number::text), '', now() - interval '1 day'
        FROM generate_series(1, 100) AS number`.execute(database);
    }

    async function sampleOfKeys(): Promise<string[]> {
      const rows = await sql<{ session_key: string }>`
        SELECT session_key FROM django_session WHERE expire_date > now() ORDER BY md5(session_key)
        LIMIT ${sql.lit(SAMPLE)}`.execute(database);
      return rows.rows.map((row) => row.session_key);
    }

    async function liveRows(): Promise<number> {
      const rows = await sql<{ n: string }>`SELECT count(*) AS n FROM django_session
        WHERE expire_date > now() AND length(session_key) = 32`.execute(database);
      return Number(rows.rows[0]?.n);
    }

    test(
      "under live traffic nobody is logged out, no update is lost, and each step is told",
      { timeout: 1_200_000 },
      async ({ annotate }) => {
        await makeIdle();
        const keys = await sampleOfKeys();
        const from = cachedDbSessionStore({ database: sqlSessionStore({ database }) });
        const moving = { name: "moving", store: cacheSessionStore({ from, moves: true }) };
        const instances = Array.from({ length: INSTANCES }, () =>
          startInstance(moving, redis.settings as { path: string }),
        );
        const fleet = new Fleet(instances, new Random(seed));
        const load = new Load(fleet, VISITORS, seed);
        await load.steps(20);

        const started = performance.now();
        const steps: { at: number; moved: number }[] = [];
        const cleared = await instances[0]?.sessions.clearExpired({
          onProgress: ({ moved = 0 }) => steps.push({ at: performance.now() - started, moved }),
        });
        const seconds = (performance.now() - started) / 1000;
        await load.steps(50);

        const total = steps.at(-1)?.moved ?? 0;
        expect(cleared).toBe(100);
        expect(total).toBeGreaterThan(IDLE - VISITORS);
        expect(steps.length).toBeGreaterThanOrEqual(IDLE / 100);
        const jumps = steps.map(({ moved }, index) => moved - (steps[index - 1]?.moved ?? 0));
        expect(Math.min(...jumps)).toBeGreaterThanOrEqual(0);
        expect(Math.max(...jumps)).toBeLessThanOrEqual(100);
        expect(await liveRows()).toBe(0);

        const alone = startInstance(
          { name: "cache", store: cacheSessionStore() },
          redis.settings as { path: string },
        );
        const found = await Promise.all(
          keys.map(async (key) => (await alone.sessions.open(`sessionid=${key}`)).data.n),
        );
        expect(found).toEqual(keys.map(() => 7));
        await load.end();
        const requests = Object.values(load.counts).reduce((sum, count) => sum + count, 0);
        const pauses = steps.map(({ at }, index) => at - (steps[index - 1]?.at ?? 0));
        await annotate(
          `${total} sessions in ${seconds.toFixed(1)} s, ${Math.round(total / seconds)} a second, beside ${requests} requests; ` +
            `${steps.length} steps, at most ${Math.round(Math.max(...pauses))} ms apart.`,
        );
        await Promise.all([...instances, alone].map(({ close }) => close()));
      },
    );
  });
});
