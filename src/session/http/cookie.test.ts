import { describe, expect, test } from "vitest";
import { anyDeadline, Browser, openHarness } from "../../../test/support/session-harness.ts";
import { isSessionKey } from "../../core/ids.ts";
import { CookieReading, type CookieRejection, readCookie } from "./cookie.ts";

const KEY = "abcdefghijklmnopqrstuvwxyz012345";

describe("readCookie", () => {
  test.each([
    [`sessionid=${KEY}`],
    [`a=1; sessionid=${KEY}; b=2`],
    [`sessionid="${KEY}"`],
    [`  sessionid =  ${KEY}  ;`],
    [`xsessionid=zzz; sessionid=${KEY}; sessionidx=zzz`],
  ])("%s", (header) => {
    expect(readCookie(header, "sessionid", isSessionKey)).toStrictEqual(
      new CookieReading(true, [KEY], undefined),
    );
  });

  test.each([[undefined], [""], ["a=1; b=2"], ["sessionid"], ["=x"], [`SESSIONID=${KEY}`]])(
    "none in %j",
    (header) => {
      expect(readCookie(header, "sessionid", isSessionKey)).toStrictEqual(
        new CookieReading(false, [], undefined),
      );
    },
  );

  test("a colon that a framework has encoded", () => {
    expect(readCookie("sessionid=a%3Ab:c%3a", "sessionid", () => true).values).toEqual(["a:b:c%3a"]);
  });

  const [A, B, C, D, E] = ["a", "b", "c", "d", "e"].map((letter) => letter.repeat(32));

  test.each([
    [`sessionid=${A}; sessionid=${A}`, [A], undefined],
    [`sessionid=${B}; sessionid=${A}`, [B, A], "duplicate"],
    [`sessionid=x; sessionid=${A}`, [A], "duplicate"],
    ["sessionid=x; sessionid=y", [], "malformed"],
    [[E, D, C, B, A].map((key) => `sessionid=${key}`).join("; "), [E, D, C, B], "duplicate"],
  ])(
    "several in %s: the distinct ones of the right form, in order, at most four",
    (header, values, rejection) => {
      expect(readCookie(header, "sessionid", isSessionKey)).toStrictEqual(
        new CookieReading(true, values as string[], rejection as CookieRejection | undefined),
      );
    },
  );
});

describe("a cookie that is not a session key: a new visitor, no store call, an event", () => {
  test.each([
    ["empty", "sessionid="],
    ["too short", `sessionid=${KEY.slice(1)}`],
    ["too long", `sessionid=${KEY}a`],
    ["upper case", `sessionid=${KEY.toUpperCase()}`],
    ["a megabyte", `sessionid=${"a".repeat(1_000_000)}`],
    ["CRLF", `sessionid=${KEY.slice(2)}\r\n`.replace("\r\n", "\r\nx")],
    ["NUL", `sessionid=${KEY.slice(1)}\0`],
    ["not ASCII", `sessionid=${KEY.slice(1)}é`],
    ["percent-encoded", `sessionid=%61${KEY.slice(1)}`],
    ["glob", `sessionid=${"*".repeat(32)}`],
    ["path", `sessionid=../../../../../../../etc/passwd`],
  ])("%s", async (_name, header) => {
    const { sessions, calls, events } = openHarness();
    const session = await sessions.open(header);
    expect(session).toMatchObject({ isNew: true, isEmpty: true });
    expect(calls).toStrictEqual([]);
    expect(events).toStrictEqual([{ name: "rejected", event: { reason: "malformed" } }]);
  });
});

describe("an unknown session key is never adopted", () => {
  test("unknown", async () => {
    const { sessions, events, keys } = openHarness();
    const browser = new Browser(sessions, `sessionid=${KEY}`);
    await browser.request((session) => (session.data["a"] = 1));
    expect(events).toMatchObject([{ name: "rejected", event: { reason: "unknown" } }]);
    expect(browser.cookie).not.toContain(KEY);
    expect(await keys()).not.toContain(KEY);
  });

  test("unknown, when nothing is written: the cookie is unchanged", async () => {
    const { sessions, keys } = openHarness();
    const request = new Browser(sessions, `sessionid=${KEY}`).begin();
    await request.session();
    await request.finish();
    expect(request.setCookie).toStrictEqual([]);
    expect(await keys()).toStrictEqual([]);
  });

  test.each([
    ["tampered", "eyJmb28iOiJiYXIifQ:1r31eq:bYGUtMHCVH_f6XANisIYpux5RwXpKOfuokLa0LOYmaX", "bad-signature"],
    ["not a record at all", "{}", "bad-signature"],
    ["signed, but no object", "MQ:1r31eq:d9lAzBPz5C6OtgHsMQpdWQ", "bad-signature"],
  ])(
    "%s: empty, an event, not overwritten, and the first write takes a new key",
    async (_name, record, reason) => {
      const { sessions, store, events } = openHarness();
      await store.create(KEY, record, 60_000, anyDeadline());
      const browser = new Browser(sessions, `sessionid=${KEY}`);
      expect(await browser.request((session) => session.isEmpty)).toBe(true);
      expect(events).toStrictEqual([{ name: "undecodable", event: { reason } }]);
      await browser.request((session) => (session.data["a"] = 1));
      expect(await store.read(KEY, anyDeadline())).toBe(record);
      expect(browser.cookie).not.toContain(KEY);
    },
  );

  test("a record that becomes undecodable under a running request is not overwritten", async () => {
    const { sessions, store } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    const key = browser.cookie?.split("=")[1] ?? "";
    const request = browser.begin();
    (await request.session()).data["a"] = 2;
    await store.delete(key, anyDeadline());
    await store.create(key, "garbage", 60_000, anyDeadline());
    await expect(request.finish()).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
    expect(await store.read(key, anyDeadline())).toBe("garbage");
  });
});

describe("Set-Cookie", () => {
  async function firstCookie(
    settings: Parameters<typeof openHarness>[0],
    info: { isSecure?: boolean; host?: string } = {},
  ): Promise<string | undefined> {
    const { sessions } = openHarness(settings);
    const request = {};
    const scope = sessions.scope(request, {
      cookieHeader: undefined,
      isSecure: () => info.isSecure ?? true,
      host: () => info.host,
    });
    (await sessions.from(request)).data["a"] = 1;
    await scope.finish({ status: 200, headersSent: false });
    expect(scope.headers().varyCookie).toBe(true);
    return scope.headers().setCookie[0]?.replace(/=[a-z0-9]{32};/, "=KEY;");
  }

  test("by default: 14 days, HttpOnly, Secure, SameSite=Lax, no Domain", async () => {
    expect(await firstCookie({})).toBe(
      "sessionid=KEY; Max-Age=1209600; Path=/; Expires=Thu, 15 Jan 2026 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax",
    );
  });

  test("as configured", async () => {
    const cookie = {
      name: "__Host-sid",
      age: "1h",
      sameSite: "none",
      httpOnly: false,
      partitioned: true,
      priority: "high",
    } as const;
    expect(await firstCookie({ cookie })).toBe(
      "__Host-sid=KEY; Max-Age=3600; Path=/; Expires=Thu, 01 Jan 2026 01:00:00 GMT; Secure; Partitioned; Priority=High; SameSite=None",
    );
  });

  test('secure: "auto" follows the request', async () => {
    expect(await firstCookie({ cookie: { secure: "auto" } }, { isSecure: true })).toContain("; Secure");
    expect(await firstCookie({ cookie: { secure: "auto" } }, { isSecure: false })).not.toContain("Secure");
  });

  test.each([
    ["shop.example", 1],
    ["shop.example:8080", 1],
    [undefined, 1],
    ["localhost", 0],
    ["localhost:3000", 0],
    ["shop.localhost", 0],
    ["127.0.0.1:3000", 0],
    ["[::1]:3000", 0],
  ])("Secure over http to %s warns %d times", async (host, times) => {
    const warnings: Error[] = [];
    const collect = (warning: Error) => void warnings.push(warning);
    process.on("warning", collect);
    const { sessions } = openHarness();
    for (let count = 0; count < 3; count++) {
      const request = {};
      const scope = sessions.scope(request, {
        cookieHeader: undefined,
        isSecure: () => false,
        host: () => host,
      });
      (await sessions.from(request)).data["a"] = 1;
      await scope.finish({ status: 200, headersSent: false });
      expect(scope.headers().setCookie[0]).toContain("Secure");
    }
    // emitWarning calls its listeners on the next tick.
    await new Promise(setImmediate);
    process.off("warning", collect);
    expect(warnings.map(({ message }) => message)).toHaveLength(times);
  });
});

describe("sessions.cookie.previous", () => {
  const settings = { cookie: { domain: "shop.example", previous: [{}, { path: "/old" }] } };

  test("is cleared beside the session's cookie only when the browser sends several", async () => {
    const { sessions } = openHarness(settings);
    const browser = new Browser(sessions);
    const login = browser.begin();
    await (await login.session()).login(7);
    await login.finish();
    expect(login.setCookie).toHaveLength(1);
    const both = new Browser(sessions, `sessionid=${"a".repeat(32)}; ${browser.cookie}`).begin();
    await (await both.session()).login(7);
    await both.finish();
    expect(both.setCookie).toStrictEqual([
      expect.stringMatching(/^sessionid=; Max-Age=0; Path=\/; /),
      expect.stringMatching(/^sessionid=; Max-Age=0; Path=\/old; /),
      expect.stringMatching(/^sessionid=[a-z0-9]{32}; .*Domain=shop\.example/),
    ]);
    expect(both.setCookie.slice(0, 2).join()).not.toContain("Domain");
  });

  test("is cleared by every logout: the browser may have sent an old cookie only", async () => {
    const { sessions } = openHarness(settings);
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(7));
    const logout = browser.begin();
    await (await logout.session()).logout();
    await logout.finish();
    expect(logout.setCookie).toStrictEqual([
      expect.stringMatching(/^sessionid=; Max-Age=0; Path=\/; /),
      expect.stringMatching(/^sessionid=; Max-Age=0; Path=\/old; /),
      expect.stringMatching(/^sessionid=; Max-Age=0; Domain=shop\.example; Path=\/; /),
    ]);
  });
});
