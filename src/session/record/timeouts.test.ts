import { describe, expect, test } from "vitest";
import { anyDeadline, Browser, openHarness } from "../../../test/support/session-harness.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;

describe("idle", () => {
  test("14 days without a request end a session; a request in between restarts them", async () => {
    const { sessions, clock } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    clock.advance(13 * DAY);
    expect(await browser.request((session) => session.isNew)).toBe(false);
    clock.advance(14 * DAY - 1);
    expect(await browser.request((session) => session.isNew)).toBe(false);
    clock.advance(14 * DAY);
    expect(await browser.request((session) => session.isNew)).toBe(true);
  });

  test("cookie.age is the time", async () => {
    const { sessions, clock } = openHarness({ cookie: { age: "30m" } });
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    clock.advance(30 * MINUTE);
    expect(await browser.request((session) => session.isNew)).toBe(true);
  });

  test("a session is touched at most once per touchEvery and process", async () => {
    const { sessions, clock, calls, otherProcess } = openHarness({ touchEvery: "60s" });
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    calls.length = 0;
    for (let second = 0; second < 120; second++) {
      clock.advance(1000);
      await browser.request((session) => session.data["a"]);
    }
    expect(calls.filter((call) => call === "touch")).toHaveLength(2);
    await new Browser(otherProcess(), browser.cookie).request((session) => session.data["a"]);
  });

  test("a touch sends the cookie again, and so does a write, but not more often", async () => {
    const { sessions, clock } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    expect(await setCookieOf(browser, "read")).toStrictEqual([]);
    expect(await setCookieOf(browser, "write")).toStrictEqual([]);
    clock.advance(MINUTE);
    expect(await setCookieOf(browser, "read")).toHaveLength(1);
    expect(await setCookieOf(browser, "read")).toStrictEqual([]);
    clock.advance(MINUTE);
    expect(await setCookieOf(browser, "write")).toHaveLength(1);
    expect(await setCookieOf(browser, "read")).toStrictEqual([]);
  });

  test("a browser-length cookie is not sent again, although the session is touched", async () => {
    const { sessions, clock, calls } = openHarness({ expireAtBrowserClose: true });
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    clock.advance(MINUTE);
    calls.length = 0;
    expect(await setCookieOf(browser, "read")).toStrictEqual([]);
    expect(calls).toStrictEqual(["read", "touch"]);
  });

  test('profile "django": reading extends nothing, saving does', async () => {
    const { sessions, clock, calls } = openHarness({ profile: "django" });
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    calls.length = 0;
    clock.advance(13 * DAY);
    await browser.request((session) => session.data["a"]);
    expect(calls).toStrictEqual(["read"]);
    await browser.request((session) => (session.data["a"] = 2));
    clock.advance(13 * DAY);
    await browser.request((session) => session.data["a"]);
    clock.advance(DAY);
    expect(await browser.request((session) => session.isNew)).toBe(true);
  });
});

describe("absolute", () => {
  test("counts from the login, regardless of activity, and is reported", async () => {
    const { sessions, clock, events, keys } = openHarness({ absoluteTimeout: "12h", cookie: { age: "1h" } });
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    clock.advance(30 * MINUTE);
    await browser.request((session) => session.login(1));
    for (let minute = 0; minute < 12 * 60 - 1; minute++) {
      clock.advance(MINUTE);
      expect(await browser.request((session) => session.isAuthenticated)).toBe(true);
    }
    clock.advance(MINUTE);
    expect(await browser.request((session) => session.isNew)).toBe(true);
    expect(await keys()).toStrictEqual([]);
    expect(events.at(-1)).toMatchObject({ name: "rejected", event: { reason: "unknown" } });
  });

  test("is enforced while the store still has the record: a shorter limit applies to existing sessions", async () => {
    const { clock, otherProcess, store } = openHarness();
    const session = await otherProcess().create();
    await session.login(1);
    const strict = openHarness({ absoluteTimeout: "1h" });
    const key = session.cookieHeader?.split("=")[1] ?? "";
    await strict.store.create(key, (await store.read(key, anyDeadline())) ?? "", 14 * DAY, anyDeadline());
    expect((await strict.sessions.open(session.cookieHeader)).isAuthenticated).toBe(true);
    strict.clock.advance(3600_000);
    expect((await strict.sessions.open(session.cookieHeader)).isNew).toBe(true);
    expect(strict.events).toMatchObject([{ name: "rejected", event: { reason: "expired" } }]);
    expect(clock.now()).toBeLessThan(strict.clock.now());
  });

  test("does not affect anonymous visitors", async () => {
    const { sessions, clock } = openHarness({ absoluteTimeout: "1h" });
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    clock.advance(2 * 3600_000);
    expect(await browser.request((session) => session.isNew)).toBe(false);
  });

  test("a login restarts it", async () => {
    const { sessions, clock } = openHarness({ absoluteTimeout: "1h" });
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(1));
    clock.advance(59 * MINUTE);
    await browser.request((session) => session.login(1));
    clock.advance(59 * MINUTE);
    expect(await browser.request((session) => session.isAuthenticated)).toBe(true);
  });
});

describe("setExpiry, as in Django", () => {
  test.each([
    ["seconds without a request", 60, 60_000],
    ["text from now", "90s", 90_000],
    ["a date", new Date(Date.UTC(2026, 0, 1, 0, 2)), 120_000],
    ["0 is the settings' time", 0, 14 * DAY],
  ] as const)("%s", async (_name, expiry, expected) => {
    const { sessions, clock } = openHarness();
    const browser = new Browser(sessions);
    const request = browser.begin();
    const session = await request.session();
    session.data["a"] = 1;
    session.setExpiry(expiry);
    expect(session.expiryDate.getTime() - clock.now()).toBe(expected);
    await request.finish();
    clock.advance(expected - 1);
    expect((await sessions.open(browser.cookie)).isNew).toBe(false);
    clock.advance(1);
    expect((await sessions.open(browser.cookie)).isNew).toBe(true);
  });

  test("0 makes a cookie that ends when the browser closes, null restores the settings' default", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    const first = browser.begin();
    const session = await first.session();
    session.data["a"] = 1;
    session.setExpiry(0);
    await first.finish();
    expect(first.setCookie[0]).not.toMatch(/Max-Age|Expires/);
    const second = browser.begin();
    (await second.session()).setExpiry(null);
    await second.finish();
    expect(second.setCookie[0]).toContain("Max-Age=1209600");
    expect(await browser.request((next) => ({ ...next.data }))).toStrictEqual({ a: 1 });
  });

  test("with expireAtBrowserClose the cookie has neither Max-Age nor Expires; setExpiry is the explicit remember me, and outlives a login", async () => {
    const { sessions, clock } = openHarness({ expireAtBrowserClose: true });
    const browser = new Browser(sessions);
    expect(await setCookieOf(browser, "write")).toStrictEqual([
      expect.not.stringMatching(/Max-Age|Expires/i),
    ]);

    const ticked = browser.begin();
    (await ticked.session()).setExpiry("30d");
    await ticked.finish();
    expect(ticked.setCookie).toStrictEqual([expect.stringContaining("Max-Age=2592000;")]);

    clock.advance(MINUTE);
    expect(await setCookieOf(browser, "read")).toStrictEqual([expect.stringContaining("Max-Age=2591940;")]);
    const login = browser.begin();
    await (await login.session()).login(7);
    await login.finish();
    expect(login.setCookie).toStrictEqual([expect.stringContaining("Max-Age=2591940;")]);

    clock.advance(30 * DAY - MINUTE - 1);
    expect(await browser.request((session) => session.userId)).toBe("7");
    clock.advance(1);
    expect(await browser.request((session) => session.isNew)).toBe(true);
  });

  test("is stored under Django's key and in its form", async () => {
    const { sessions } = openHarness();
    const session = await sessions.create();
    session.setExpiry(new Date(Date.UTC(2030, 0, 2, 3, 4, 5, 6)));
    expect(session.data["_session_expiry"]).toBe("2030-01-02T03:04:05.006000+00:00");
    session.setExpiry(-1);
    expect(session.data["_session_expiry"]).toBe(-1);
  });

  test("with timeZone an instant is written and read as local time, as by Django with USE_TZ = False", async () => {
    const { sessions } = openHarness({ timeZone: "America/New_York" });
    const session = await sessions.create();
    const summer = new Date(Date.UTC(2030, 6, 2, 3, 4, 5, 6));
    session.setExpiry(summer);
    expect(session.data["_session_expiry"]).toBe("2030-07-01T23:04:05.006000");
    expect(session.expiryDate).toEqual(summer);
    for (const [text, instant] of [
      ["2030-01-02T03:04:05", "2030-01-02T08:04:05Z"],
      ["2030-01-02T03:04:05.250000", "2030-01-02T08:04:05.250Z"],
      ["2030-01-02 03:04", "2030-01-02T08:04:00Z"],
      ["2030-01-02", "2030-01-02T05:00:00Z"],
      ["2030-01-02T03:04:05+00:00", "2030-01-02T03:04:05Z"],
    ] as const) {
      session.data["_session_expiry"] = text;
      expect(session.expiryDate).toEqual(new Date(instant));
    }
    session.setExpiry(new Date("9999-12-31T23:59:59Z"));
    expect(session.data["_session_expiry"]).toBe("9999-12-31T18:59:59.000000");
  });

  test("an expiry that has passed ends the session at once", async () => {
    const { sessions, keys } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    await browser.request((session) => session.setExpiry(-1));
    expect(await keys()).toStrictEqual([]);
    const visitor = new Browser(sessions);
    await visitor.request((session) => session.setExpiry(new Date(0)));
    expect(visitor.cookie).toBeUndefined();
    expect(await keys()).toStrictEqual([]);
  });

  test.each([1.5, Number.NaN, "90", "soon", new Date(Number.NaN), {}, undefined])(
    "refuses %o",
    async (expiry) => {
      const { sessions } = openHarness();
      const session = await sessions.create();
      expect(() => session.setExpiry(expiry as never)).toThrow("session.setExpiry() expected whole seconds");
    },
  );

  test.each(["nonsense", "[1]", "true", "1e999", '""'])("%s in a record is not an expiry", async (text) => {
    const { sessions, store, clock } = openHarness({ format: "json" });
    const key = "k".repeat(32);
    const record = `{"_sojourn":{"nonce":"0123456789abcdef"},"_session_expiry":${text === "nonsense" ? '"nonsense"' : text}}`;
    await store.create(key, record, 20 * DAY, anyDeadline());
    const session = await sessions.open(`sessionid=${key}`);
    expect(session.expiryDate.getTime()).toBe(clock.now() + 14 * DAY);
  });
});

async function setCookieOf(browser: Browser, act: "read" | "write"): Promise<string[]> {
  const request = browser.begin();
  const session = await request.session();
  if (act === "write") session.data["n"] = (session.data["n"] ?? 0) + 1;
  await request.finish();
  return request.setCookie;
}
