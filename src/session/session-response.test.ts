import { describe, expect, test } from "vitest";
import { Browser, openHarness } from "../../test/support/session-harness.ts";

describe("a response whose headers were sent", () => {
  test("no longer allows a new session or a new key", async () => {
    const { sessions, keys } = openHarness();
    const request = new Browser(sessions).begin();
    const session = await request.session();
    await request.finish(200, true);
    session.data["a"] = 1;
    await expect(session.save()).rejects.toThrow("the response headers were already sent");
    await expect(session.update((data) => (data["b"] = 1))).rejects.toMatchObject({
      code: "ERR_SESSION_USAGE",
    });
    await expect(session.login(1)).rejects.toMatchObject({ code: "ERR_SESSION_USAGE" });
    await expect(request.finish(200, true)).rejects.toMatchObject({ code: "ERR_SESSION_USAGE" });
    expect(await keys()).toStrictEqual([]);
  });

  test("a stream no longer allows them from its first byte on, not only at its end", async () => {
    const { sessions, keys } = openHarness();
    const request = new Browser(sessions).begin();
    const session = await request.session();
    // The first byte is about to be sent.
    await request.finish(200);
    await expect(session.login(1)).rejects.toMatchObject({ code: "ERR_SESSION_USAGE" });
    expect(await keys()).toStrictEqual([]);
  });

  test("a session that is first used in the middle of a stream is refused them too", async () => {
    const { sessions, keys } = openHarness();
    const open = (cookieHeader?: string) => {
      const request = {};
      const info = { cookieHeader, isSecure: () => true, host: () => "shop.example" };
      sessions.scope(request, { ...info, areHeadersSent: () => true });
      return sessions.from(request);
    };
    const visitor = await open();
    visitor.data["a"] = 1;
    await expect(visitor.save()).rejects.toThrow("the response headers were already sent");
    await expect(visitor.login(1)).rejects.toMatchObject({ code: "ERR_SESSION_USAGE" });
    expect(await keys()).toStrictEqual([]);

    const { cookieHeader } = await sessions.create({ a: 1 });
    const known = await open(cookieHeader);
    await expect(known.cycleKey()).rejects.toMatchObject({ code: "ERR_SESSION_USAGE" });
    known.data["a"] = 2;
    await known.save();
    expect((await sessions.open(cookieHeader)).data).toStrictEqual({ a: 2 });
    await known.logout();
    expect(await keys()).toStrictEqual([]);
  });

  test("still saves an existing session, and allows its end", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    const request = browser.begin();
    const session = await request.session();
    await request.finish(200, true);
    session.data["a"] = 2;
    await request.finish(200, true);
    expect(await browser.request((next) => next.data["a"])).toBe(2);
    await session.flush();
    expect(await browser.request((next) => next.isNew)).toBe(true);
  });
});

describe("a handler that does not await", () => {
  test("changes that it makes once its session is loaded are saved before the response", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    const request = browser.begin();
    void request.session().then((session) => (session.data["a"] = 1));
    await request.finish();
    expect(await browser.request((session) => session.data["a"])).toBe(1);
  });

  test("the response waits for its update()", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    const request = browser.begin();
    void (await request.session()).update((data) => (data["a"] = 1));
    await request.finish();
    expect(await browser.request((session) => session.data["a"])).toBe(1);
  });
});
