import { describe, expect, test } from "vitest";

import { anyDeadline, Browser, openHarness } from "../../test/support/session-harness.ts";
import { StoreConnectionError } from "../core/errors.ts";
import type { SessionStore } from "../stores/session-store.ts";

const DAY = 86_400_000;

/** Maximum number of steps of an operation; the tests check that none has more. */
const MAX_STEPS = 60;

/** Fails the calls of a store and of its parts from a given one on: they are not sent. */
function failing(store: SessionStore) {
  let left = Number.POSITIVE_INFINITY;
  const wrap = <Part extends object>(part: Part): Part =>
    new Proxy(part, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name === "users" || name === "tombstones") return value && wrap(value);
        if (typeof value !== "function" || name === "scan" || name === "close") {
          return typeof value === "function" ? value.bind(target) : value;
        }
        return (...args: unknown[]): unknown => {
          if (left-- > 0) return Reflect.apply(value, target, args);
          return Promise.reject(new StoreConnectionError("not sent", { outcome: "not-sent" }));
        };
      },
    });
  return { store: wrap(store), failAfter: (calls: number) => (left = calls) };
}

/** A user with two sessions, one of which has a new key since its request began. */
async function open(isMoved: boolean) {
  let fail: (calls: number) => void = () => {};
  const harness = openHarness({
    renewEvery: "24h",
    maxPerUser: 3,
    wrap: (inner) => {
      const { store, failAfter } = failing(inner);
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
  return { ...harness, fail, request, session, ref };
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

describe.each([false, true])(
  "an operation on a session that has a new key (%s) reports not-sent",
  (isMoved) => {
    test.each(Object.entries(OPERATIONS))("only if no record has changed: %s", async (_, operate) => {
      let steps = 0;
      for (; steps < MAX_STEPS; steps++) {
        const setting = await open(isMoved);
        const before = await recordsOf(setting);
        setting.fail(steps);
        const [result] = await Promise.allSettled([operate(setting)]);
        setting.fail(Number.POSITIVE_INFINITY);
        if (result.status === "fulfilled") break;
        const error: unknown = result.reason;
        if (!(error instanceof StoreConnectionError) || error.outcome !== "not-sent") continue;
        // A new record whose key was never sent, and that could not be deleted again, expires.
        expect(await recordsOf(setting), `failed from step ${steps} on`).toMatchObject(before);
      }
      expect(steps).toBeLessThan(MAX_STEPS);
    });
  },
);
