import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Browser, type Data } from "../../../test/support/session-harness.ts";
import { DJANGOS, openCookieSessions, SECRETS, TIME } from "../../../test/support/cookie-sessions.ts";
import { JsonSigner, SESSION_SALT, SIGNED_COOKIES_SALT } from "../../codec/index.ts";
import { SessionTooLargeError } from "../../core/errors.ts";

const LIMITS = { maxInflatedBytes: 1_000_000 };

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
    const { sessions, clock } = openCookieSessions();
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
    const { sessions } = openCookieSessions();
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
    const { browser } = openCookieSessions();
    await browser.request((session) => session.update((data) => (data["n"] = 1)), 500);
    expect(await browser.request((session) => session.data["n"])).toBe(1);
    await browser.request((session) => (session.data["n"] = 2), 500);
    expect(await browser.request((session) => session.data["n"])).toBe(1);
  });

  test("contains all changes of one request", async () => {
    const { browser } = openCookieSessions();
    await browser.request(async (session) => {
      session.data["a"] = 1;
      await session.save();
      await session.update((data) => (data["b"] = 2));
      session.data["c"] = 3;
    });
    expect(payloadOf(browser.cookie)).toMatchObject({ a: 1, b: 2, c: 3 });
  });

  test("sessions.create() makes a cookie that a browser could send", async () => {
    const { sessions } = openCookieSessions();
    const session = await sessions.create({ cart: [1] });
    expect((await sessions.open(session.cookieHeader)).data).toStrictEqual({ cart: [1] });
  });
});

describe("a rejected cookie", () => {
  test.each([
    ["one with a changed character", DJANGOS.replace("eyJ", "eyK")],
    ["the record of an engine with keys", signed('{"foo":"bar"}', SESSION_SALT)],
    ["a session key", `sessionid=${"k".repeat(32)}`],
  ])("%s gives a fresh visitor and an event", async (_name, cookie) => {
    const { sessions, events } = openCookieSessions();
    expect(await sessions.open(cookie)).toMatchObject({ isNew: true, isEmpty: true });
    expect(events).toStrictEqual([{ name: "undecodable", reason: "bad-signature" }]);
  });

  test("a value of more than 4096 characters is not verified", async () => {
    const { sessions, events } = openCookieSessions();
    const long = signed(JSON.stringify({ text: incompressible(8000) }));
    expect(long.length).toBeGreaterThan(4096 + "sessionid=".length);
    expect((await sessions.open(long)).isNew).toBe(true);
    expect(events).toStrictEqual([{ name: "rejected", reason: "malformed" }]);
  });

  test("the first readable one of several cookies counts", async () => {
    const { sessions, events } = openCookieSessions();
    expect((await sessions.open(`${DJANGOS}; ${DJANGOS}`)).isNew).toBe(false);
    expect(events).toStrictEqual([]);
    expect((await sessions.open(`sessionid=planted; ${DJANGOS}`)).isNew).toBe(false);
    expect(events).toStrictEqual([
      { name: "rejected", reason: "duplicate" },
      { name: "undecodable", reason: "bad-signature" },
    ]);
  });
});

describe("secrets", () => {
  test("a fallback secret is accepted; the response is signed with the new secret", async () => {
    const { sessions } = openCookieSessions({
      secrets: { secretKey: "new-secret", secretKeyFallbacks: [SECRETS.secretKey] },
    });
    const browser = new Browser(sessions, DJANGOS);
    await browser.request((session) => session.data["foo"]);
    expect(payloadOf(browser.cookie, { secretKey: "new-secret" })).toMatchObject({ foo: "bar" });
  });

  test("an encrypted record hides its content, and is valid under the cookie's name only", async () => {
    const { sessions, browser, events } = openCookieSessions({ encrypt: true });
    await browser.request((session) => (session.data["secret"] = "hunter2"));
    expect(browser.cookie).toMatch(/^sessionid=sojourn1\.[\w-]{16}\.[\w-]+$/);
    expect(await browser.request((session) => session.data["secret"])).toBe("hunter2");
    const other = openCookieSessions({ encrypt: true, cookie: { name: "other" } });
    const moved = browser.cookie?.replace("sessionid", "other");
    expect((await other.sessions.open(moved)).isNew).toBe(true);
    expect(other.events).toStrictEqual([{ name: "undecodable", reason: "bad-signature" }]);
    expect((await sessions.open(DJANGOS)).isNew).toBe(true);
    expect(events).toStrictEqual([{ name: "undecodable", reason: "malformed" }]);
  });
});

describe("size", () => {
  test("a cookie of up to 4096 bytes with name and attributes is sent; one more byte throws, and nothing changes", async () => {
    const { sessions } = openCookieSessions();
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
    const { browser } = openCookieSessions();
    await browser.request((session) => (session.data["a"] = 1));
    const before = browser.cookie;
    const text = incompressible(8000);
    await expect(browser.request((session) => (session.data["text"] = text))).rejects.toBeInstanceOf(
      SessionTooLargeError,
    );
    expect(browser.cookie).toBe(before);
  });

  test("a cookie that would not fit with a new signature does not fail a request that only reads", async () => {
    const { sessions, clock, events } = openCookieSessions();
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
