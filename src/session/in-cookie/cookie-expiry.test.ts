import { describe, expect, test } from "vitest";
import { Browser } from "../../../test/support/session-harness.ts";
import { DJANGOS, openCookieSessions, TIME } from "../../../test/support/cookie-sessions.ts";

describe("expiry counts from the signature", () => {
  test("a cookie is valid until it expires, including one made by Django", async () => {
    const { sessions, clock, events } = openCookieSessions({ cookie: { age: "1h" } });
    clock.advance(3_599_000);
    expect((await sessions.open(DJANGOS)).isNew).toBe(false);
    clock.advance(1_000);
    expect((await sessions.open(DJANGOS)).isNew).toBe(true);
    expect(events).toMatchObject([{ name: "rejected", reason: "expired" }]);
  });

  test.each([
    ["seconds", 60],
    ["a date", new Date((TIME + 60) * 1000)],
  ])("setExpiry with %s ends the session sooner", async (_name, expiry) => {
    const { sessions, clock, browser } = openCookieSessions();
    await browser.request((session) => {
      session.data["a"] = 1;
      session.setExpiry(expiry);
    });
    clock.advance(59_000);
    expect((await sessions.open(browser.cookie)).isNew).toBe(false);
    clock.advance(1_000);
    expect((await sessions.open(browser.cookie)).isNew).toBe(true);
  });

  test.each([-1, new Date((TIME - 60) * 1000)])(
    "setExpiry(%s) ends the session and clears the cookie",
    async (expiry) => {
      const { browser } = openCookieSessions();
      await browser.request((session) => session.login(7));
      const request = browser.begin();
      (await request.session()).setExpiry(expiry);
      await request.finish();
      expect(request.setCookie).toMatchObject([expect.stringContaining("Max-Age=0")]);
      expect(browser.cookie).toBeUndefined();
    },
  );

  test("the absolute timeout counts from the login, regardless of activity", async () => {
    const { clock, browser } = openCookieSessions({ absoluteTimeout: "1h" });
    await browser.request((session) => session.login(7));
    for (let minutes = 10; minutes < 60; minutes += 10) {
      clock.advance(600_000);
      expect(await browser.request((session) => session.userId)).toBe("7");
    }
    clock.advance(600_000);
    expect(await browser.request((session) => session.userId)).toBeUndefined();
  });

  test("a cookie that is read is signed again after touchEvery, not sooner", async () => {
    const { clock, browser } = openCookieSessions();
    await browser.request((session) => (session.data["a"] = 1));
    const first = browser.cookie;
    clock.advance(59_000);
    await browser.request((session) => session.data["a"]);
    expect(browser.cookie).toBe(first);
    clock.advance(1_000);
    await browser.request((session) => session.data["a"]);
    expect(browser.cookie).not.toBe(first);
    clock.advance(14 * 86_400_000 - 1000);
    expect(await browser.request((session) => session.data["a"])).toBe(1);
  });

  test('a read sends nothing with profile "django"', async () => {
    const { clock, browser } = openCookieSessions({ profile: "django" });
    await browser.request((session) => (session.data["a"] = 1));
    const first = browser.cookie;
    clock.advance(13 * 86_400_000);
    await browser.request((session) => session.data["a"]);
    expect(browser.cookie).toBe(first);
  });

  test("a session that ends when the browser closes is signed again too, without a Max-Age", async () => {
    const { sessions, clock, browser } = openCookieSessions({ expireAtBrowserClose: true });
    await browser.request((session) => (session.data["a"] = 1));
    clock.advance(60_000);
    const request = new Browser(sessions, browser.cookie).begin();
    await request.session();
    await request.finish();
    expect(request.setCookie).toStrictEqual([expect.not.stringContaining("Max-Age")]);
    expect(request.setCookie[0]).not.toContain(browser.cookie);
  });
});
