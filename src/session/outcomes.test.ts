import { describe, expect, test } from "vitest";

import { anyDeadline, Browser, openHarness } from "../../test/support/session-harness.ts";
import { StoreConnectionError } from "../core/errors.ts";
import type { SessionStore } from "../stores/session-store.ts";

const DAY = 86_400_000;

/** Duration of a failed call, in milliseconds. */
const FAILURE = 50;

/** Maximum number of calls that fail before an operation gives up, its tidying up included. */
const MAX_FAILED = 8;

/** Maximum number of steps of an operation; the tests check that none has more. */
const MAX_STEPS = 60;

/**
 * End of a connection: a call is not sent, nor is anything later; or its answer gets lost, and after the given
 * number of further calls nothing is sent.
 */
type Failure = "not sent" | { readonly lost: number };

/**
 * Fails the calls of a store and of its parts from a given one on.
 *
 * @param pass Called with each failed call, which takes time.
 */
function failing(store: SessionStore, pass: () => void) {
  let left = Number.POSITIVE_INFINITY;
  let failure: Failure = "not sent";
  const wrap = <Part extends object>(part: Part): Part =>
    new Proxy(part, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name === "users" || name === "tombstones") return value && wrap(value);
        if (typeof value !== "function" || name === "scan" || name === "close") {
          return typeof value === "function" ? value.bind(target) : value;
        }
        return (...args: unknown[]): unknown => {
          const call = (): unknown => Reflect.apply(value, target, args);
          if (left-- > 0) return call();
          const isLost = failure !== "not sent" && left === -1;
          if (failure !== "not sent" && !isLost && left >= -1 - failure.lost) return call();
          pass();
          const error = new StoreConnectionError("failed", { outcome: isLost ? "unknown" : "not-sent" });
          return isLost ? Promise.resolve(call()).then(() => Promise.reject(error)) : Promise.reject(error);
        };
      },
    });
  return {
    store: wrap(store),
    failAfter: (calls: number, then: Failure) => {
      left = calls;
      failure = then;
    },
  };
}

/** A user with two sessions, one of which has a new key since its request began. */
async function open(isMoved: boolean) {
  let fail: (calls: number, failure: Failure) => void = () => {};
  let failed = 0;
  const harness = openHarness({
    renewEvery: "24h",
    maxPerUser: 3,
    wrap: (inner) => {
      const { store, failAfter } = failing(inner, () => {
        failed++;
        clock.advance(FAILURE);
      });
      fail = failAfter;
      return store;
    },
  });
  const { sessions, clock } = harness;
  const [browser, other] = [new Browser(sessions), new Browser(sessions)];
  for (const each of [other, browser]) await each.request((session) => session.login(7));
  const request = new Browser(sessions, browser.cookie).begin();
  const session = await request.session();
  const { ref = "" } = session;
  if (isMoved) {
    clock.advance(2 * DAY);
    await browser.request((each) => void (each.data["seen"] = 1));
  }
  return { ...harness, fail, request, session, ref, cookie: browser.cookie, failedCalls: () => failed };
}

type Setting = Awaited<ReturnType<typeof open>>;

const OPERATIONS: Readonly<Record<string, (setting: Setting) => Promise<unknown>>> = {
  update: ({ session }) => session.update((data) => void (data["a"] = 1)),
  "a deferred change": ({ session, request }) => ((session.data["a"] = 1), request.finish()),
  "an expiry that is over": ({ session, request, clock }) => {
    session.setExpiry(new Date(clock.now() - 1));
    return request.finish();
  },
  "login of the same user": ({ session }) => session.login(7),
  "login of another user": ({ session }) => session.login(8),
  logout: ({ session }) => session.logout(),
  flush: ({ session }) => session.flush(),
  cycleKey: ({ session }) => session.cycleKey(),
  renewKey: ({ session }) => session.renewKey(),
  revoke: ({ sessions, ref }) => sessions.revoke(7, ref),
  revokeUser: ({ sessions }) => sessions.revokeUser(7),
};

async function recordsOf({ store, keys }: Setting): Promise<Record<string, unknown>> {
  const records: Record<string, unknown> = {};
  for (const key of await keys()) {
    records[key] = await store.read(key, anyDeadline());
  }
  return records;
}

const FAILURES: readonly Failure[] = ["not sent", { lost: 0 }, { lost: 1 }, { lost: 2 }];
const CASES = [false, true].flatMap((isMoved) => FAILURES.map((failure) => [isMoved, failure] as const));

describe.each(CASES)(
  "an operation on a session that has a new key (%s), with a failure: %j",
  (isMoved, failure) => {
    test.each(Object.entries(OPERATIONS))(
      "gives up, and reports not-sent only if no record has changed and nothing leads to a new one: %s",
      async (_, operate) => {
        let steps = 0;
        for (; steps < MAX_STEPS; steps++) {
          const setting = await open(isMoved);
          const before = await recordsOf(setting);
          setting.fail(steps, failure);
          const [result] = await Promise.allSettled([operate(setting)]);
          setting.fail(Number.POSITIVE_INFINITY, failure);
          const message = `failed from step ${steps} on`;
          expect(setting.failedCalls(), message).toBeLessThanOrEqual(MAX_FAILED);
          if (result.status === "fulfilled") break;
          const error: unknown = result.reason;
          if (!(error instanceof StoreConnectionError) || error.outcome !== "not-sent") continue;
          // A new record whose key was never sent, and that could not be deleted again, expires.
          expect(await recordsOf(setting), message).toMatchObject(before);
          expect(await joinsSession(setting, Object.keys(before)), message).toBe(false);
        }
        expect(steps).toBeLessThan(MAX_STEPS);
      },
    );
  },
);

/** Returns whether a login with the cookie joins another one, once the known records have gone. */
async function joinsSession(
  { sessions, store, cookie }: Setting,
  known: readonly string[],
): Promise<boolean> {
  for (const key of known) await store.delete(key, anyDeadline());
  let isJoined = true;
  sessions.on("login", () => (isJoined = false));
  await new Browser(sessions, cookie).request((session) => session.login(7));
  return isJoined;
}
