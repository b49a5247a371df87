import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Kysely, PostgresDialect } from "kysely";
import { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";

import { Deadline } from "../../../src/core/deadlines.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import { createSessionTable } from "../../../src/stores/sql/index.ts";
import { describeWithPostgres, PostgresServer } from "../../support/postgres-server.ts";
import { serverForTest } from "../../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { scaled, seed } from "../../support/scale.ts";
import { type Client, LISTPACKS } from "./bucket-support.ts";
import {
  HASH_COUNT,
  hashNameOf,
  type Kind,
  POPULATIONS,
  postgresColumns,
  type SweptEngine,
} from "./sweeping-population.ts";
import { openBuckets, openPostgres, type ServerAddress } from "./sweeping-stores.ts";
import type { VisitorReport } from "./sweeping-visitor.ts";

const KINDS = ["live", "expired"] as const;
const WEEK = 7 * 24 * 3600;

/** How many sessions of each kind there are. */
const COUNT = scaled(4000, 1_000_000);

/** How many unchanged live sessions are read one by one. */
const SAMPLE_SIZE = scaled(1000, 20_000);

/** Each step has to end within the deadline that sessions have by default. */
const stepDeadline = () => new Deadline(1000);
const later = () => new Deadline(60_000);

/** Result of a sweep. */
interface Sweep {
  readonly cleared: number;
  /** How many were cleared by each step. */
  readonly steps: readonly number[];
  readonly seconds: number;
  readonly visitor: VisitorReport;
}

/** Sweeps while a client in another process reads, changes and creates sessions. */
async function sweepBesideVisitor(
  engine: SweptEngine,
  address: ServerAddress,
  store: SessionStore,
): Promise<Sweep> {
  const visitor = await startVisitor(engine, address);
  const [start, counts]: [number, number[]] = [performance.now(), [0]];
  const cleared = await store.clearExpired(stepDeadline, (progress) => counts.push(progress.cleared));
  const seconds = (performance.now() - start) / 1000;
  visitor.send("stop");
  const [report] = (await once(visitor, "message")) as [VisitorReport];
  const steps = counts.slice(1).map((count, at) => count - (counts[at] ?? 0));
  return { cleared, steps, seconds, visitor: report };
}

async function startVisitor(engine: SweptEngine, address: ServerAddress): Promise<ChildProcess> {
  const program = fileURLToPath(new URL("sweeping-visitor.ts", import.meta.url));
  const execArgv = ["--import", "tsx", "--conditions", "@sojourn/source"];
  const visitor = fork(program, [engine, JSON.stringify(address), String(COUNT), String(seed)], { execArgv });
  onTestFinished(() => void visitor.kill());
  await Promise.race([
    once(visitor, "message"),
    once(visitor, "exit").then(() => expect.fail("the visitor has ended")),
  ]);
  return visitor;
}

/** Checks what holds on every engine, whatever the visitor did when. */
async function expectNothingLost(
  engine: SweptEngine,
  store: SessionStore,
  { visitor }: Sweep,
): Promise<void> {
  expect(visitor.mistakes).toEqual([]);
  const { keyOf, versionOf } = POPULATIONS[engine];
  const changed = new Map(visitor.changed);
  const every = Math.max(1, Math.floor(COUNT / SAMPLE_SIZE));
  const sampled = Array.from({ length: Math.floor(COUNT / every) }, (_, index) => index * every);
  const expected: [Kind, number, number][] = [
    ...sampled
      .filter((number) => !changed.has(number))
      .map((number) => ["live", number, 0] as [Kind, number, number]),
    ...visitor.changed.map(([number, version]) => ["live", number, version] as [Kind, number, number]),
    ...visitor.recreated.map(([number, version]) => ["expired", number, version] as [Kind, number, number]),
  ];
  for (let start = 0; start < expected.length; start += 500) {
    const group = expected.slice(start, start + 500);
    const found = await Promise.all(group.map(([kind, number]) => store.read(keyOf(kind, number), later())));
    expect(found).toEqual(group.map(([kind, number, version]) => versionOf(kind, number, version).record));
  }
}

/**
 * Checks that the steps add up, that none is too large, and that each session created again in time
 * was left.
 */
function expectSteps({ cleared, steps, visitor }: Sweep, largestStep: number): void {
  expect(Math.min(...steps)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...steps)).toBeLessThanOrEqual(largestStep);
  expect(steps.reduce((sum, step) => sum + step, 0)).toBe(cleared);
  expect(steps.length).toBeGreaterThan(1);
  expect(cleared).toBeLessThanOrEqual(COUNT);
  expect(cleared).toBeGreaterThanOrEqual(COUNT - visitor.recreated.length);
}

function tell(engine: string, { cleared, steps, seconds, visitor }: Sweep, step: string): void {
  const sweep = `${engine}: ${cleared} of ${2 * COUNT} sessions cleared in ${seconds.toFixed(1)} s and ${steps.length} steps`;
  const stalls = `99 % within ${visitor.p99.toFixed(0)} ms, the longest ${visitor.longestStall.toFixed(0)} ms`;
  const other = `${visitor.operations} operations of another client: ${stalls}`;
  process.stdout.write(`${sweep}; ${step}; ${other}\n`);
}

describeWithRedis("a sweep of buckets", () => {
  test("beside another client: no live session is lost, no expired one left, each step is short and told", async () => {
    const server = await serverForTest({ config: [...LISTPACKS, "slowlog-log-slower-than 1000"] });
    const client = await server.client();
    const buckets = openBuckets(server.url);
    onTestFinished(async () => (client.destroy(), buckets.close()));
    await fillBuckets(client);

    const sweep = await sweepBesideVisitor("redis", server.url, buckets.store);

    // 16 hashes, each with no more fields than a listpack.
    expectSteps(sweep, 16 * 128);
    await expectNothingLost("redis", buckets.store, sweep);
    await expectFields(client, fieldsExpected(sweep.visitor));
    tell("Redis", sweep, await slowestScript(server));
  });
});

const keysOf = (kind: Kind, number: number): string => POPULATIONS.redis.keyOf(kind, number);

/** As the store would have written them: plain records, the time in front. */
async function fillBuckets(client: Client): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  await forEachHash((index) => {
    const args: Buffer[] = ["HSET", `sweeping:session:${hashNameOf(index)}`].map((text) => Buffer.from(text));
    for (let number = index; number < COUNT; number += HASH_COUNT) {
      const expiries = { live: now + WEEK, expired: now - 1 - (number % WEEK) };
      for (const kind of KINDS)
        args.push(Buffer.from(keysOf(kind, number).slice(3)), field(kind, number, expiries[kind]));
    }
    return client.sendCommand(args);
  });
}

function field(kind: Kind, number: number, expiry: number): Buffer {
  const { record, etag } = POPULATIONS.redis.versionOf(kind, number, 0);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(expiry);
  return Buffer.concat([
    head,
    Buffer.from(etag.text, "hex"),
    Buffer.from(record.slice(etag.start + etag.text.length)),
  ]);
}

/** For each hash that there is, in groups: no client takes any number of commands at once. */
async function forEachHash<Result>(act: (index: number) => Promise<Result>): Promise<Result[]> {
  const [all, results]: [number, Result[]] = [Math.min(COUNT, HASH_COUNT), []];
  for (let start = 0; start < all; start += 500) {
    const group = Array.from({ length: Math.min(500, all - start) }, (_, index) => start + index);
    results.push(...(await Promise.all(group.map(act))));
  }
  return results;
}

/** Checks which sessions there are, without a difference of a million lines. */
async function expectFields(client: Client, expected: readonly string[]): Promise<void> {
  const lists = await forEachHash(async (index) => {
    const name = hashNameOf(index);
    const fields = (await client.sendCommand(["HKEYS", `sweeping:session:${name}`])) as unknown as string[];
    return fields.map((each) => name + each);
  });
  const found = new Set(lists.flat());
  expect(expected.filter((key) => !found.has(key)).slice(0, 5)).toEqual([]);
  expect(found.size).toBe(expected.length);
}

function fieldsExpected({ recreated }: VisitorReport): string[] {
  const live = Array.from({ length: COUNT }, (_, number) => keysOf("live", number));
  return [...live, ...recreated.map(([number]) => keysOf("expired", number))];
}

async function slowestScript(server: RedisServer): Promise<string> {
  const entries = (await server.command("SLOWLOG", "GET", "-1")) as [number, number, number, string[]][];
  const times = entries.filter(([, , , [name]]) => name === "EVALSHA").map(([, , micros]) => micros);
  return `the longest script took ${times.length === 0 ? "less than 1" : (Math.max(...times) / 1000).toFixed(1)} ms`;
}

describeWithPostgres("a sweep of PostgreSQL", () => {
  test("beside another client: no live session is lost, no expired one left, each step is short and told", async () => {
    const server = await PostgresServer.start();
    onTestFinished(() => server.stop());
    const pool = new Pool(server.settings);
    const durations: number[] = [];
    const sweeper = openPostgres(server.settings, ({ queryDurationMillis: time }) => durations.push(time));
    onTestFinished(async () => void (await Promise.all([pool.end(), sweeper.close()])));
    await fillTable(pool, server);

    const sweep = await sweepBesideVisitor("postgres", server.settings, sweeper.store);

    const slowest = Math.max(...durations).toFixed(0);
    expectSteps(sweep, 1000);
    await expectNothingLost("postgres", sweeper.store, sweep);
    const recreated = sweep.visitor.recreated.length;
    expect(await countRows(pool)).toEqual({ all: COUNT + recreated, expired: 0 });
    expect(await countUnchanged(pool)).toBe(
      COUNT - sweep.visitor.changed.filter(([, version]) => version > 0).length,
    );
    tell("PostgreSQL", sweep, `the longest statement took ${slowest} ms`);
  });
});

async function fillTable(pool: Pool, server: PostgresServer): Promise<void> {
  const database = new Kysely({ dialect: new PostgresDialect({ pool: new Pool(server.settings) }) });
  await createSessionTable(database);
  await database.destroy();
  for (const kind of KINDS) {
    const { key, record } = postgresColumns(kind);
    const age = kind === "live" ? -WEEK : `1 + n % ${WEEK}`;
    await pool.query(`INSERT INTO django_session (session_key, session_data, expire_date)
      SELECT ${key}, ${record}, now() - (${age}) * interval '1 second' FROM generate_series(0, ${COUNT - 1}) AS n`);
  }
  await pool.query("ANALYZE django_session");
}

async function countRows(pool: Pool): Promise<{ all: number; expired: number }> {
  const counts = "count(*)::int AS all, (count(*) FILTER (WHERE expire_date <= now()))::int AS expired";
  const { rows } = await pool.query(`SELECT ${counts} FROM django_session`);
  return rows[0] as { all: number; expired: number };
}

/** How many live sessions are there as they were at first. */
async function countUnchanged(pool: Pool): Promise<number> {
  const { key, record } = postgresColumns("live");
  const { rows } = await pool.query(`SELECT count(*)::int AS count FROM generate_series(0, ${COUNT - 1}) AS n
    JOIN django_session ON session_key = ${key} WHERE session_data = ${record}`);
  return (rows[0] as { count: number }).count;
}
