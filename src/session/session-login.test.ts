import { sessionAuthHash } from "../codec/auth-hash.ts";
import { describe, expect, test } from "vitest";
import { Browser, openHarness } from "../../test/support/session-harness.ts";

describe("login", () => {
  test("gives a new key, keeps a visitor's data, and the old key is dead", async () => {
    const { sessions, keys } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["cart"] = [1]));
    const before = browser.cookie;
    await browser.request(async (session) => {
      await session.login(42n);
      expect(session).toMatchObject({ userId: "42", isAuthenticated: true });
    });
    expect(browser.cookie).not.toBe(before);
    expect(await keys()).toHaveLength(1);
    expect(await browser.request((session) => ({ ...session.data }))).toStrictEqual({
      cart: [1],
      _auth_user_id: "42",
    });
    expect(await new Browser(sessions, before).request((session) => session.isNew)).toBe(true);
  });

  test.each([
    ["the same user", 1, undefined, ["cart", "theme"]],
    ["another user", 2, undefined, []],
    ["the same user, keep: false", 1, false, []],
    ["another user, keep: true", 2, true, ["cart", "theme"]],
    ["another user, keep: [theme]", 2, ["theme"], ["theme"]],
  ] as const)("%s", async (_name, userId, keep, kept) => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request(async (session) => {
      await session.login(1);
      Object.assign(session.data, { cart: [1], theme: "dark" });
    });
    await browser.request((session) => session.login(userId, keep === undefined ? {} : { keep }));
    const data = await browser.request((session) => ({ ...session.data }));
    expect(Object.keys(data).filter((key) => !key.startsWith("_auth_"))).toStrictEqual(kept);
    expect(data["_auth_user_id"]).toBe(String(userId));
  });

  test("stores the backend and the hash of the password's hash, for Django", async () => {
    const [secretKey, password] = ["a secret of this test, 32 characters", "pbkdf2_sha256$260000$abc$def="];
    const { sessions } = openHarness({ secretKey });
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(42, { django: { password } }));
    expect(await browser.request((session) => ({ ...session.data }))).toStrictEqual({
      _auth_user_id: "42",
      _auth_user_backend: "django.contrib.auth.backends.ModelBackend",
      _auth_user_hash: sessionAuthHash(password, secretKey),
    });
  });

  test("changes of another request between the read and the login are copied", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["cart"] = { a: 1 }));
    const login = browser.begin();
    const session = await login.session();
    await browser.request((other) => (other.data["cart"].b = 2));
    session.data["cart"].c = 3;
    await session.login(1);
    await login.finish();
    expect(await browser.request((next) => next.data["cart"])).toStrictEqual({ a: 1, b: 2, c: 3 });
  });

  test("a concurrent request is interrupted, and its cookie is unchanged", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    const slow = browser.begin();
    (await slow.session()).data["b"] = 2;
    await browser.request((session) => session.login(1));
    await expect(slow.finish()).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
    expect(slow.setCookie).toStrictEqual([]);
  });

  test("begins a new session with this request's changes when the old record is gone", async () => {
    const { sessions, keys } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["secret"] = "of the old session"));
    const login = browser.begin();
    const session = await login.session();
    await browser.request((other) => other.flush());
    session.data["next"] = "/";
    await session.login(1);
    await login.finish();
    expect(await keys()).toHaveLength(1);
    expect(await browser.request((next) => ({ ...next.data }))).toStrictEqual({
      next: "/",
      _auth_user_id: "1",
    });
  });

  test.each(["both loaded before the first login", "the second loaded after it"])(
    "a double click leaves one live session (%s)",
    async (order) => {
      const { sessions, keys } = openHarness();
      const browser = new Browser(sessions);
      await browser.request((session) => (session.data["cart"] = [1]));
      const [first, second] = [browser.begin(), browser.begin()];
      if (order.startsWith("both")) await Promise.all([first.session(), second.session()]);
      await (await first.session()).login(1);
      const session = await second.session();
      session.data["clicked"] = "twice";
      await session.login(1);
      await Promise.all([first.finish(), second.finish()]);
      expect(await keys()).toHaveLength(1);
      expect(first.setCookie[0]?.split(";")[0]).toBe(second.setCookie[0]?.split(";")[0]);
      expect(await browser.request((next) => ({ ...next.data }))).toStrictEqual({
        cart: [1],
        _auth_user_id: "1",
        clicked: "twice",
      });
    },
  );

  test("a click of another user, or one after a minute, joins no session", async () => {
    const { sessions, clock } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["cart"] = [1]));
    const [first, other, late] = [browser.begin(), browser.begin(), browser.begin()];
    await (await first.session()).login(1);
    await (await other.session()).login(2);
    expect((await other.session()).data).toStrictEqual({ _auth_user_id: "2" });
    clock.advance(60_001);
    await (await late.session()).login(2);
    await first.finish();
    await other.finish();
    await late.finish();
    expect(new Set([first, other, late].map(({ setCookie }) => setCookie[0]?.split(";")[0])).size).toBe(3);
  });

  test("a double click after a logout joins nothing", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["cart"] = [1]));
    const second = browser.begin();
    const session = await second.session();
    await browser.request((first) => first.login(1));
    const loggedIn = browser.cookie;
    await browser.request((first) => first.logout());
    await session.login(1);
    await second.finish();
    expect(second.setCookie[0]).not.toContain(loggedIn);
    expect(await new Browser(sessions, loggedIn).request((old) => old.isNew)).toBe(true);
  });

  test.each([
    ["", "an empty text"],
    [Number.NaN, "NaN"],
    [1.5, "a number"],
    [null, "null"],
    [undefined, "nothing"],
  ])("refuses %o as a user id", async (userId, found) => {
    const { sessions } = openHarness();
    const session = await sessions.create();
    await expect(session.login(userId as string)).rejects.toThrow(`got ${found}`);
  });
});
