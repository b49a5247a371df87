import { describe, expect, test } from "vitest";
import { Browser, openHarness } from "../../test/support/session-harness.ts";

describe("logout and flush", () => {
  test("end the session at once, with its cookie", async () => {
    const { sessions, keys } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(7));
    const cookie = browser.cookie;
    await browser.request(async (session) => {
      await session.logout();
      expect(session).toMatchObject({ isAuthenticated: false, isEmpty: true, userId: undefined });
      expect(await keys()).toStrictEqual([]);
    });
    expect(browser.cookie).toBeUndefined();
    const thief = new Browser(sessions, cookie);
    expect(await thief.request((session) => session.isAuthenticated)).toBe(false);
  });

  test("a slow writer and a slow reader do not bring the session back; the writer gets an error", async () => {
    const { sessions, keys, clock } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(7));
    // Late enough for a touch.
    clock.advance(3_600_000);
    const [writer, reader, updater] = [browser.begin(), browser.begin(), browser.begin()];
    (await writer.session()).data["a"] = 1;
    expect((await reader.session()).userId).toBe("7");
    const late = await updater.session();
    await browser.request((session) => session.logout());
    await expect(writer.finish()).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED", statusCode: 400 });
    await expect(late.update((data) => (data["a"] = 1))).rejects.toMatchObject({
      code: "ERR_SESSION_INTERRUPTED",
    });
    await expect(late.cycleKey()).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
    await reader.finish();
    expect(await keys()).toStrictEqual([]);
    for (const { setCookie } of [writer, reader]) expect(setCookie).toStrictEqual([]);
  });

  test("data set after logout begins another session", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(7));
    const before = browser.cookie;
    await browser.request(async (session) => {
      await session.logout();
      session.data["bye"] = true;
    });
    expect(browser.cookie).not.toBe(before);
    expect(await browser.request((session) => ({ ...session.data }))).toStrictEqual({ bye: true });
  });

  test("a flush without a session sends no cookie", async () => {
    const { sessions } = openHarness();
    const request = new Browser(sessions).begin();
    await (await request.session()).flush();
    await request.finish();
    expect(request.setCookie).toStrictEqual([]);
  });

  test("the clearing cookie repeats the attributes", async () => {
    const { sessions } = openHarness({
      cookie: {
        name: "__Secure-sid",
        domain: "shop.example",
        path: "/app",
        sameSite: "strict",
        partitioned: true,
      },
    });
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(7));
    const request = browser.begin();
    await (await request.session()).logout();
    await request.finish();
    expect(request.setCookie).toStrictEqual([
      "__Secure-sid=; Max-Age=0; Domain=shop.example; Path=/app; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; Partitioned; SameSite=Strict",
    ]);
  });

  test("act with any status; only deferred changes are dropped on a 5xx", async () => {
    const { sessions, keys } = openHarness();
    const browser = new Browser(sessions);
    await browser.request(async (session) => {
      await session.login(7);
      session.data["dropped"] = true;
    }, 500);
    await browser.request((session) => {
      expect(session.userId).toBe("7");
      expect(session.data["dropped"]).toBeUndefined();
    });
    await browser.request((session) => session.logout(), 503);
    expect(await keys()).toStrictEqual([]);
    expect(browser.cookie).toBeUndefined();
  });
});
