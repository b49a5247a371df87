import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Pool } from "pg";
import { createSojourn } from "sojourn";
import { createSessionTable, createUserTables } from "sojourn/stores/sql";
import { expect, onTestFinished, test } from "vitest";

import { newSessionKey } from "../../../src/core/ids.ts";
import type { Sessions } from "../../../src/session/sessions.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import { MAX_EVICTIONS } from "../../../src/stores/user-index.ts";
import type { EngineDescription } from "../../support/engines/engine-description.ts";
import { openDatabase, openEngine } from "../../support/engines/open-engine.ts";
import { describeWithPostgres, PostgresServer } from "../../support/postgres-server.ts";
import { prioritize } from "../../support/priority.ts";
import { serverForTest } from "../../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { isSoak, scaled } from "../../support/scale.ts";
import { anyDeadline, Browser, type Data } from "../../support/session-harness.ts";
import type { LatencyReport } from "./many-sessions-visitor.ts";

/** How many sessions the user has. */
const COUNT = scaled(20_000, 300_000);
const LOGINS = 20;
const USER = "bot";
const DAY = 86_400_000;

/** Maximum server time of a step, in milliseconds. */
const MAX_STEP = 5;

/** The gate's machines are busy, and the time of other processes counts too: only a soak checks times. */
const measured = (limit: number): number => (isSoak ? limit : Number.POSITIVE_INFINITY);

/** How long 99 of 100 operations of another client may take meanwhile, in milliseconds. */
const MAX_WAIT = 20;

interface Opened {
  readonly sessions: Sessions<Data>;
  readonly store: SessionStore;
  /**
   * The browser of a session of the user, whose record all others are copies of: a signed record is not bound
   * to its key.
   */
  readonly browser: Browser;
  readonly record: string;
}

async function open(description: EngineDescription, settings: object = {}): Promise<Opened> {
  const engine = openEngine(description);
  let store: SessionStore | undefined;
  const sojourn = createSojourn<Data>({
    projectName: "many",
    secretKey: "a secret of the tests, long enough",
    redis: engine.redis,
    sessions: { deadline: "10s", ...settings, store: (context) => (store = engine.store(context)) },
  });
  onTestFinished(async () => (await sojourn.close(), engine.close()));
  if (store === undefined) throw new Error("createSojourn made no store");
  const browser = new Browser(sojourn.sessions);
  await browser.request((session) => session.login(USER));
  const record = await store.read(browser.cookie?.split("=")[1] ?? "", anyDeadline());
  return { sessions: sojourn.sessions, store, browser, record: record ?? "" };
}

/**
 * Logs in, looks and revokes, beside another client.
 *
 * @param costOf Reads from the server what that has cost it. What the test looks at afterwards does not
 *   count: on PostgreSQL the first look after a revocation reads the dead rows of all pages, until the next
 *   VACUUM.
 */
async function useAndRevoke<Cost>(
  { sessions, store, browser }: Opened,
  description: EngineDescription,
  costOf: () => Promise<Cost>,
) {
  for (let count = 0; count < LOGINS; count++)
    await new Browser(sessions).request((session) => session.login(USER));
  // As if maxPerUser were a new setting: the list is far too long.
  const limited = await open(description, { maxPerUser: 10 });
  for (let count = 1; count < LOGINS; count++) {
    await new Browser(limited.sessions).request((session) => session.login(USER));
  }
  const { sessions: first, next } = await sessions.pageOfUser(USER, { limit: 50 });
  expect(first).toHaveLength(50);
  expect((await sessions.pageOfUser(USER, { limit: 50, cursor: next })).sessions).toHaveLength(50);
  const visitor = await startVisitor(description);
  const [start, counts]: [number, number[]] = [performance.now(), []];
  const ended = await sessions.revokeUser(USER, { onProgress: ({ ended: count }) => counts.push(count) });
  const seconds = (performance.now() - start) / 1000;
  const cost = await costOf();
  visitor.send("stop");
  const [report] = (await once(visitor, "message")) as [LatencyReport];
  expect(ended).toBe(COUNT + LOGINS + LOGINS * (1 - MAX_EVICTIONS));
  expect(counts.at(-1)).toBe(ended);
  expect(counts.length).toBeGreaterThan(COUNT / 50);
  expect(report.failures).toEqual([]);
  expect(await browser.request((session) => session.isAuthenticated)).toBe(false);
  expect((await sessions.pageOfUser(USER)).sessions).toEqual([]);
  // Only the visitor's is left.
  let left = 0;
  for await (const _ of store.scan(anyDeadline)) left++;
  expect(left).toBe(1);
  return { report, seconds, steps: counts.length, cost };
}

async function startVisitor(description: EngineDescription): Promise<ChildProcess> {
  const program = fileURLToPath(new URL("many-sessions-visitor.ts", import.meta.url));
  const execArgv = ["--import", "tsx", "--conditions", "@sojourn/source"];
  const visitor = fork(program, [JSON.stringify(description)], { execArgv });
  onTestFinished(() => void visitor.kill());
  await Promise.race([
    once(visitor, "message"),
    once(visitor, "exit").then(() => expect.fail("the visitor has ended")),
  ]);
  return visitor;
}

/** Prints what came of it, and checks what the other client has seen. */
function tell(
  engine: string,
  cost: string,
  {
    report,
    seconds,
    steps,
  }: { readonly report: LatencyReport; readonly seconds: number; readonly steps: number },
): void {
  const revocation = `${COUNT} sessions of one user ended in ${seconds.toFixed(1)} s and ${steps} steps`;
  const other = `another client: ${report.operations} writes, 99 % within ${report.p99.toFixed(1)} ms, the longest ${report.longest.toFixed(1)} ms`;
  process.stdout.write(`${engine}: ${revocation}; ${cost}; ${other}\n`);
  expect(report.p99).toBeLessThan(measured(MAX_WAIT));
}

describeWithRedis("many sessions of one user on Redis", () => {
  test(
    "a login, a look and a revocation are short steps, and none of them lives on",
    { timeout: 900_000 },
    async () => {
      const server = await serverForTest({
        config: ["slowlog-log-slower-than 1000", "slowlog-max-len 100000"],
      });
      const description: EngineDescription = {
        kind: "redis",
        url: server.url,
        space: "many",
        format: "django",
      };
      const opened = await open(description);
      await fillRedis(opened);
      await server.command("SLOWLOG", "RESET");
      await server.command("CONFIG", "RESETSTAT");
      if (isSoak) prioritize(server.pid);

      const use = await useAndRevoke(opened, description, async () => ({
        slow: (await server.command("SLOWLOG", "GET", "-1")) as [number, number, number, string[]][],
        mean: await meanScriptTime(server),
      }));

      const { slow, mean } = use.cost;
      const longest = Math.max(0, ...slow.map(([, , micros]) => micros / 1000));
      tell(
        "Redis",
        `a script took ${mean.toFixed(2)} ms on average, the longest command ${longest.toFixed(1)} ms`,
        use,
      );
      expect(mean).toBeLessThan(measured(MAX_STEP));
      expect(longest).toBeLessThan(measured(MAX_STEP));
    },
  );
});

async function meanScriptTime(server: RedisServer): Promise<number> {
  const stats = String(await server.command("INFO", "commandstats"));
  return Number(/^cmdstat_evalsha:.*usec_per_call=([\d.]+)/m.exec(stats)?.[1]) / 1000;
}

async function fillRedis({ store, record }: Opened): Promise<void> {
  const now = Date.now();
  for (let start = 1; start < COUNT; start += 500) {
    const group = Array.from({ length: Math.min(500, COUNT - start) }, (_, at) => start + at);
    await Promise.all(
      group.map(async (number) => {
        const key = newSessionKey();
        // All entries of a third end together, as with setExpiry(date).
        const keepUntil = now + 14 * DAY + (number % 3 === 0 ? 0 : number);
        const entry = { createdAt: now - number, lastSeenAt: now, keepUntil, device: "Firefox on Windows" };
        await store.create(key, record, 14 * DAY, anyDeadline());
        await store.users?.put(USER, { key, entry }, now, anyDeadline());
      }),
    );
  }
}

describeWithPostgres("many sessions of one user on PostgreSQL", () => {
  test(
    "a login, a look and a revocation are short steps, and none of them lives on",
    { timeout: 900_000 },
    async () => {
      const server = await PostgresServer.start();
      onTestFinished(() => server.stop());
      const description: EngineDescription = {
        kind: "sql",
        database: { kind: "postgres", settings: server.settings },
        space: "many",
      };
      await prepare(server, description);
      const opened = await open(description);
      const pool = new Pool({ ...server.settings, max: 1 });
      onTestFinished(() => pool.end());
      await fillPostgres(pool, opened.record);

      const use = await useAndRevoke(opened, description, () =>
        pool.query<{ longest: number; mean: number }>(
          `SELECT max_exec_time AS longest, mean_exec_time AS mean FROM pg_stat_statements
         WHERE query LIKE '%sojourn_user_%' OR query LIKE 'DELETE FROM "many"%' OR query LIKE '%FOR UPDATE'`,
        ),
      );

      const { rows } = use.cost;
      const longest = Math.max(...rows.map((row) => row.longest));
      const mean = Math.max(...rows.map((row) => row.mean));
      tell(
        "PostgreSQL",
        `the costliest statement took ${mean.toFixed(2)} ms on average, the longest ${longest.toFixed(1)} ms`,
        use,
      );
      expect(rows.length).toBeGreaterThan(5);
      expect(mean).toBeLessThan(measured(MAX_STEP));
      expect(longest).toBeLessThan(measured(MAX_STEP));
    },
  );
});

async function prepare(server: PostgresServer, description: EngineDescription): Promise<void> {
  if (description.kind !== "sql") return;
  const pool = new Pool({ ...server.settings, max: 1 });
  pool.on("error", () => {});
  await pool.query("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'");
  await pool.end();
  await server.restart();
  if (isSoak) prioritize(server.pid);
  const database = openDatabase(description.database);
  await createSessionTable(database, { table: description.space });
  await createUserTables(database);
  await database.destroy();
}

async function fillPostgres(pool: Pool, record: string): Promise<void> {
  const now = Date.now();
  await pool.query("CREATE EXTENSION pg_stat_statements");
  await pool.query(
    `INSERT INTO many SELECT md5('' || n), $1, now() + interval '14 days' FROM generate_series(1, ${COUNT - 1}) AS n`,
    [record],
  );
  await pool.query(
    `INSERT INTO sojourn_user_session (user_id, session_key, created_at, last_seen_at, expires_at, device)
     SELECT $1, md5('' || n), $2::bigint - n, $2, $2::bigint + ${14 * DAY} + CASE WHEN n % 3 = 0 THEN 0 ELSE n END, 'Firefox on Windows'
     FROM generate_series(1, ${COUNT - 1}) AS n`,
    [USER, now],
  );
  await pool.query("ANALYZE");
  await pool.query("SELECT pg_stat_statements_reset()");
}
