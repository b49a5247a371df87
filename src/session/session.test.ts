import { sessionAuthHash } from "../codec/auth-hash.ts";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { anyDeadline, Browser, openHarness } from "../../test/support/session-harness.ts";

describe("data", () => {
  test("the next request reads the data that one has set", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["views"] = 1));
    expect(browser.cookie).toMatch(/^sessionid=[a-z0-9]{32}$/);
    expect(await browser.request((session) => session.data["views"])).toBe(1);
  });

  test("is loaded on first use, once per request", async () => {
    const { sessions, calls } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    calls.length = 0;
    const request = browser.begin();
    await request.finish();
    expect(calls).toStrictEqual([]);
    const second = browser.begin();
    expect(await second.session()).toBe(await second.session());
    await second.finish();
    expect(calls).toStrictEqual(["read"]);
  });

  test("an unread part is not parsed", async () => {
    const { sessions } = openHarness();
    const { cookieHeader } = await sessions.create({ cart: [1], name: "ada" });
    const { data } = await sessions.open(cookieHeader);
    const parse = vi.spyOn(JSON, "parse");
    onTestFinished(() => parse.mockRestore());
    expect(data["name"]).toBe("ada");
    expect(data["name"]).toBe("ada");
    expect(parse.mock.calls.map(([text]) => text)).toStrictEqual(['"ada"']);
    expect(data["cart"]).toStrictEqual([1]);
    expect(parse.mock.calls.map(([text]) => text)).toStrictEqual(['"ada"', "[1]"]);
  });

  test("cannot be replaced", async () => {
    const { sessions } = openHarness();
    const session = await sessions.create();
    expect(() => {
      (session as { data: unknown }).data = {};
    }).toThrow("session.data cannot be replaced. Assign to its properties, or call session.flush()");
  });

  test("a visitor without data causes no store call, and nothing is stored", async () => {
    const { sessions, calls, keys } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => expect(session.isEmpty).toBe(true));
    expect(calls).toStrictEqual([]);
    expect(await keys()).toStrictEqual([]);
    expect(browser.cookie).toBeUndefined();
  });

  test("isNew and isEmpty", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => {
      expect(session).toMatchObject({ isNew: true, isEmpty: true });
      session.data["a"] = 1;
      expect(session).toMatchObject({ isNew: true, isEmpty: false });
    });
    await browser.request((session) => expect(session).toMatchObject({ isNew: false, isEmpty: false }));
  });

  test("a session whose data was deleted stays, empty", async () => {
    const { sessions, keys } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    await browser.request((session) => delete session.data["a"]);
    expect(await keys()).toHaveLength(1);
    await browser.request((session) => expect(session).toMatchObject({ isNew: false, isEmpty: true }));
  });

  test("a read is 1 store call, a write 2, a first write 1", async () => {
    const { sessions, calls } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["n"] = 1));
    expect(calls.splice(0)).toStrictEqual(["create"]);
    await browser.request((session) => session.data["n"]++);
    expect(calls.splice(0)).toStrictEqual(["read", "commit"]);
    await browser.request((session) => session.data["n"]);
    expect(calls.splice(0)).toStrictEqual(["read"]);
  });

  test("data that JSON cannot represent fails the request before anything is written", async () => {
    const { sessions, calls } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    calls.length = 0;
    await expect(browser.request((session) => (session.data["at"] = new Date(0)))).rejects.toThrow(
      "session.data.at is a Date",
    );
    expect(calls).toStrictEqual(["read"]);
  });

  test("a record over maxBytes is refused before anything is written, even if it compresses well", async () => {
    const { sessions, keys, calls } = openHarness({ maxBytes: 1000 });
    const browser = new Browser(sessions);
    await expect(browser.request((session) => (session.data["a"] = "x".repeat(2000)))).rejects.toMatchObject({
      code: "ERR_SESSION_TOO_LARGE",
      maxBytes: 1000,
    });
    expect(await keys()).toStrictEqual([]);
    expect(calls).toStrictEqual(["scan"].slice(1));
  });
});

describe("parallel requests", () => {
  test("20 requests that change 20 keys: 20 survive", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["start"] = 0));
    const requests = Array.from({ length: 20 }, () => browser.begin());
    const opened = await Promise.all(requests.map((request) => request.session()));
    opened.forEach((session, index) => (session.data[`k${index}`] = index));
    await Promise.all(requests.map((request) => request.finish()));
    const keys = await browser.request((session) => Object.keys(session.data));
    expect(keys).toHaveLength(21);
  });

  test("20 requests that change 20 parts of one new object: 20 survive", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["start"] = 0));
    const requests = Array.from({ length: 20 }, () => browser.begin());
    const opened = await Promise.all(requests.map((request) => request.session()));
    opened.forEach((session, index) => {
      session.data["cart"] ??= {};
      session.data["cart"][`p${index}`] = index;
    });
    await Promise.all(requests.map((request) => request.finish()));
    expect(await browser.request((session) => Object.keys(session.data["cart"]))).toHaveLength(20);
  });

  test("100 updates of one number count to 100, with 100 commits", async () => {
    const { sessions, calls } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["n"] = 0));
    calls.length = 0;
    await Promise.all(
      Array.from({ length: 100 }, () => browser.request((session) => session.update((data) => ++data["n"]))),
    );
    expect(await browser.request((session) => session.data["n"])).toBe(100);
    // Each reads, and commits on top of the version that the previous one left.
    expect(calls.filter((call) => call === "commit")).toHaveLength(100);
  });

  test("when both change the same part, the last committer wins and the conflict is reported", async () => {
    const { sessions, events } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["cart"] = { items: [1] }));
    const [first, second] = [browser.begin(), browser.begin()];
    (await first.session()).data["cart"].items = [1, 2];
    (await second.session()).data["cart"].items = [1, 3];
    await first.finish();
    await second.finish();
    expect(await browser.request((session) => session.data["cart"].items)).toStrictEqual([1, 3]);
    expect(events).toStrictEqual([{ name: "conflict", event: { path: ["cart", "items"] } }]);
  });

  test("a slow reader erases nothing", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => (session.data["a"] = 1));
    const slow = browser.begin();
    expect((await slow.session()).data["a"]).toBe(1);
    await browser.request((session) => (session.data["b"] = 2));
    await slow.finish();
    expect(await browser.request((session) => ({ ...session.data }))).toStrictEqual({ a: 1, b: 2 });
  });
});

describe("update", () => {
  test("sees earlier changes, commits at once and returns the result of fn", async () => {
    const { sessions, store, calls } = openHarness();
    const session = await sessions.create({ n: 1 });
    calls.length = 0;
    session.data["n"] = 5;
    expect(await session.update((data) => ++data["n"])).toBe(6);
    expect(calls).toStrictEqual(["commit"]);
    expect(session.data["n"]).toBe(6);
    const other = await sessions.open(session.cookieHeader);
    expect(other.data["n"]).toBe(6);
    expect(store.name).toBe("memory");
  });

  test("runs again on data written by another request", async () => {
    const { sessions } = openHarness();
    const [mine, other] = await twoViews(sessions, { n: 1 });
    await other.update((data) => (data["n"] = 10));
    const seen: number[] = [];
    await mine.update((data) => seen.push((data["n"] += 1)));
    expect(seen.at(-1)).toBe(11);
    expect(mine.data["n"]).toBe(11);
  });

  test("writes nothing when fn throws or changes nothing", async () => {
    const { sessions, calls } = openHarness();
    const session = await sessions.create({ n: 1 });
    calls.length = 0;
    await expect(
      session.update((data) => {
        data["n"] = 2;
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect(await session.update((data) => data["n"])).toBe(1);
    expect(calls).toStrictEqual([]);
  });

  test("refuses a function that returns a promise", async () => {
    const { sessions } = openHarness();
    const session = await sessions.create({ n: 1 });
    await expect(session.update(async (data) => void (data["n"] = 2))).rejects.toThrow(
      "session.update() expected a synchronous function",
    );
    expect((await sessions.open(session.cookieHeader)).data["n"]).toBe(1);
  });

  test("begins a session for a visitor without one", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => session.update((data) => (data["n"] = 1)));
    expect(await browser.request((session) => session.data["n"])).toBe(1);
  });

  test("parallel updates of one session object run in sequence", async () => {
    const { sessions } = openHarness();
    const session = await sessions.create({ n: 0 });
    await Promise.all(Array.from({ length: 10 }, () => session.update((data) => data["n"]++)));
    expect(session.data["n"]).toBe(10);
  });
});

describe("save", () => {
  test("writes at once, and the end of the request writes only later changes", async () => {
    const { sessions, calls } = openHarness();
    const browser = new Browser(sessions);
    await browser.request(async (session) => {
      session.data["a"] = 1;
      await session.save();
      expect(calls.splice(0)).toStrictEqual(["create"]);
    });
    expect(calls).toStrictEqual([]);
  });

  test("keeps references valid, and includes changes of others", async () => {
    const { sessions } = openHarness();
    const [mine, other] = await twoViews(sessions, { cart: { items: [1] } });
    const { cart } = mine.data;
    other.data["cart"].note = "theirs";
    await other.save();
    cart.items.push(2);
    await mine.save();
    expect(cart).toStrictEqual({ items: [1, 2], note: "theirs" });
    cart.items.push(3);
    await mine.save();
    expect((await sessions.open(mine.cookieHeader)).data["cart"]).toStrictEqual({
      items: [1, 2, 3],
      note: "theirs",
    });
  });
});

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

  test("for Django: the backend and the hash of the password's hash", async () => {
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

  test("when the old record is gone, it begins a new one with this request's changes", async () => {
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

describe("cycleKey", () => {
  test("gives a new key, keeps the data and the login, and the old key is dead", async () => {
    const { sessions, keys } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(1));
    const before = browser.cookie;
    const at = await browser.request((session) => session.authenticatedAt);
    await browser.request(async (session) => {
      session.data["a"] = 1;
      await session.cycleKey();
    });
    expect(browser.cookie).not.toBe(before);
    expect(await keys()).toHaveLength(1);
    await browser.request((session) => {
      expect(session.data).toMatchObject({ a: 1, _auth_user_id: "1" });
      expect(session.authenticatedAt).toStrictEqual(at);
    });
    expect(await new Browser(sessions, before).request((session) => session.isNew)).toBe(true);
  });

  test("is undone when the session was ended meanwhile", async () => {
    const { sessions, keys } = openHarness();
    const [mine, other] = await twoViews(sessions, { a: 1 });
    await other.flush();
    await expect(mine.cycleKey()).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
    expect(await keys()).toStrictEqual([]);
  });

  test("copies concurrent changes of others", async () => {
    const { sessions } = openHarness();
    const [mine, other] = await twoViews(sessions, { a: 1 });
    other.data["b"] = 2;
    await other.save();
    await mine.cycleKey();
    expect((await sessions.open(mine.cookieHeader)).data).toStrictEqual({ a: 1, b: 2 });
  });
});

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

  test("this applies to a stream from its first byte on, not only at its end", async () => {
    const { sessions, keys } = openHarness();
    const request = new Browser(sessions).begin();
    const session = await request.session();
    // The first byte is about to be sent.
    await request.finish(200);
    await expect(session.login(1)).rejects.toMatchObject({ code: "ERR_SESSION_USAGE" });
    expect(await keys()).toStrictEqual([]);
  });

  test("this applies to a session that is first used in the middle of a stream too", async () => {
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
  test("its session: its later changes are saved before the response", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    const request = browser.begin();
    void request.session().then((session) => (session.data["a"] = 1));
    await request.finish();
    expect(await browser.request((session) => session.data["a"])).toBe(1);
  });

  test("update: the response waits for it", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    const request = browser.begin();
    void (await request.session()).update((data) => (data["a"] = 1));
    await request.finish();
    expect(await browser.request((session) => session.data["a"])).toBe(1);
  });
});

test("a request unknown to all adapters is refused with advice", async () => {
  const { sessions } = openHarness();
  await expect(sessions.from({})).rejects.toThrow(
    "sessions.from() was given a request that no adapter has seen. Mount one before the handlers that use sessions",
  );
});

test("create treats a key named __proto__ as a key", async () => {
  const { sessions } = openHarness();
  const session = await sessions.create(JSON.parse('{"__proto__":{"admin":true},"cart":1}') as object);
  expect(session.data["admin"]).toBeUndefined();
  const { data } = await sessions.open(session.cookieHeader);
  expect(Object.keys(data)).toStrictEqual(["__proto__", "cart"]);
});

test("open and create work without a request", async () => {
  const { sessions, store } = openHarness();
  const session = await sessions.create({ a: 1 });
  expect(session.cookieHeader).toMatch(/^sessionid=/);
  const opened = await sessions.open(`theme=dark; ${session.cookieHeader}`);
  expect(opened.data).toStrictEqual({ a: 1 });
  opened.data["b"] = 2;
  await opened.save();
  expect((await sessions.open(session.cookieHeader)).data).toStrictEqual({ a: 1, b: 2 });
  expect((await sessions.open(undefined)).isNew).toBe(true);
  expect((await sessions.create()).cookieHeader).toBeUndefined();
  await sessions.ping();
  expect(await sessions.clearExpired()).toBe(0);
  expect(await store.delete("a".repeat(32), anyDeadline())).toBe(false);
});

async function twoViews(sessions: ReturnType<typeof openHarness>["sessions"], data: Record<string, unknown>) {
  const mine = await sessions.create(data);
  return [mine, await sessions.open(mine.cookieHeader)] as const;
}
