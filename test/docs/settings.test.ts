import { readFileSync } from "node:fs";
import { createSojourn, ImproperlyConfigured } from "sojourn";
import { expressSessionSource } from "sojourn/integrations/express-session";
import { memoryCacheStore, memorySessionStore } from "sojourn/stores/memory";
import { redisSessionStore } from "sojourn/stores/redis";
import { describe, expect, test } from "vitest";
import { inProject } from "../../scripts/lib/project.mjs";
import { resolveCacheSettings } from "../../src/cache/cache-settings.ts";
import { systemClock } from "../../src/core/clock.ts";
import { unwrapped } from "./markdown.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import { parseConnectionSettings } from "../../src/redis/settings.ts";
import { resolveSessionSettings } from "../../src/session/session-settings.ts";
import { parseBucketOptions } from "../../src/stores/redis/buckets/bucket-options.ts";

/** An item of the lists: the path of a setting, its default as it is written, and its meaning. */
interface Row {
  readonly setting: string;
  readonly written: string;
  readonly meaning: string;
}

/** Settings that are checked together. */
interface Group {
  /** The prefix of their names in the lists. */
  readonly path: string;
  /** Gives the complete settings, or throws. */
  readonly resolve: (settings: object) => unknown;
  /** Settings beside which others are known. @defaultValue `[{}]` */
  readonly kinds?: readonly object[];
}

const client = {
  isReady: true,
  isOpen: true,
  sendCommand: () => {},
  ref: () => {},
  on: () => {},
  off: () => {},
};
// One for all: a store is a function, and two that do the same are not equal.
const store = memorySessionStore();
const cacheStore = memoryCacheStore();
const source = expressSessionSource({ secret: "a secret of the tests" });

const GROUPS: readonly Group[] = [
  {
    path: "",
    resolve: (settings) =>
      createSojourn({ projectName: "p", secretKey: "a secret of the tests, long enough", ...settings }),
  },
  { path: "sessions.", resolve: (settings) => resolveSessionSettings({ store, ...settings }) },
  {
    path: "sessions.takeOver.",
    resolve: (takeOver) => resolveSessionSettings({ store, takeOver: { from: source, ...takeOver } }),
  },
  { path: "sessions.cookie.", resolve: (cookie) => resolveSessionSettings({ store, cookie }) },
  {
    path: "caches.NAME.",
    resolve: (settings) => resolveCacheSettings({ store: cacheStore, ...settings }, "caches.NAME"),
  },
  {
    path: "redis.NAME.",
    resolve: (settings) => parseConnectionSettings(settings, "redis.NAME"),
    kinds: [
      {},
      { url: "redis://localhost" },
      { path: "/redis.sock" },
      { cluster: ["redis://localhost"] },
      { sentinels: [{ host: "localhost" }], name: "mymaster" },
      { client },
    ],
  },
  {
    path: "redisSessionStore.",
    resolve: (options) =>
      redisSessionStore(options)({ projectName: "p", redis: new RedisRegistry(), clock: systemClock }),
  },
  { path: "redisBucketSessionStore.", resolve: parseBucketOptions },
];

/**
 * Settings whose result of `resolve` cannot be compared here, or whose default is no plain value.
 */
const NOT_COMPARED = new Set([
  "secretKeyFallbacks",
  "redis",
  "sessions",
  "caches",
  "sessions.store",
  "caches.NAME.store",
  "caches.NAME.serializer",
  "redis.default",
  "redisSessionStore.connection",
  "redisSessionStore.prefix",
  "redisBucketSessionStore.connection",
]);

function readRows(): Row[] {
  const page = unwrapped(readFileSync(inProject("docs/reference/settings.md"), "utf8"));
  return [...page.matchAll(/^- `([\w.]+)` \((?:default )?(.+?); .*?\): (.*)$/gm)].map(
    ([, setting = "", written = "", meaning = ""]) => ({ setting, written, meaning }),
  );
}

const rows = readRows();

test("every item of the lists says what its setting means", () => {
  expect(rows.length).toBeGreaterThan(80);
  expect(rows.filter(({ meaning }) => !/\w/.test(meaning)).map(({ setting }) => setting)).toEqual([]);
});

function rowsOf({ path }: Group): { name: string; written: string }[] {
  return rows
    .filter(({ setting }) => setting.startsWith(path) && !setting.slice(path.length).includes("."))
    .map(({ setting, written }) => ({ name: setting.slice(path.length), written }));
}

/** The names that the code knows. It lists them when it is given one that is like none of them. */
function knownNames({ resolve, kinds = [{}] }: Group): string[] {
  const names = kinds.flatMap((kind) => {
    const message = messageOf(() => resolve({ ...kind, "~~~~~~~~~~~~~~~~": 1 }));
    return [...(message.split("expected one of")[1] ?? "").matchAll(/"(\w+)"/g)].map(
      (match) => match[1] ?? "",
    );
  });
  return [...new Set(names)];
}

function messageOf(act: () => unknown): string {
  try {
    act();
    return "";
  } catch (error) {
    return error instanceof ImproperlyConfigured ? error.message : "";
  }
}

describe.each(GROUPS)("settings $path*", (group) => {
  test("all are on the page, and all that are there are settings", () => {
    const documented = rowsOf(group).map(({ name }) => name);
    const known = knownNames(group);
    expect(known.length).toBeGreaterThan(1);
    expect(documented.toSorted()).toEqual(known.toSorted());
  });

  const compared = rowsOf(group).filter(
    ({ name, written }) => written.startsWith("`") && !NOT_COMPARED.has(group.path + name),
  );
  test.each(compared)("$name: the default on the page is what leaving it out means", ({ name, written }) => {
    const value: unknown = JSON.parse(written.replaceAll("`", ""));
    expect(group.resolve({ [name]: value })).toStrictEqual(group.resolve({}));
  });
});

test("the defaults that are no plain values", () => {
  const written = Object.fromEntries(rows.map((row) => [row.setting, row.written.replaceAll("`", "")]));
  const { sessions, redis } = createSojourn({
    projectName: "p",
    secretKey: "a secret of the tests, long enough",
  });
  expect(`${sessions.storeName}SessionStore()`).toBe(written["sessions.store"]);
  expect(redis.names).toEqual(["default"]);
  expect(messageOf(() => new RedisRegistry(5 as never))).toContain(
    `{ default: ${written["redis.default"]} }`,
  );
});
