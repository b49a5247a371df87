import { createHash } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { Browser, type Data } from "../../../test/support/session-harness.ts";
import { JsonSigner, SESSION_SALT, SIGNED_COOKIES_SALT } from "../../codec/index.ts";
import { ImproperlyConfigured, SessionTooLargeError, SessionUsageError } from "../../core/errors.ts";
import { createSojourn, DJANGO_SITE } from "../../create-sojourn.ts";
import { cookieSessionStore } from "../../stores/cookie/index.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import type { SessionSettings } from "../session-settings.ts";

const SECRETS = { secretKey: "test-secret" };
const TIME = 1_700_000_000;
const LIMITS = { maxInflatedBytes: 1_000_000 };
// Made with Django 5.2.17, SECRET_KEY "test-secret", time 1700000000: a session {"foo": "bar"} of
// signed_cookies.
const DJANGOS = "sessionid=eyJmb28iOiJiYXIifQ:1r31eq:226qcunpVRFbRb8JsIU20JTlES8WVPMJOuzt80OOScM";

interface Options extends Omit<SessionSettings, "store"> {
  readonly secrets?: { readonly secretKey: string; readonly secretKeyFallbacks?: readonly string[] };
}

function open({ secrets = SECRETS, ...settings }: Options = {}) {
  const clock = new ManualClock(TIME * 1000);
  const store = cookieSessionStore({ acceptsLostUpdates: true });
  const { sessions } = createSojourn<Data>({
    // The vectors are Django's, made with a short secret.
    [DJANGO_SITE]: true,
    projectName: "test",
    ...secrets,
    clock,
    sessions: { ...settings, store },
  });
  const events: unknown[] = [];
  for (const name of ["rejected", "undecodable", "touchFailed"] as const)
    sessions.on(name, (event) => events.push({ name, ...event }));
  return { sessions, clock, events, browser: new Browser(sessions) };
}

function payloadOf(cookie: string | undefined, secrets = SECRETS): Data {
  const value = cookie?.slice(cookie.indexOf("=") + 1) ?? "";
  const loaded = new JsonSigner(secrets, SIGNED_COOKIES_SALT, LIMITS).loads(value);
  if (!loaded.ok) throw new Error(`the cookie is ${loaded.reason}`);
  return JSON.parse(loaded.json) as Data;
}

const signed = (json: string, salt = SIGNED_COOKIES_SALT) =>
  `sessionid=${new JsonSigner(SECRETS, salt, LIMITS).dumps(json, TIME, { compress: true })}`;

/**
 * Text that zlib shrinks by as much as base64 adds, so that a character takes a byte of the cookie.
 */
function incompressible(length: number): string {
  const hashes = Array.from({ length: Math.ceil(length / 86) }, (_, at) =>
    createHash("sha512").update(String(at)),
  );
  return hashes
    .map((hash) => hash.digest("base64url"))
    .join("")
    .slice(0, length);
}

describe("the record in the cookie", () => {
  test("Django's session is read, and Node's additions are kept beside it", async () => {
    const { sessions, clock } = open();
    const browser = new Browser(sessions, DJANGOS);
    clock.advance(1000);
    expect(await browser.request((session) => ({ ...session.data }))).toStrictEqual({ foo: "bar" });
    await browser.request((session) => (session.data["n"] = 1));
    expect(payloadOf(browser.cookie)).toMatchObject({ foo: "bar", n: 1 });
    expect(await browser.request((session) => ({ ...session.data, isNew: session.isNew }))).toStrictEqual({
      foo: "bar",
      n: 1,
      isNew: false,
    });
  });

  test("is sent as Django writes it: not percent-encoded, with the cookie's attributes", async () => {
    const { sessions } = open();
    const request = new Browser(sessions).begin();
    (await request.session()).data["a"] = 1;
    await request.finish();
    expect(request.setCookie).toStrictEqual([
      expect.stringMatching(
        /^sessionid=[A-Za-z0-9_.-]+:1r31eq:[\w-]{43}; Max-Age=1209600; Path=\/; Expires=.+; HttpOnly; Secure; SameSite=Lax$/,
      ),
    ]);
  });

  test("update(), flash and login are sent even with a failed response; deferred changes are not", async () => {
    const { browser } = open();
    await browser.request((session) => session.update((data) => (data["n"] = 1)), 500);
    expect(await browser.request((session) => session.data["n"])).toBe(1);
    await browser.request((session) => (session.data["n"] = 2), 500);
    expect(await browser.request((session) => session.data["n"])).toBe(1);
  });

  test("contains all changes of one request", async () => {
    const { browser } = open();
    await browser.request(async (session) => {
      session.data["a"] = 1;
      await session.save();
      await session.update((data) => (data["b"] = 2));
      session.data["c"] = 3;
    });
    expect(payloadOf(browser.cookie)).toMatchObject({ a: 1, b: 2, c: 3 });
  });

  test("sessions.create() makes a cookie that a browser could send", async () => {
    const { sessions } = open();
    const session = await sessions.create({ cart: [1] });
    expect((await sessions.open(session.cookieHeader)).data).toStrictEqual({ cart: [1] });
  });
});

describe("a rejected cookie", () => {
  test.each([
    ["one with a changed character", DJANGOS.replace("eyJ", "eyK")],
    ["the record of an engine with keys", signed('{"foo":"bar"}', SESSION_SALT)],
    ["a session key", `sessionid=${"k".repeat(32)}`],
  ])("%s: a fresh visitor and an event", async (_name, cookie) => {
    const { sessions, events } = open();
    expect(await sessions.open(cookie)).toMatchObject({ isNew: true, isEmpty: true });
    expect(events).toStrictEqual([{ name: "undecodable", reason: "bad-signature" }]);
  });

  test("a value of more than 4096 characters is not verified", async () => {
    const { sessions, events } = open();
    const long = signed(JSON.stringify({ text: incompressible(8000) }));
    expect(long.length).toBeGreaterThan(4096 + "sessionid=".length);
    expect((await sessions.open(long)).isNew).toBe(true);
    expect(events).toStrictEqual([{ name: "rejected", reason: "malformed" }]);
  });

  test("several cookies: the first readable one counts", async () => {
    const { sessions, events } = open();
    expect((await sessions.open(`${DJANGOS}; ${DJANGOS}`)).isNew).toBe(false);
    expect(events).toStrictEqual([]);
    expect((await sessions.open(`sessionid=planted; ${DJANGOS}`)).isNew).toBe(false);
    expect(events).toStrictEqual([
      { name: "rejected", reason: "duplicate" },
      { name: "undecodable", reason: "bad-signature" },
    ]);
  });
});

describe("expiry counts from the signature", () => {
  test("a cookie is valid until it expires, including one made by Django", async () => {
    const { sessions, clock, events } = open({ cookie: { age: "1h" } });
    clock.advance(3_599_000);
    expect((await sessions.open(DJANGOS)).isNew).toBe(false);
    clock.advance(1_000);
    expect((await sessions.open(DJANGOS)).isNew).toBe(true);
    expect(events).toMatchObject([{ name: "rejected", reason: "expired" }]);
  });

  test.each([
    ["seconds", 60],
    ["a date", new Date((TIME + 60) * 1000)],
  ])("setExpiry with %s ends it sooner", async (_name, expiry) => {
    const { sessions, clock, browser } = open();
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
      const { browser } = open();
      await browser.request((session) => session.login(7));
      const request = browser.begin();
      (await request.session()).setExpiry(expiry);
      await request.finish();
      expect(request.setCookie).toMatchObject([expect.stringContaining("Max-Age=0")]);
      expect(browser.cookie).toBeUndefined();
    },
  );

  test("the absolute timeout counts from the login, regardless of activity", async () => {
    const { clock, browser } = open({ absoluteTimeout: "1h" });
    await browser.request((session) => session.login(7));
    for (let minutes = 10; minutes < 60; minutes += 10) {
      clock.advance(600_000);
      expect(await browser.request((session) => session.userId)).toBe("7");
    }
    clock.advance(600_000);
    expect(await browser.request((session) => session.userId)).toBeUndefined();
  });

  test("reading signs it again after touchEvery, not sooner", async () => {
    const { clock, browser } = open();
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

  test('with profile "django" reading sends nothing', async () => {
    const { clock, browser } = open({ profile: "django" });
    await browser.request((session) => (session.data["a"] = 1));
    const first = browser.cookie;
    clock.advance(13 * 86_400_000);
    await browser.request((session) => session.data["a"]);
    expect(browser.cookie).toBe(first);
  });

  test("a session that ends when the browser closes is signed again too, without a Max-Age", async () => {
    const { sessions, clock, browser } = open({ expireAtBrowserClose: true });
    await browser.request((session) => (session.data["a"] = 1));
    clock.advance(60_000);
    const request = new Browser(sessions, browser.cookie).begin();
    await request.session();
    await request.finish();
    expect(request.setCookie).toStrictEqual([expect.not.stringContaining("Max-Age")]);
    expect(request.setCookie[0]).not.toContain(browser.cookie);
  });
});

describe("secrets", () => {
  test("a fallback secret is accepted; the response is signed with the new secret", async () => {
    const { sessions } = open({
      secrets: { secretKey: "new-secret", secretKeyFallbacks: [SECRETS.secretKey] },
    });
    const browser = new Browser(sessions, DJANGOS);
    await browser.request((session) => session.data["foo"]);
    expect(payloadOf(browser.cookie, { secretKey: "new-secret" })).toMatchObject({ foo: "bar" });
  });

  test("an encrypted record hides its content, and is valid under the cookie's name only", async () => {
    const { sessions, browser, events } = open({ encrypt: true });
    await browser.request((session) => (session.data["secret"] = "hunter2"));
    expect(browser.cookie).toMatch(/^sessionid=sojourn1\.[\w-]{16}\.[\w-]+$/);
    expect(await browser.request((session) => session.data["secret"])).toBe("hunter2");
    const other = open({ encrypt: true, cookie: { name: "other" } });
    const moved = browser.cookie?.replace("sessionid", "other");
    expect((await other.sessions.open(moved)).isNew).toBe(true);
    expect(other.events).toStrictEqual([{ name: "undecodable", reason: "bad-signature" }]);
    expect((await sessions.open(DJANGOS)).isNew).toBe(true);
    expect(events).toStrictEqual([{ name: "undecodable", reason: "malformed" }]);
  });
});

describe("size", () => {
  test("a cookie of up to 4096 bytes with name and attributes is sent; one more byte throws, and nothing changes", async () => {
    const { sessions } = open();
    const sent: number[] = [];
    let refused: unknown;
    for (let length = 3500; refused === undefined; length++) {
      const request = new Browser(sessions).begin();
      const session = await request.session();
      session.data["text"] = incompressible(length);
      refused = await session.save().catch((error: unknown) => error);
      await request.finish().catch(() => {});
      sent.push(...request.setCookie.map((header) => header.length));
    }
    expect(Math.max(...sent)).toBeGreaterThan(4060);
    expect(Math.max(...sent)).toBeLessThanOrEqual(4096);
    expect(refused).toBeInstanceOf(SessionTooLargeError);
    const { bytes, message } = refused as SessionTooLargeError;
    expect(refused).toMatchObject({ code: "ERR_SESSION_TOO_LARGE", maxBytes: 4096 });
    expect(bytes).toBeGreaterThan(4096);
    expect(message).toContain(`${bytes} bytes`);
  });

  test("an oversized cookie throws while the response can still be an error, and the cookie stays", async () => {
    const { browser } = open();
    await browser.request((session) => (session.data["a"] = 1));
    const before = browser.cookie;
    const text = incompressible(8000);
    await expect(browser.request((session) => (session.data["text"] = text))).rejects.toBeInstanceOf(
      SessionTooLargeError,
    );
    expect(browser.cookie).toBe(before);
  });

  test("a cookie that would not fit with a new signature does not fail a request that only reads", async () => {
    const { sessions, clock, events } = open();
    let cookie = "";
    for (let length = 3500; cookie.length < 4070; length++)
      cookie = signed(JSON.stringify({ text: incompressible(length) }));
    const browser = new Browser(sessions, cookie);
    clock.advance(60_000);
    expect(await browser.request((session) => typeof session.data["text"])).toBe("string");
    expect(browser.cookie).toBe(cookie);
    expect(events).toMatchObject([
      { name: "touchFailed", error: expect.any(SessionTooLargeError) as unknown },
    ]);
  });
});

describe("when no cookie can be sent", () => {
  test("after the headers were sent, changes and the logout throw", async () => {
    const { sessions, browser } = open();
    await browser.request((session) => session.login(7));
    const request = new Browser(sessions, browser.cookie).begin();
    const session = await request.session();
    await request.finish(200, true);
    await expect(session.logout()).rejects.toThrow(SessionUsageError);
    await expect(session.update((data) => (data["a"] = 1))).rejects.toThrow("headers were already sent");
    session.data["a"] = 1;
    await expect(request.finish(200, true)).rejects.toThrow(SessionUsageError);
  });

  test("after the headers were sent, reading does not throw, even long after the last signature", async () => {
    const { sessions, clock } = open({
      secrets: { secretKey: "new", secretKeyFallbacks: [SECRETS.secretKey] },
    });
    const request = new Browser(sessions, DJANGOS).begin();
    clock.advance(3_600_000);
    expect((await request.session()).data["foo"]).toBe("bar");
    await request.finish(200, true);
  });

  test("a session opened by sessions.open() can be read, not changed", async () => {
    const { sessions } = open();
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
    const { sessions, browser } = open();
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
    const { sessions, clock, browser } = open();
    await browser.request((session) => session.login(7));
    const copy = browser.cookie;
    await browser.request((session) => session.logout());
    expect(browser.cookie).toBeUndefined();
    expect((await sessions.open(copy)).userId).toBe("7");
    clock.advance(14 * 86_400_000);
    expect((await sessions.open(copy)).userId).toBeUndefined();
  });

  test("known limit: the browser keeps the cookie of the last of two parallel requests to end", async () => {
    const { sessions } = open();
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
    expect(() => open(settings)).toThrow(ImproperlyConfigured);
    expect(() => open(settings)).toThrow(message);
  });

  test("an unknown option", () => {
    // @ts-expect-error -- what JavaScript may pass
    expect(() => cookieSessionStore({ age: "1d" })).toThrow("cookieSessionStore.age: is not a setting");
  });

  test("listing and revoking, when they are called", async () => {
    const { sessions } = open();
    const refusal = 'the store "cookie" keeps no index of users';
    await expect(sessions.ofUser(7).next()).rejects.toThrow(refusal);
    await expect(sessions.revoke(7, "ref")).rejects.toThrow(refusal);
    await expect(sessions.revokeUser(7)).rejects.toThrow(refusal);
  });

  test("operations of a server-side store do nothing", async () => {
    const { sessions } = open();
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
