import type { Sojourn } from "sojourn";
import { describe, test } from "vitest";
import {
  type Anything,
  errorOf,
  expectTold,
  inMemory,
  login,
  withSession,
  write,
} from "./support/newcomer.ts";

describe("calls: an error that says what came", () => {
  test.each<[string, (sojourn: Sojourn<Anything, "default">) => unknown, string]>([
    [
      "seconds for options",
      ({ caches }) => caches.default.set("k", 1, 60 as never),
      "such as { timeout: 60 }, got 60",
    ],
    [
      "ttl",
      ({ caches }) => caches.default.set("k", 1, { ttl: 60 } as never),
      'has no option "ttl". Did you mean "timeout"?',
    ],
    [
      "seconds for options",
      ({ caches }) => caches.default.getOrSet("k", () => 1, 60 as never),
      "got 60 (number)",
    ],
    [
      "tag",
      ({ caches }) => caches.default.getOrSet("k", () => 1, { tag: ["a"] } as never),
      'Did you mean "tags"?',
    ],
    [
      "tags as text",
      ({ caches }) => caches.default.set("k", 1, { tags: "a" as never }),
      "Write one tag as [tag].",
    ],
    [
      "a Date in the cache",
      ({ caches }) => caches.default.set("k", { at: new Date() }),
      "value.at is a Date",
    ],
    [
      "a promise in the cache",
      ({ caches }) => caches.default.set("k", Promise.resolve(1)),
      "value is a Promise",
    ],
    [
      "a load for a loader",
      ({ caches }) => caches.default.getOrSet("k", Promise.resolve(1)),
      "Write () => load()",
    ],
    [
      "an array of many",
      ({ caches }) => caches.default.getOrSetMany(["a"], () => [1] as never),
      "got an array.",
    ],
    [
      "a cache that is not configured",
      ({ caches }) => (caches as Anything)["pages"],
      "caches.pages: is not configured",
    ],
    [
      "a request for its header",
      ({ sessions }) => sessions.open({ headers: {} } as never),
      "Give request.headers.cookie",
    ],
    ["no adapter", ({ sessions }) => sessions.from({}), "given a request that no adapter has seen"],
    [
      "a web Request",
      ({ sessions }) => sessions.from(new globalThis.Request("http://a")),
      "sessions.open(request.headers.get(",
    ],
    [
      "no request",
      ({ sessions }) => sessions.from(undefined as never),
      "sessions.from() expected a request, got nothing.",
    ],
    [
      "a foreign session",
      ({ sessions }) => sessions.restore("Xy_".repeat(10), "{}", 1000),
      "expected a session key, 32",
    ],
    [
      "a text without a unit",
      ({ sessions }) => sessions.restore("k".repeat(32), "{}", "60" as never),
      'seconds or text such as "14d"',
    ],
    [
      "login(undefined)",
      login(undefined),
      "session.login() expected a user id (text, an integer or a bigint), got nothing.",
    ],
    ["login(user)", login({ id: 1 }), "got an object."],
    ["login(promise)", login(Promise.resolve(1)), 'an "await" is missing'],
    [
      "an async update",
      withSession((session) => session.update(async () => {})),
      "expected a synchronous function",
    ],
    [
      "update(data)",
      withSession((session) => session.update({} as never)),
      "has to be a function, got an object.",
    ],
    [
      "a Date in the data",
      withSession((session) => write(session, { at: new Date() })),
      "session.data.at is a Date",
    ],
    [
      "replaced data",
      withSession((session) => void (session.data = {} as never)),
      "session.data cannot be replaced",
    ],
    [
      "revoke without a ref",
      ({ sessions }) => sessions.revoke(1, undefined as never),
      "expected the ref of a session",
    ],
    [
      "except: true",
      ({ sessions }) => sessions.revokeUser(1, { except: true as never }),
      "got true or false.",
    ],
    [
      "except a promise",
      ({ sessions }) => sessions.revokeUser(1, { except: sessions.open("") as never }),
      "await",
    ],
    [
      "a flash of one text",
      withSession((session) => session.flash("saved", undefined as never)),
      "both texts",
    ],
    ["a misspelt event", ({ sessions }) => sessions.on("logins" as never, () => {}), 'Did you mean "login"?'],
    [
      "options of revokeUser",
      ({ sessions }) => sessions.revokeUser(1, { exept: "a" } as never),
      'Did you mean "except"?',
    ],
  ])("%s", async (_mistake, run, message) => {
    expectTold(await errorOf(() => run(inMemory())), message);
  });
});
