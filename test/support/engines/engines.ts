import { describe } from "vitest";
import { join } from "node:path";
import { createSessionTable, createUserTables } from "sojourn/stores/sql";

import { MariadbServer } from "../mariadb-server.ts";
import { MEMCACHED, MemcachedServer } from "../memcached-server.ts";
import { PostgresServer } from "../postgres-server.ts";
import { RedisServer } from "../redis-server.ts";
import { isSoak } from "../scale.ts";
import { describeWithCommands } from "../server-process.ts";
import { deleteFolder, makeTemporaryFolder } from "../temporary-folder.ts";
import type { DatabaseDescription, EngineDescription } from "./engine-description.ts";
import { openDatabase } from "./open-engine.ts";

/** An engine whose sessions several processes can share. */
export interface Engine {
  readonly name: string;
  /** Commands of the servers that it needs. */
  readonly commands: readonly string[];
  /** Whether it has an index of users. */
  readonly hasUsers: boolean;
  /** Whether records end up to a second early. */
  readonly endsEarly?: boolean;
  readonly start: () => Promise<RunningEngine>;
}

/** An engine with servers of the test's own. */
export interface RunningEngine {
  /** Makes an empty place for sessions. */
  readonly makeSpace: () => Promise<EngineDescription>;
  readonly stop: () => Promise<void>;
}

type Space = (number: number) => EngineDescription | Promise<EngineDescription>;

const REDIS = ["redis-server"];
const POSTGRES = ["postgres", "initdb"];
const MARIADB = ["mariadbd"];

const BEHIND_MEMCACHED: Engine = {
  name: "PostgreSQL behind memcached",
  commands: [...MEMCACHED, ...POSTGRES],
  hasUsers: true,
  start: startCachedInMemcached,
};

const ON_IOREDIS = onRedis("Redis, with a client of ioredis", true, (url, space) => ({
  kind: "redis",
  url,
  space,
  format: "django",
  client: "ioredis",
}));

const CACHE_ON_MEMCACHED: Engine = {
  name: "a cache on memcached in Django's form",
  commands: MEMCACHED,
  hasUsers: false,
  endsEarly: true,
  start: () => startMemcached("cache-memcached"),
};

/**
 * Every engine with a server, and those of one host. One that consists of parts of others is left to
 * the soak.
 */
export const ENGINES: readonly Engine[] = [
  onRedis("Redis", true, (url, space) => ({ kind: "redis", url, space, format: "django" })),
  onRedis("Redis in JSON", true, (url, space) => ({ kind: "redis", url, space, format: "json" })),
  onRedis("Redis in buckets", true, (url, space) => ({ kind: "buckets", url, space })),
  onRedis("a cache on Redis", false, (url, space) => ({ kind: "cache", url, space })),
  { name: "PostgreSQL", commands: POSTGRES, hasUsers: true, start: () => startSql(startPostgres) },
  { name: "MariaDB", commands: MARIADB, hasUsers: true, start: () => startSql(startMariadb) },
  { name: "PostgreSQL behind Redis", commands: [...REDIS, ...POSTGRES], hasUsers: true, start: startCached },
  { name: "memcached", commands: MEMCACHED, hasUsers: false, start: () => startMemcached("memcached") },
  { name: "files", commands: [], hasUsers: false, start: startFiles },
  ...(isSoak ? [BEHIND_MEMCACHED, CACHE_ON_MEMCACHED, ON_IOREDIS] : []),
];

/** SQLite is for one process: its driver here blocks while another one writes. */
export const SQLITE: Engine = {
  name: "SQLite",
  commands: [],
  hasUsers: true,
  start: () => startSql(startSqlite),
};

const wanted = process.env["SOJOURN_ENGINES"];

/**
 * Whether the project that runs tries what needs no server, or Redis alone: `promises` does, `engines` the
 * others.
 */
const triesNear: boolean = wanted !== "far";

/**
 * Describes what is tried in memory, in the project that does; elsewhere there are no such tests, not skipped
 * ones.
 */
export function describeInMemory(title: string, define: () => void): void {
  if (triesNear) describe(title, define);
}

/** The engines of {@link ENGINES}, and SQLite, that the running project tries the promises on. */
export const TRIED: readonly Engine[] = [...ENGINES, SQLITE].filter(({ commands }) => {
  const isNear = commands.every((command) => REDIS.includes(command));
  return wanted === undefined || isNear === (wanted === "near");
});

/** `describe` for tests of an engine. Without its servers they are skipped, but fail in CI. */
export function describeWithEngine(engine: Engine, title: string, define: () => void): void {
  describeWithCommands(engine.commands, `${title}, on ${engine.name}`, define);
}

function onRedis(
  name: string,
  hasUsers: boolean,
  describeSpace: (url: string, space: string) => EngineDescription,
): Engine {
  const start = async () => {
    const server = await RedisServer.start();
    return running((number) => describeSpace(server.url, `space-${number}`), [() => server.stop()]);
  };
  return { name, commands: REDIS, hasUsers, start };
}

interface RunningDatabase {
  readonly description: DatabaseDescription;
  readonly stop: () => Promise<void>;
}

async function startPostgres(): Promise<RunningDatabase> {
  const server = await PostgresServer.start();
  return { description: { kind: "postgres", settings: server.settings }, stop: () => server.stop() };
}

async function startMariadb(): Promise<RunningDatabase> {
  const server = await MariadbServer.start();
  return { description: { kind: "mariadb", settings: server.settings }, stop: () => server.stop() };
}

async function startSqlite(): Promise<RunningDatabase> {
  const folder = makeTemporaryFolder("sojourn-sqlite");
  const stop = async () => deleteFolder(folder);
  return { description: { kind: "sqlite", path: join(folder, "sessions.sqlite") }, stop };
}

async function startSql(startDatabase: () => Promise<RunningDatabase>): Promise<RunningEngine> {
  const { description, stop } = await startDatabase();
  return running(
    async (number) => ({ kind: "sql", database: description, space: await makeTable(description, number) }),
    [stop],
  );
}

async function startCached(): Promise<RunningEngine> {
  const { description, stop } = await startPostgres();
  const server = await RedisServer.start();
  const space: Space = async (number) => {
    return {
      kind: "cached-db",
      url: server.url,
      database: description,
      space: await makeTable(description, number),
    };
  };
  return running(space, [stop, () => server.stop()]);
}

async function startCachedInMemcached(): Promise<RunningEngine> {
  const { description, stop } = await startPostgres();
  const server = await MemcachedServer.start();
  const space: Space = async (number) => ({
    kind: "cached-db-memcached",
    servers: [server.path],
    database: description,
    space: await makeTable(description, number),
  });
  return running(space, [stop, () => server.stop()]);
}

async function startMemcached(kind: "memcached" | "cache-memcached"): Promise<RunningEngine> {
  // One list of items, for the tests that list its keys.
  const start = () => MemcachedServer.start(["-o", "no_lru_maintainer"]);
  const servers = [await start(), await start()];
  const paths = servers.map(({ path }) => path);
  return running(
    (number) => ({ kind, servers: paths, space: `space-${number}` }),
    servers.map((server) => () => server.stop()),
  );
}

async function startFiles(): Promise<RunningEngine> {
  const folders: string[] = [];
  const space: Space = () => {
    const path = makeTemporaryFolder("sojourn-sessions");
    folders.push(path);
    return { kind: "file", path };
  };
  return running(space, [async () => folders.forEach(deleteFolder)]);
}

/** @returns Its name. */
async function makeTable(description: DatabaseDescription, number: number): Promise<string> {
  const table = `space_${number}`;
  const database = openDatabase(description);
  try {
    await createSessionTable(database, { table });
    await createUserTables(database);
  } finally {
    await database.destroy();
  }
  return table;
}

function running(space: Space, stops: readonly (() => Promise<void>)[]): RunningEngine {
  let spaces = 0;
  return {
    makeSpace: async () => space(++spaces),
    stop: async () => {
      for (const stop of stops) await stop();
    },
  };
}
