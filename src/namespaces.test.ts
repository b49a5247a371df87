import { setImmediate } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { createSojourn, type SojournSettings } from "./create-sojourn.ts";
import { ImproperlyConfigured } from "./core/errors.ts";
import { djangoSettings } from "./django/index.ts";
import { cacheSessionStore } from "./stores/cache/index.ts";
import { cachedDbSessionStore } from "./stores/cached-db/index.ts";
import { memoryCacheStore, memorySessionStore } from "./stores/memory/index.ts";
import { redisBucketSessionStore, redisCacheStore, redisSessionStore } from "./stores/redis/index.ts";

const secretKey = "a secret of the tests, long enough";
let number = 0;

/** Returns the warnings at start. Each project has a new name, since a warning is emitted once. */
async function toldOf(settings: (name: string) => Partial<SojournSettings>): Promise<string[]> {
  const seen: string[] = [];
  const note = (warning: Error & { code?: string }): void => {
    if (warning.code === "SOJOURN_SHARED_KEYS") seen.push(warning.message);
  };
  await setImmediate();
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  const projectName = `project${++number}`;
  const { close } = createSojourn({ projectName, secretKey, ...settings(projectName) });
  await setImmediate();
  await close();
  return seen;
}

const JSON_SERIALIZER = "django_redis.serializers.json.JSONSerializer";
const onOther = { store: redisCacheStore({ connection: "other" }) };
const inMemory = { store: memoryCacheStore() };
const own = (key: string): string => `own:${key}`;

function refuse(): string {
  throw new Error("not this key");
}

// Both have the keys of `same:1:`.
const movedInPlace = cacheSessionStore({
  keyPrefix: "same",
  from: cachedDbSessionStore({ database: memorySessionStore(), keyPrefix: "same:1" }),
  moves: true,
});

/** Makes a store of the application's own, one for all: its keys are unknown. */
function kept() {
  let store: ReturnType<ReturnType<typeof memoryCacheStore>> | undefined;
  return (context: Parameters<ReturnType<typeof memoryCacheStore>>[0]) =>
    (store ??= memoryCacheStore()(context));
}

const twice = kept();

const movedInPlaceInMemory = cacheSessionStore({
  store: twice,
  keyPrefix: "same",
  from: cachedDbSessionStore({ database: memorySessionStore(), cache: twice, keyPrefix: "same:1" }),
  moves: true,
});

const oneCacheTwice = kept();

const copiesOfCopies = cachedDbSessionStore({
  database: cachedDbSessionStore({ database: memorySessionStore(), cache: oneCacheTwice }),
  cache: oneCacheTwice,
});

describe("settings that share keys cause a warning at start", () => {
  test.each<[string, (name: string) => Partial<SojournSettings>, string]>([
    [
      "two caches without a prefix",
      () => ({ caches: { default: {}, [`pages${number}`]: {} } }),
      "have the same keys, so each reads and overwrites the other's entries",
    ],
    [
      "two caches with one prefix and one version",
      (name) => ({ caches: { a: { keyPrefix: name }, b: { keyPrefix: name } } }),
      "caches.a and caches.b have the same keys",
    ],
    [
      "two caches with one prefix and two versions, which share clear()",
      (name) => ({ caches: { c: { keyPrefix: name }, d: { keyPrefix: name, version: 2 } } }),
      "caches.c and caches.d have the same keyPrefix, so clear() of one deletes the other's entries",
    ],
    [
      "a prefix within another one",
      (name) => ({ caches: { e: { keyPrefix: name }, f: { keyPrefix: `${name}:1` } } }),
      "caches.e and caches.f have nested prefixes, so some keys belong to both",
    ],
    [
      "a prefix within the empty one",
      () => ({ caches: { g: { keyPrefix: "" }, h: { keyPrefix: ":1" } } }),
      "caches.g and caches.h have nested prefixes, so some keys belong to both",
    ],
    [
      "two names of one server",
      (name) => ({
        redis: { default: "redis://localhost:6379/0", cache: "redis://localhost:6379" },
        caches: {
          i: { keyPrefix: name, store: redisCacheStore({ connection: "default" }) },
          j: { keyPrefix: name, store: redisCacheStore({ connection: "cache" }) },
        },
      }),
      "caches.i and caches.j have the same keys",
    ],
    [
      "two caches with one key function that leaves the prefix out",
      () => ({
        caches: { k: { keyPrefix: "k", keyFunction: own }, l: { keyPrefix: "l", keyFunction: own } },
      }),
      "caches.k and caches.l have the same keys",
    ],
    [
      "a key function that can return the keys of sessions",
      () => ({ caches: { m: { keyFunction: (key) => key } } }),
      "caches.m.keyFunction can return the keys of sessions",
    ],
    [
      "a key function that can name sessions, after the project's name",
      (name) => ({ caches: { n: { keyPrefix: name, keyFunction: (key, prefix) => `${prefix}:${key}` } } }),
      "caches.n.keyFunction can return the keys of sessions",
    ],
    [
      "a key function that can name the users' lists of sessions in buckets",
      (name) => ({
        sessions: { format: "json", store: redisBucketSessionStore() },
        caches: { o: { keyFunction: (key) => `${name}:session-users:${key}` } },
      }),
      "caches.o.keyFunction can return the keys of sessions",
    ],
    [
      "a prefix within the keys of sessions",
      (name) => ({ caches: { p: { keyPrefix: `${name}:session:p` } } }),
      "caches.p.keyPrefix lies within the keys of sessions",
    ],
    [
      "sessions in the namespace of a cache",
      () => ({
        sessions: { format: "django-cache", store: cacheSessionStore({ keyPrefix: "q", version: 3 }) },
        caches: { q: { keyPrefix: "q" } },
      }),
      "sessions are stored under caches.q.keyPrefix, so caches.q.clear() ends them",
    ],
  ])("%s", async (_name, settings, message) => {
    expect(await toldOf(settings)).toContainEqual(expect.stringContaining(message));
  });

  test.each<[string, (name: string) => Partial<SojournSettings>]>([
    [
      "prefixes of their own",
      (name) => ({ caches: { default: { keyPrefix: name }, r: { keyPrefix: `${name}-r` } } }),
    ],
    [
      "one begins like the other",
      (name) => ({ caches: { s: { keyPrefix: name }, t: { keyPrefix: `${name}:t` } } }),
    ],
    ["other servers", () => ({ redis: { other: { port: 6380 } }, caches: { default: {}, v: onOther } })],
    ["other databases", () => ({ redis: { other: { database: 3 } }, caches: { default: {}, x: onOther } })],
    [
      "memory",
      () => ({ sessions: { store: memorySessionStore() }, caches: { default: inMemory, y: inMemory } }),
    ],
    ["the project's name as the prefix", (name) => ({ caches: { default: { keyPrefix: name } } })],
    ["another session prefix", () => ({ sessions: { store: redisSessionStore({ prefix: "s2" }) } })],
    [
      "a key function with its own prefix",
      () => ({ caches: { z: { keyFunction: (key) => `mine:${key}` } } }),
    ],
    ["a key function that throws", () => ({ caches: { z: { keyPrefix: "z", keyFunction: refuse } } })],
  ])("%s: no warning", async (_name, settings) => {
    expect(await toldOf((name) => ({ ...settings(name) }))).toEqual([]);
  });

  test("a Django site, which cannot change its keys, gets no warning", async () => {
    const BACKEND = "django_redis.cache.RedisCache";
    const options = { LOCATION: "redis://localhost:6379/0", OPTIONS: { SERIALIZER: JSON_SERIALIZER } };
    const { settings } = djangoSettings({
      SECRET_KEY: secretKey,
      PROJECT_NAME: "shop",
      SESSION_ENGINE: "codex_django.sessions.backends.redis",
      CACHES: { default: { BACKEND, ...options }, other: { BACKEND, ...options } },
    });
    expect(await toldOf(() => settings)).toEqual([]);
  });
});

describe("unusable settings are refused", () => {
  test.each<[string, Partial<SojournSettings>, string]>([
    [
      "sessions that move to their present keys",
      { sessions: { format: "django-cache", store: movedInPlace } },
      "cacheSessionStore.from: expected a store with keys other than those of these sessions",
    ],
    [
      "sessions that move to their present keys, in a custom store",
      { sessions: { format: "django-cache", store: movedInPlaceInMemory } },
      "cacheSessionStore.from: expected a store with keys other than those of these sessions",
    ],
    [
      "sessions and their copies under the same keys",
      { sessions: { store: copiesOfCopies } },
      "cachedDbSessionStore.keyPrefix: expected a prefix other than that of the sessions themselves",
    ],
    [
      "a project within the namespace of a cache",
      { projectName: "shop:1", caches: { default: { keyPrefix: "shop" } } },
      "caches.default.keyPrefix: expected a prefix that does not cover the sessions",
    ],
    [
      "a project within the empty prefix",
      { projectName: ":1" },
      "caches.default.keyPrefix: expected a prefix that does not cover",
    ],
  ])("%s", (_name, settings, message) => {
    const make = () => createSojourn({ projectName: "shop", secretKey, ...settings });
    expect(make).toThrow(ImproperlyConfigured);
    expect(make).toThrow(message);
  });
});
