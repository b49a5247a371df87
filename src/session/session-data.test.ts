import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Browser, openHarness } from "../../test/support/session-harness.ts";

describe("data", () => {
  test("the next request reads the data that the previous one has set", async () => {
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

  test("an unread part is not parsed, a part without structure never", async () => {
    const { sessions } = openHarness();
    const initial = {
      user: { name: "ada" },
      cart: [1],
      name: "ada",
      n: -1.5e-7,
      yes: true,
      no: false,
      none: null,
    };
    const { cookieHeader } = await sessions.create(initial);
    const { data } = await sessions.open(cookieHeader);
    const parse = vi.spyOn(JSON, "parse");
    onTestFinished(() => parse.mockRestore());
    const { user: _user, cart: _cart, ...rest } = initial;
    expect(data).toMatchObject(rest);
    expect(parse).not.toHaveBeenCalled();
    expect([data["cart"], data["cart"]]).toStrictEqual([[1], [1]]);
    expect(parse.mock.calls.map(([text]) => text)).toStrictEqual(["[1]"]);
  });

  test("has its own parts under names that libraries add to Object.prototype, and objects inherit", async () => {
    const names = ["polluted", "__proto__", "toString"];
    Reflect.defineProperty(Object.prototype, "polluted", { get: () => "inherited", configurable: true });
    onTestFinished(() => void Reflect.deleteProperty(Object.prototype, "polluted"));
    const { sessions } = openHarness();
    const initial = JSON.parse('{"polluted":"own","__proto__":"own","toString":"own","n":1}') as Record<
      string,
      unknown
    >;
    const session = await sessions.create(initial);
    const { data } = await sessions.open(session.cookieHeader);
    expect(names.map((name) => Object.getOwnPropertyDescriptor(data, name)?.value as unknown)).toStrictEqual(
      names.map(() => "own"),
    );
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

  test("isNew is true until the session is stored, and isEmpty until it has data", async () => {
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
