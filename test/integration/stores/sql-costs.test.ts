import { Kysely, PostgresDialect, sql } from "kysely";
import { Pool } from "pg";
import { afterAll, expect } from "vitest";

import { systemClock } from "../../../src/core/clock.ts";
import { Deadline } from "../../../src/core/deadlines.ts";
import { newSessionKey } from "../../../src/core/ids.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import { createSessionTable, discardStalled, sqlSessionStore } from "../../../src/stores/sql/index.ts";
import { postgresTest as test } from "../../support/fixtures/postgres.ts";
import { describeWithPostgres } from "../../support/postgres-server.ts";
import { scaled } from "../../support/scale.ts";

type Database = Kysely<any>;

const ROWS = scaled(50_000, 5_000_000);
const EXPIRED = ROWS / 5;
const DAY = 86_400_000;
/** As long as a small record of Django's form. */
const RECORD = "x".repeat(300);
const ETAG = { start: -43, text: "x".repeat(43) };
const TOUCHES = 50;
const later = () => new Deadline(60_000);

describeWithPostgres(`what sessions cost PostgreSQL, with ${ROWS} rows`, () => {
  let database: Database;
  let store: SessionStore;

  test.beforeAll(async ({ server }) => {
    const pool = new Pool({ ...server.settings, max: 6 });
    pool.on("error", () => {});
    database = new Kysely({ dialect: new PostgresDialect({ pool: discardStalled(pool) }) });
    store = sqlSessionStore({ database })({
      projectName: "p",
      redis: new RedisRegistry(),
      clock: systemClock,
    });
    // Its indexes are made when the rows are there, which is quicker.
    await sql`CREATE TABLE django_session (
      session_key varchar(40) NOT NULL, session_data text NOT NULL, expire_date timestamptz NOT NULL)`.execute(
      database,
    );
    await sql`INSERT INTO django_session
      SELECT md5(number::text), ${sql.lit(RECORD)},
        now() + random() * interval '13 days' + CASE WHEN number <= ${sql.lit(EXPIRED)} THEN -interval '14 days' ELSE interval '1 hour' END
      FROM generate_series(1, ${sql.lit(ROWS)}) AS number ORDER BY md5(number::text || 'order')`.execute(
      database,
    );
    await sql`ALTER TABLE django_session ADD PRIMARY KEY (session_key)`.execute(database);
    await createSessionTable(database);
    await sql`VACUUM ANALYZE django_session`.execute(database);
  }, 600_000);

  afterAll(async () => {
    await database?.destroy();
  });

  async function walPosition(): Promise<number> {
    const { rows } = await sql<{
      at: string;
    }>`SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS at`.execute(database);
    return Number(rows[0]?.at);
  }

  /** Bytes of WAL a call. */
  async function walOf(calls: readonly (() => Promise<unknown>)[]): Promise<number> {
    const before = await walPosition();
    for (const call of calls) await call();
    return Math.round(((await walPosition()) - before) / calls.length);
  }

  test("a touch writes the whole row and three entries of indexes; after a checkpoint whole pages", async ({
    annotate,
  }) => {
    const chosen = await sql<{ session_key: string }>`SELECT session_key FROM django_session
      WHERE expire_date > now() ORDER BY md5(session_key || 'any') LIMIT ${sql.lit(TOUCHES)}`.execute(
      database,
    );
    const keys = chosen.rows.map((row) => row.session_key);
    const touches = (key: string, count: number) =>
      Array.from({ length: count }, (_, at) => () => store.touch(key, ETAG, DAY + at, later()));
    await sql`CHECKPOINT`.execute(database);
    const cold = await walOf(keys.map((key) => () => store.touch(key, ETAG, 2 * DAY, later())));
    const warm = await walOf(touches(keys[0] ?? "", TOUCHES));
    const read = await walOf(keys.map((key) => () => store.read(key, later())));
    await annotate(
      `WAL of a touch: ${cold} bytes after a checkpoint, ${warm} bytes when its pages are in the WAL.`,
    );
    expect(cold).toBeGreaterThan(warm);
    expect(warm).toBeGreaterThan(RECORD.length);
    expect(warm).toBeLessThan(4000);
    expect(read).toBeLessThan(100);
  });

  test("no update of an expiry is HOT, since it is in an index", async () => {
    const count = async () => {
      await sql`SELECT pg_stat_clear_snapshot()`.execute(database);
      const { rows } = await sql<{
        updates: number;
        hot: number;
      }>`SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot
        FROM pg_stat_user_tables WHERE relname = 'django_session'`.execute(database);
      return rows[0] ?? { updates: 0, hot: 0 };
    };
    await expect
      .poll(async () => (await count()).updates, { timeout: 15_000, interval: 500 })
      .toBeGreaterThan(0);
    expect((await count()).hot).toBe(0);
  });

  test("a sweep's steps are short, and reads beside it go on", { timeout: 600_000 }, async ({ annotate }) => {
    const [key, spans]: [string, number[]] = [newSessionKey(), []];
    await store.create(key, RECORD, DAY, later());
    let isOver = false;
    const reading = (async () => {
      while (!isOver) {
        const started = performance.now();
        expect(await store.read(key, later())).toBe(RECORD);
        spans.push(performance.now() - started);
      }
    })();
    const [started, steps]: [number, number[]] = [performance.now(), []];
    let last = started;
    const cleared = await store.clearExpired(
      () => new Deadline(5000),
      () => {
        steps.push(performance.now() - last);
        last = performance.now();
      },
    );
    const seconds = (performance.now() - started) / 1000;
    isOver = true;
    await reading;
    const [sorted, sortedSteps] = [spans, steps].map((each) => each.toSorted((one, two) => one - two));
    const most = (list: number[] = [], share = 1) =>
      Math.round(list[Math.ceil(list.length * share) - 1] ?? 0);
    await annotate(
      `${cleared} of ${ROWS} rows in ${seconds.toFixed(1)} s: ${steps.length} steps, 99 of 100 within ${most(sortedSteps, 0.99)} ms, the ` +
        `longest ${most(sortedSteps)} ms. 99 of 100 reads beside it within ${most(sorted, 0.99)} ms, the longest ${most(sorted)} ms.`,
    );
    expect(cleared).toBe(EXPIRED);
  });
});
