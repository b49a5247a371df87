// @ts-check

const TESTS = [
  "src/integrations/express-session/express-session.test.ts",
  "test/integration/express-session/shop.test.ts",
];

const NEXT_TESTS = [
  "src/integrations/next-cache/next-tags.test.ts",
  "src/integrations/next-cache/next-leases.test.ts",
  "src/integrations/next-cache/next-cache-handler.test.ts",
];

/** @type {readonly import("./mutant.mjs").Mutant[]} */
export const integrationMutants = [
  {
    name: "take-over-accepts-any-signature",
    file: "src/integrations/express-session/express-session-source.ts",
    find: 'unsign: (value) => (value.startsWith("s:") ? unsign(value.slice(2), secrets) : undefined),',
    replace: 'unsign: (value) => value.slice(2, value.lastIndexOf(".")),',
    breaks: "A tampered cookie of express-session gives no session.",
    tests: ["test/integration/take-over/records.test.ts"],
  },
  {
    name: "take-over-heeds-no-stated-end",
    file: "src/integrations/koa-session/koa-session-source.ts",
    find: 'endOf: ({ _expire }) => (typeof _expire === "number" ? _expire : undefined),',
    replace: "endOf: () => undefined,",
    breaks: "A session of koa-session that has expired gives no session.",
    tests: ["test/integration/take-over/frameworks.test.ts"],
  },
  {
    name: "express-session-brings-back-what-has-ended",
    file: "src/integrations/express-session/connect-redis-records.ts",
    find: "elseif ARGV[1] ~= '' then",
    replace: "elseif false then",
    breaks: "A write to a session that has ended brings nothing back.",
    tests: TESTS,
  },
  {
    name: "express-session-overwrites-others",
    file: "src/integrations/express-session/connect-redis-records.ts",
    find: "if redis.sha1hex(stored) ~= ARGV[1] then",
    replace: "if false then",
    breaks: "A write merges with what other requests have changed.",
    tests: TESTS,
  },
  {
    name: "express-session-lets-late-requests-begin",
    file: "src/integrations/express-session/tracked-session.ts",
    find: "if (this.#isLate) return hasContent(session) ? interrupt() : undefined;",
    replace: "",
    breaks: "A request with a replaced id takes no login away.",
    tests: TESTS,
  },
  {
    name: "express-session-deletes-what-others-have-added",
    file: "src/integrations/express-session/tracked-session.ts",
    find: "(stored.text === base?.stored.text && stored.data === base.data)",
    replace: "stored.text === base?.stored.text",
    breaks: "A second save keeps what the first one has merged.",
    tests: TESTS,
  },
  {
    name: "express-session-names-what-is-not-stored",
    file: "src/integrations/express-session/tracked-session.ts",
    find: "if (this.#hasFailed || !this.#mustSetCookie(session)) return NO_COOKIES;",
    replace: "if (!this.#mustSetCookie(session)) return NO_COOKIES;",
    breaks: "A failed save sends no cookie.",
    tests: TESTS,
  },
  {
    name: "express-session-writes-out-of-turn",
    file: "src/stores/key-queues.ts",
    find: "const own = before === undefined ? task() : before.then(task);",
    replace: "const own = task();",
    breaks: "The requests of a process write one after the other on any store.",
    tests: TESTS,
  },
  {
    name: "next-cache-forgets-what-happens-during-a-call",
    file: "src/integrations/next-cache/invalidation-log.ts",
    find: "({ at }) => at <= time",
    replace: "() => true",
    breaks: "An invalidation while a function runs counts for its result.",
    tests: ["src/integrations/next-cache/invalidation-log.test.ts"],
  },
  {
    name: "next-cache-serves-entries-of-forgotten-tags",
    file: "src/integrations/next-cache/tagged-entries.ts",
    find: 'known.get(tag) === undefined)) return "expired";',
    replace: 'false)) return "expired";',
    breaks: "An entry whose tag the store has forgotten is a miss.",
    tests: NEXT_TESTS,
  },
  {
    name: "next-cache-lets-later-invalidations-extend-earlier-ones",
    file: "src/integrations/next-cache/tag-states.ts",
    find: "Math.min(isOver ? Infinity : until, now + expire * 1000)",
    replace: "now + expire * 1000",
    breaks: "The earlier end of two invalidations holds.",
    tests: NEXT_TESTS,
  },
  {
    name: "next-cache-drops-failed-invalidations",
    file: "src/integrations/next-cache/invalidations.ts",
    find: "this.#owed.add(invalidation);",
    replace: "",
    breaks: "A failed invalidation happens before the next entry is read.",
    tests: NEXT_TESTS,
  },
  {
    name: "next-cache-keeps-the-lease-of-a-failed-call",
    file: "src/integrations/next-cache/cache-next-handler.ts",
    find: "if (held !== undefined) await this.#leases.release(held);",
    replace: "",
    breaks: "When a function fails, another process calls it at once.",
    tests: NEXT_TESTS,
  },
  {
    name: "next-cache-waits-for-what-never-comes",
    file: "src/integrations/next-cache/leases.ts",
    find: "|| this.#fruitless.has(key)) return",
    replace: ") return",
    breaks: "Nobody waits for an entry whose calls end without one.",
    tests: NEXT_TESTS,
  },
];
