import type { Duration } from "../core/durations.ts";
import { describe, expect, test } from "vitest";
import { anyDeadline, Browser, type Harness, openHarness } from "../../test/support/session-harness.ts";
import { SessionUsageError, StoreConnectionError } from "../core/errors.ts";
import { createSojourn } from "../create-sojourn.ts";
import { cookieSessionStore } from "../stores/cookie/index.ts";

const KEY = "k".repeat(32);
const COOKIE = `sessionid=${KEY}`;
const HOUR = 3_600_000;

describe("sessions.restore", () => {
  test("stores a session under its browser's key for the remaining time", async () => {
    const { sessions, clock } = openHarness();
    expect(await sessions.restore(KEY, '{"cart":{"tea":1.0}}', "1h")).toBe(true);
    clock.advance(HOUR - 1);
    expect((await sessions.open(COOKIE)).data).toStrictEqual({ cart: { tea: 1 } });
    clock.advance(1);
    expect((await sessions.open(COOKIE)).isNew).toBe(true);
  });

  test("leaves an existing session unchanged", async () => {
    const { sessions } = openHarness();
    await sessions.restore(KEY, '{"a":1}', "1h");
    expect(await sessions.restore(KEY, '{"a":2}', "1h")).toBe(false);
    expect((await sessions.open(COOKIE)).data).toStrictEqual({ a: 1 });
  });

  test.each<[string, (harness: Harness, browser: Browser) => unknown]>([
    ["was logged out", (_, browser) => browser.request((session) => session.logout())],
    ["has ended by its own expiry", (_, browser) => browser.request((session) => session.setExpiry(-1))],
    ["was revoked", ({ sessions }) => sessions.revokeUser(7)],
    ["was ended with all others", ({ sessions }) => sessions.revokeAll()],
    ["has another key", (_, browser) => browser.request((session) => session.cycleKey())],
  ])(
    "imports each key once: a session that %s stays as it is, even days later and in another process",
    async (_, end) => {
      const harness = openHarness({ deadline: "10ms" });
      const { sessions, clock, keys } = harness;
      const payload = '{"_auth_user_id":"7"}';
      expect(await sessions.restore(KEY, payload, "14d")).toBe(true);
      await end(harness, new Browser(sessions, COOKIE));
      const before = await keys();
      expect(before).not.toContain(KEY);
      for (let day = 0; day < 40; day += 10) {
        expect(await harness.otherProcess().restore(KEY, payload, "14d")).toBe(false);
        expect((await sessions.open(COOKIE)).userId).toBeUndefined();
        clock.advance(10 * 24 * HOUR);
      }
    },
  );

  test("a failed import can be tried again, unless its user was revoked meanwhile", async () => {
    const harness = openHarness();
    const { sessions, store } = harness;
    const create = store.create.bind(store);
    store.create = () => Promise.reject(new StoreConnectionError("offline", { outcome: "not-sent" }));
    await expect(sessions.restore(KEY, '{"a":1}', "1h")).rejects.toThrow("offline");
    store.create = create;
    expect(await sessions.restore(KEY, '{"a":1}', "1h")).toBe(true);
    const other = "o".repeat(32);
    store.create = async (...args) => {
      store.create = create;
      const result = await create(...args);
      await harness.otherProcess().revokeUser(7);
      return result;
    };
    await expect(sessions.restore(other, '{"_auth_user_id":"7"}', "1h")).rejects.toThrow(
      "The session was ended",
    );
    expect(await sessions.restore(other, '{"_auth_user_id":"7"}', "1h")).toBe(false);
  });

  test("a session with a user is listed and can be revoked", async () => {
    const { sessions } = openHarness();
    await sessions.restore(KEY, '{"_auth_user_id":"7"}', "1h");
    expect(await sessions.revokeUser(7)).toBe(1);
    expect((await sessions.open(COOKIE)).isNew).toBe(true);
  });

  test("with hashed keys, the store does not get the browser's key", async () => {
    const { sessions, store } = openHarness({ hashKeys: true });
    await sessions.restore(KEY, '{"a":1}', "1h");
    expect(await store.read(KEY, anyDeadline())).toBeUndefined();
    expect((await sessions.open(COOKIE)).data).toStrictEqual({ a: 1 });
  });

  test.each<[name: string, key: string, payload: string, ttl: Duration]>([
    ["another key", "K".repeat(32), "{}", "1h"],
    ["no object", KEY, "[1]", "1h"],
    ["no JSON", KEY, '{"a":', "1h"],
    ["no time", KEY, "{}", 0],
    ["a time that is none", KEY, "{}", Number.NaN],
  ])("refuses %s, and stores nothing", async (_name, key, payload, ttl) => {
    const { sessions, keys } = openHarness();
    await expect(sessions.restore(key, payload, ttl)).rejects.toBeInstanceOf(SessionUsageError);
    expect(await keys()).toStrictEqual([]);
  });

  test("refuses sessions in cookies, which have no key", async () => {
    const store = cookieSessionStore({ acceptsLostUpdates: true });
    const { sessions } = createSojourn({
      projectName: "test",
      secretKey: "a secret of the tests, long enough",
      sessions: { store },
    });
    await expect(sessions.restore(KEY, "{}", "1h")).rejects.toBeInstanceOf(SessionUsageError);
  });
});
