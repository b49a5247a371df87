import { describe, expect, test } from "vitest";
import { anyDeadline, openHarness } from "../../test/support/session-harness.ts";
import { SessionUsageError } from "../core/errors.ts";
import { createSojourn } from "../create-sojourn.ts";
import { cookieSessionStore } from "../stores/cookie/index.ts";

const KEY = "k".repeat(32);
const COOKIE = `sessionid=${KEY}`;
const HOUR = 3_600_000;

describe("sessions.restore", () => {
  test("stores a session under the key that its browser has, for the time that is left", async () => {
    const { sessions, clock } = openHarness();
    expect(await sessions.restore(KEY, '{"cart":{"tea":1.0}}', HOUR)).toBe(true);
    clock.advance(HOUR - 1);
    expect((await sessions.open(COOKIE)).data).toStrictEqual({ cart: { tea: 1 } });
    clock.advance(1);
    expect((await sessions.open(COOKIE)).isNew).toBe(true);
  });

  test("leaves a session that is there already", async () => {
    const { sessions } = openHarness();
    await sessions.restore(KEY, '{"a":1}', HOUR);
    expect(await sessions.restore(KEY, '{"a":2}', HOUR)).toBe(false);
    expect((await sessions.open(COOKIE)).data).toStrictEqual({ a: 1 });
  });

  test("with a user in it, it is listed and can be revoked", async () => {
    const { sessions } = openHarness();
    await sessions.restore(KEY, '{"_auth_user_id":"7"}', HOUR);
    expect(await sessions.revokeUser(7)).toBe(1);
    expect((await sessions.open(COOKIE)).isNew).toBe(true);
  });

  test("with hashed keys, the store does not learn the browser's", async () => {
    const { sessions, store } = openHarness({ hashKeys: true });
    await sessions.restore(KEY, '{"a":1}', HOUR);
    expect(await store.read(KEY, anyDeadline())).toBeUndefined();
    expect((await sessions.open(COOKIE)).data).toStrictEqual({ a: 1 });
  });

  test.each([
    ["another key", "K".repeat(32), "{}", HOUR],
    ["no object", KEY, "[1]", HOUR],
    ["no JSON", KEY, '{"a":', HOUR],
    ["no time", KEY, "{}", 0],
    ["a time that is none", KEY, "{}", Number.NaN],
  ])("refuses %s, and stores nothing", async (_name, key, payload, ttl) => {
    const { sessions, keys } = openHarness();
    await expect(sessions.restore(key, payload, ttl)).rejects.toBeInstanceOf(SessionUsageError);
    expect(await keys()).toStrictEqual([]);
  });

  test("refuses sessions in cookies, which have no key", async () => {
    const store = cookieSessionStore({ acceptsLostUpdates: true });
    const { sessions } = createSojourn({ projectName: "test", secretKey: "test-secret", sessions: { store } });
    await expect(sessions.restore(KEY, "{}", HOUR)).rejects.toBeInstanceOf(SessionUsageError);
  });
});
