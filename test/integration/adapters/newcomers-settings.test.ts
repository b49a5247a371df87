import { EventEmitter } from "node:events";
import { createLimiter } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import { cachedDbSessionStore } from "sojourn/stores/cached-db";
import { cookieSessionStore } from "sojourn/stores/cookie";
import { memoryCacheStore, memorySessionStore } from "sojourn/stores/memory";
import { redisSessionStore } from "sojourn/stores/redis";
import { sqlSessionStore } from "sojourn/stores/sql";
import { describe, test } from "vitest";
import {
  BASE,
  errorOf,
  expectTold,
  inMemory,
  MyStore,
  signedCookies,
  start,
  withCookie,
  withSessions,
  withSettings,
} from "./support/newcomer.ts";

describe("settings: an error at start", () => {
  test.each<[string, () => unknown, string]>([
    [
      "a secret that is a number",
      withSettings({ secretKey: 12345678 }),
      "sojourn.secretKey: expected a secret text",
    ],
    [
      "a secret that is not set",
      withSettings({ secretKey: undefined }),
      "got nothing. Is the environment variable set",
    ],
    [
      "an empty secret",
      withSettings({ secretKey: "" }),
      "got an empty text. Is the environment variable set",
    ],
    ["a short secret", withSettings({ secretKey: "secret" }), "of at least 32 characters, got one of 6."],
    [
      "no project name",
      start({ secretKey: BASE.secretKey }),
      'sojourn.projectName: expected a name such as "myproject"',
    ],
    ["a project name with a space", withSettings({ projectName: "my shop" }), "without spaces"],
    ["no settings", start(undefined), "sojourn: expected an object, got nothing."],
    [
      "a misspelt setting",
      withSettings({ sesions: {} }),
      'sojourn.sesions: is not a setting; did you mean "sessions"?',
    ],
    [
      "the store at the top",
      withSettings({ store: memorySessionStore() }),
      "sojourn.store: is not a setting",
    ],
    [
      "a store's name",
      withSessions({ store: "memory" }),
      "sessions.store: expected a store such as redisSessionStore()",
    ],
    [
      "a store not called",
      withSessions({ store: memorySessionStore }),
      "got the function memorySessionStore. Call",
    ],
    ["a store not called", withSessions({ store: redisSessionStore }), "Call redisSessionStore()."],
    ["a store not called", withSessions({ store: cookieSessionStore }), "Call cookieSessionStore()."],
    ["a store not called", withSessions({ store: sqlSessionStore }), "Call sqlSessionStore()."],
    [
      "a store not called within another",
      withSessions({ store: cachedDbSessionStore({ database: memorySessionStore as never }) }),
      "cachedDbSessionStore.database: expected a store such as redisSessionStore(), got the function memorySessionStore.",
    ],
    [
      "a cache's store not called",
      withSettings({ caches: { default: { store: memoryCacheStore } } }),
      "Call memoryCacheStore()",
    ],
    [
      "a store's class",
      withSessions({ store: MyStore }),
      "got the class MyStore. Give a function that makes one: () => new",
    ],
    ["a store's instance", withSessions({ store: new MyStore() }), "got an object of class MyStore."],
    [
      "a store that lacks methods",
      withSessions({ store: () => new MyStore() }),
      'got the store "mine", which has no read().',
    ],
    ["a store that comes later", withSessions({ store: async () => new MyStore() }), 'an "await" is missing'],
    ["a cache's store for sessions", withSessions({ store: memoryCacheStore() }), "which has no read()"],
    [
      "sessions' store for a cache",
      withSettings({ caches: { default: { store: memorySessionStore() } } }),
      "has no get()",
    ],
    [
      "14 dayz",
      withCookie({ age: "14 dayz" }),
      'sessions.cookie.age: expected seconds or text such as "14d"',
    ],
    ["an age in milliseconds", withCookie({ age: 1_209_600_000 }), "at most 400 days"],
    ["an age of ten years", withCookie({ age: "10y" }), "at most 400 days"],
    ["maxAge", withCookie({ maxAge: 1000 }), "sessions.cookie.maxAge: is not a setting"],
    ['sameSite "Lax"', withCookie({ sameSite: "Lax" }), 'expected "lax", "strict" or "none", got "Lax"'],
    [
      "sameSite none without Secure",
      withCookie({ sameSite: "none", secure: false }),
      "sessions.cookie.secure: expected true",
    ],
    [
      "__Host- with a domain",
      withCookie({ name: "__Host-s", domain: "a.example" }),
      "sessions.cookie.domain: expected none",
    ],
    [
      "a cookie name with a space",
      withCookie({ name: "my session" }),
      "sessions.cookie.name: expected a name such as",
    ],
    ["encrypt: yes", withSessions({ encrypt: "yes" }), "sessions.encrypt: expected true or false"],
    [
      "redis as a URL",
      withSettings({ redis: "redis://localhost" }),
      "redis: expected an object of named connections",
    ],
    ["an http URL", withSettings({ redis: { default: "http://localhost" } }), "redis.default: expected"],
    [
      "a URL without a scheme",
      withSettings({ redis: { default: "localhost:6379" } }),
      "redis.default: expected",
    ],
    [
      "a client of ioredis",
      withSettings({ redis: { default: { client: new EventEmitter() } } }),
      "redis.default",
    ],
    [
      "ttl for timeout",
      withSettings({ caches: { default: { ttl: 60 } } }),
      "caches.default.ttl: is not a setting",
    ],
    [
      "a time without a unit",
      withSettings({ caches: { default: { timeout: "10" } } }),
      "caches.default.timeout: expected",
    ],
    ["users in cookies", () => signedCookies().revokeUser(1), 'the store "cookie" keeps no index of users'],
    [
      "crossSite: true",
      () => expressSessions(inMemory().sessions, { crossSite: true as never }),
      "expressSessions.crossSite",
    ],
    [
      "an option of an adapter",
      () => expressSessions(inMemory().sessions, { eagre: true } as never),
      'did you mean "eager"?',
    ],
    [
      "all for the sessions",
      () => expressSessions(inMemory() as never),
      "got the whole result of createSojourn(). Give its part",
    ],
    [
      "nothing for the sessions",
      () => expressSessions(undefined as never),
      "expressSessions() expected the sessions",
    ],
    [
      "a limiter on all caches",
      () => createLimiter(inMemory().caches as never, { prefix: "a", limit: 1, window: "1m" }),
      "createLimiter() expected a cache, such as caches.default",
    ],
    [
      "a limit as text",
      () => createLimiter(inMemory().caches.default, { prefix: "a", limit: "5" as never, window: "1m" }),
      "limiter.limit: expected an integer of at least 0",
    ],
  ])("%s", async (_mistake, run, message) => {
    expectTold(await errorOf(run), message);
  });
});
