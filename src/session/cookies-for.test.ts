import { describe, expect, test } from "vitest";
import { Browser, openHarness } from "../../test/support/session-harness.ts";
import { SessionUsageError } from "../core/errors.ts";

describe("sessions.cookiesFor()", () => {
  test("after a login without a response: the cookie as text and in parts", async () => {
    const { sessions, clock } = openHarness({
      cookie: { age: "1h", domain: "shop.example", priority: "high" },
    });
    const session = await sessions.open(undefined);
    await session.login(7);
    const [cookie, ...others] = await sessions.cookiesFor(session);
    expect(others).toStrictEqual([]);
    expect(`${cookie?.name}=${cookie?.value}`).toBe(session.cookieHeader);
    expect(cookie?.attributes).toStrictEqual({
      path: "/",
      domain: "shop.example",
      secure: true,
      httpOnly: true,
      sameSite: "lax",
      partitioned: false,
      priority: "high",
      maxAge: 3600,
      expires: new Date(clock.now() + 3_600_000),
    });
    const expires = new Date(clock.now() + 3_600_000).toUTCString();
    expect(cookie?.header).toBe(
      `${session.cookieHeader}; Max-Age=3600; Domain=shop.example; Path=/; Expires=${expires}; HttpOnly; Secure; Priority=High; SameSite=Lax`,
    );
  });

  test("of a session that is only read: none", async () => {
    const { sessions } = openHarness();
    const { cookieHeader } = await sessions.create({ a: 1 });
    expect(await sessions.cookiesFor(await sessions.open(cookieHeader))).toStrictEqual([]);
  });

  test("after a logout: the cookie that clears, and those of earlier paths", async () => {
    const { sessions } = openHarness({ cookie: { previous: [{ path: "/shop" }] } });
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(7));
    const session = await sessions.open(browser.cookie);
    await session.logout();
    const cookies = await sessions.cookiesFor(session);
    expect(cookies.map(({ value, attributes: { path, maxAge } }) => ({ value, path, maxAge }))).toStrictEqual(
      [
        { value: "", path: "/shop", maxAge: 0 },
        { value: "", path: "/", maxAge: 0 },
      ],
    );
  });

  test("awaits the session's calls, and leaves a key out that has ended meanwhile", async () => {
    const { sessions } = openHarness();
    const session = await sessions.open(undefined);
    const login = session.login(7);
    expect(await sessions.cookiesFor(session)).toHaveLength(1);
    await login;
    const other = await sessions.open(undefined);
    await other.login(7);
    await sessions.revokeUser(7);
    expect(await sessions.cookiesFor(other)).toStrictEqual([]);
  });

  test('with cookie.secure "auto" the caller says whether the request came over TLS', async () => {
    const { sessions } = openHarness({ cookie: { secure: "auto" } });
    const session = await sessions.create({ a: 1 });
    const isSecure = async (options?: { isSecure: boolean }) =>
      (await sessions.cookiesFor(session, options))[0]?.attributes.secure;
    expect([await isSecure(), await isSecure({ isSecure: false })]).toStrictEqual([true, false]);
    await expect(sessions.cookiesFor(session, { isSecure: 1 as never })).rejects.toBeInstanceOf(
      SessionUsageError,
    );
  });
});

test("scope.cookies() has the cookies of scope.headers() in parts", async () => {
  const { sessions } = openHarness();
  const info = { cookieHeader: undefined, isSecure: () => true, host: () => "shop.example" };
  const request = {};
  const scope = sessions.scope(request, info);
  expect(scope.cookies?.()).toStrictEqual([]);
  (await sessions.from(request)).data["a"] = 1;
  await scope.finish({ status: 200, headersSent: false });
  const cookies = scope.cookies?.() ?? [];
  expect(cookies).toHaveLength(1);
  expect(cookies.map(({ header }) => header)).toStrictEqual(scope.headers().setCookie);
  expect(cookies[0]).toMatchObject({ name: "sessionid", attributes: { path: "/", httpOnly: true } });
});
