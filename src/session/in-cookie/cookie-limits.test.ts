import { describe, expect, onTestFinished, test } from "vitest";
import { Browser } from "../../../test/support/session-harness.ts";
import { DJANGOS, openCookieSessions, SECRETS } from "../../../test/support/cookie-sessions.ts";
import { ImproperlyConfigured, SessionUsageError } from "../../core/errors.ts";
import { createSojourn } from "../../create-sojourn.ts";
import { cookieSessionStore } from "../../stores/cookie/index.ts";

describe("when no cookie can be sent", () => {
  test("changes and the logout throw after the headers were sent", async () => {
    const { sessions, browser } = openCookieSessions();
    await browser.request((session) => session.login(7));
    const request = new Browser(sessions, browser.cookie).begin();
    const session = await request.session();
    await request.finish(200, true);
    await expect(session.logout()).rejects.toThrow(SessionUsageError);
    await expect(session.update((data) => (data["a"] = 1))).rejects.toThrow("headers were already sent");
    session.data["a"] = 1;
    await expect(request.finish(200, true)).rejects.toThrow(SessionUsageError);
  });

  test("a read does not throw after the headers were sent, even long after the last signature", async () => {
    const { sessions, clock } = openCookieSessions({
      secrets: { secretKey: "new", secretKeyFallbacks: [SECRETS.secretKey] },
    });
    const request = new Browser(sessions, DJANGOS).begin();
    clock.advance(3_600_000);
    expect((await request.session()).data["foo"]).toBe("bar");
    await request.finish(200, true);
  });

  test("a session opened by sessions.open() can be read, not changed", async () => {
    const { sessions } = openCookieSessions();
    const session = await sessions.open(DJANGOS);
    expect(session.data["foo"]).toBe("bar");
    session.data["foo"] = "baz";
    await expect(session.save()).rejects.toThrow("sessions.open() has no response");
    await expect(session.flush()).rejects.toThrow(SessionUsageError);
    await expect(session.cycleKey()).rejects.toThrow(SessionUsageError);
    await expect((await sessions.open(undefined)).login(7)).rejects.toThrow(SessionUsageError);
  });
});

describe("login and logout", () => {
  test("the login keeps the data and sets the user; the logout clears the cookie", async () => {
    const { sessions, browser } = openCookieSessions();
    await browser.request((session) => (session.data["cart"] = [1]));
    await browser.request((session) => session.login(7));
    const seen = await browser.request((session) => ({
      user: session.userId,
      cart: session.data["cart"] as unknown,
    }));
    expect(seen).toStrictEqual({ user: "7", cart: [1] });
    const request = new Browser(sessions, browser.cookie).begin();
    await (await request.session()).logout();
    await request.finish();
    expect(request.setCookie).toStrictEqual([expect.stringMatching(/^sessionid=; Max-Age=0; Path=\/; /)]);
  });

  test("known limit: a copy of the cookie works after the logout, until it expires", async () => {
    const { sessions, clock, browser } = openCookieSessions();
    await browser.request((session) => session.login(7));
    const copy = browser.cookie;
    await browser.request((session) => session.logout());
    expect(browser.cookie).toBeUndefined();
    expect((await sessions.open(copy)).userId).toBe("7");
    clock.advance(14 * 86_400_000);
    expect((await sessions.open(copy)).userId).toBeUndefined();
  });

  test("known limit: the browser keeps the cookie of the last of two parallel requests to end", async () => {
    const { sessions } = openCookieSessions();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["n"] = 0));
    const [first, second] = [browser.begin(), browser.begin()];
    (await first.session()).data["a"] = 1;
    (await second.session()).data["b"] = 2;
    await first.finish();
    await second.finish();
    expect(await browser.request((session) => ({ ...session.data }))).toStrictEqual({ n: 0, b: 2 });
  });
});

describe("unsupported settings and calls are refused", () => {
  test.each<[Record<string, unknown>, string]>([
    [{ hashKeys: true }, "sessions.hashKeys: expected false with cookieSessionStore()"],
    [{ renewEvery: "1h" }, "sessions.renewEvery: expected null with cookieSessionStore()"],
    [{ format: "json" }, 'sessions.format: expected "django" with cookieSessionStore()'],
    [{ format: "json", encrypt: true }, 'sessions.format: expected "django" with cookieSessionStore()'],
    [{ maxPerUser: 3 }, 'sessions.maxPerUser: the store "cookie" keeps no index of users'],
  ])("%o at start", (settings, message) => {
    expect(() => openCookieSessions(settings)).toThrow(ImproperlyConfigured);
    expect(() => openCookieSessions(settings)).toThrow(message);
  });

  test("an unknown option", () => {
    // @ts-expect-error -- what JavaScript may pass
    expect(() => cookieSessionStore({ age: "1d" })).toThrow("cookieSessionStore.age: is not a setting");
  });

  test("listing and revoking, when they are called", async () => {
    const { sessions } = openCookieSessions();
    const refusal = 'the store "cookie" keeps no index of users';
    await expect(sessions.ofUser(7).next()).rejects.toThrow(refusal);
    await expect(sessions.revoke(7, "ref")).rejects.toThrow(refusal);
    await expect(sessions.revokeUser(7)).rejects.toThrow(refusal);
  });

  test("operations of a server-side store do nothing", async () => {
    const { sessions } = openCookieSessions();
    expect(await sessions.clearExpired()).toBe(0);
    await sessions.ping();
    expect(sessions.storeName).toBe("cookie");
    expect(sessions.policy).toMatchObject({ store: "cookie", isRevocable: false });
    await sessions.close();
  });
});

describe("the warning at start", () => {
  async function warningsOf(store: ReturnType<typeof cookieSessionStore>): Promise<(string | undefined)[]> {
    const codes: (string | undefined)[] = [];
    // Warnings of earlier tests may still be pending.
    await new Promise(setImmediate);
    const note = (warning: Error & { code?: string }) => codes.push(warning.code);
    process.on("warning", note);
    onTestFinished(() => void process.off("warning", note));
    createSojourn({ projectName: "test", secretKey: "s".repeat(32), sessions: { store } });
    await new Promise(setImmediate);
    return codes;
  }

  test("names the limits", async () => {
    expect(await warningsOf(cookieSessionStore())).toStrictEqual(["SOJOURN_COOKIE_SESSIONS"]);
  });

  test("is turned off by accepting them", async () => {
    expect(await warningsOf(cookieSessionStore({ acceptsLostUpdates: true }))).toStrictEqual([]);
  });
});
