import { createSojourn } from "sojourn";
import { cookieSessionStore } from "sojourn/stores/cookie";
import { describe, expect, test } from "vitest";
import { Browser, type Data, openHarness, withMembers } from "../../test/support/session-harness.ts";
import { sessionAuthHash } from "../codec/auth-hash.ts";
import {
  ImproperlyConfigured,
  SessionInterrupted,
  SessionUsageError,
  StoreConnectionError,
} from "../core/errors.ts";
import type { Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { SessionStore } from "../stores/session-store.ts";
import { type FaultyMethod, faultySessionStore } from "../testing/faulty-session-store.ts";
import { type DjangoAuth, djangoAuth, type DjangoAuthSettings, type DjangoUser } from "./auth.ts";
import { csrfToken, isCsrfTokenValid } from "./csrf.ts";

const SECRET = "a secret of the tests, long enough";
const OLD_SECRET = "the old secret of the tests, as long";
const BACKEND = "django.contrib.auth.backends.ModelBackend";
const ADA = { id: 42, password: "pbkdf2_sha256$ada" };
const BOB = { id: 7, password: "pbkdf2_sha256$bob" };

type User = DjangoUser & { readonly id: number };

function authOf(settings: Partial<DjangoAuthSettings<User>> = {}): DjangoAuth<User> {
  const findUser = async (id: string) => [ADA, BOB].find((user) => String(user.id) === id);
  return djangoAuth<User>({ secretKey: SECRET, secretKeyFallbacks: [OLD_SECRET], findUser, ...settings });
}

/** A browser with a login under a given secret, and a cart. */
async function loggedIn(sessions: Sessions<Data>, secret = SECRET): Promise<Browser> {
  const browser = new Browser(sessions);
  await browser.request((session) => {
    const hash = sessionAuthHash(ADA.password, secret);
    Object.assign(session.data, {
      cart: 1,
      _auth_user_id: "42",
      _auth_user_backend: BACKEND,
      _auth_user_hash: hash,
    });
  });
  return browser;
}

const hashOf = ({ data }: Session<Data>) => data["_auth_user_hash"] as unknown;

describe("settings", () => {
  test.each([
    ["secretKey", { secretKey: "" }],
    ["secretKeyFallbacks[0]", { secretKeyFallbacks: [""] }],
    ["backends", { backends: [] }],
    ["findUser", { findUser: "me" }],
    ["findPassword", { findPassword: () => {} }],
  ])("an invalid %s is refused at start, by name", (name, settings: object) => {
    expect(() => authOf(settings)).toThrow(ImproperlyConfigured);
    expect(() => authOf(settings)).toThrow(`djangoAuth.${name}: `);
  });
});

describe("a login under a fallback secret", () => {
  test.each(["before the renewal by expiry", "during the renewal by expiry", "by a logout"])(
    "starts no session in place of one that has ended meanwhile, %s",
    async (how) => {
      const { sessions, keys, clock } = openHarness({
        wrap: (store) =>
          withMembers(store, {
            // After a conflict the record has expired by this clock, but not yet by the store's.
            deleteIfMatch: async (...args: Parameters<SessionStore["deleteIfMatch"]>) => {
              if (isOver) return { status: "committed" };
              const result = await store.deleteIfMatch(...args);
              isOver = result.status === "conflict";
              if (isOver) clock.advance(20);
              return result;
            },
          }),
      });
      let isOver = false;
      const browser = await loggedIn(sessions, OLD_SECRET);
      const request = new Browser(sessions, browser.cookie).begin();
      const session = await request.session();
      await browser.request(async (other) => {
        if (how === "by a logout") await other.logout();
        else other.setExpiry(new Date(clock.now() + (how.endsWith("over") ? -1 : 10)));
      });
      await authOf().getUser(session);
      const [finished] = await Promise.allSettled([request.finish()]);
      const error: unknown = finished.status === "rejected" ? finished.reason : undefined;
      expect([undefined, SessionInterrupted]).toContain((error as Error | undefined)?.constructor);
      expect(await keys()).toEqual([]);
      expect(request.setCookie.filter((cookie) => !cookie.includes("Max-Age=0"))).toEqual([]);
    },
  );

  test.each([
    { first: 0, second: 1, processes: 1 },
    { first: 1, second: 0, processes: 1 },
    { first: 0, second: 1, processes: 2 },
    { first: 1, second: 0, processes: 2 },
  ])(
    "is one for two concurrent requests, and for later ones: response $first before $second, processes: $processes",
    async ({ first, second, processes }) => {
      const { sessions, keys, otherProcess } = openHarness();
      const browser = await loggedIn(sessions, OLD_SECRET);
      const twin = new Browser(processes === 1 ? sessions : otherProcess(), browser.cookie);
      const requests = [browser.begin(), twin.begin()];
      const users = await Promise.all(requests.map(async (each) => authOf().getUser(await each.session())));
      expect(users).toEqual([ADA, ADA]);
      await requests[first]?.finish();
      await requests[second]?.finish();
      // One browser: both responses send it the same key.
      const cookies = requests.flatMap(({ setCookie }) => setCookie);
      const [cookie] = cookies;
      expect(new Set(cookies).size).toBe(1);
      expect(await keys()).toHaveLength(1);
      const next = new Browser(sessions, cookie?.split(";")[0]);
      await next.request(async (session) => {
        expect(await authOf({ secretKeyFallbacks: [] }).getUser(session)).toEqual(ADA);
        expect(session.data["cart"]).toBe(1);
      });
    },
  );

  test("changes of the second request are saved under the new key", async () => {
    const { sessions } = openHarness();
    const browser = await loggedIn(sessions, OLD_SECRET);
    const [winner, loser] = [browser.begin(), browser.begin()];
    const [session, late] = [await winner.session(), await loser.session()];
    await authOf().getUser(session);
    expect(await authOf().getUser(late)).toEqual(ADA);
    late.data["cart"] = 2;
    await winner.finish();
    await loser.finish();
    expect(loser.setCookie).toEqual(winner.setCookie);
    await browser.request(async (next) => {
      expect(await authOf().getUser(next)).toEqual(ADA);
      expect(next.data["cart"]).toBe(2);
    });
  });

  test("moves once for two calls in one request, with the request's changes", async () => {
    const { sessions, calls } = openHarness();
    const browser = await loggedIn(sessions, OLD_SECRET);
    calls.length = 0;
    await browser.request(async (session) => {
      session.data["cart"] = 2;
      expect(await Promise.all([authOf().getUser(session), authOf().getUser(session)])).toEqual([ADA, ADA]);
      expect(hashOf(session)).toBe(sessionAuthHash(ADA.password, SECRET));
    });
    expect(calls).toEqual(["read", "create", "read", "deleteIfMatch", "read"]);
    expect(await browser.request(({ data }) => data["cart"] as unknown)).toBe(2);
  });

  test("is left alone if the headers are out, and with cycleKey: false", async () => {
    const { sessions, calls } = openHarness();
    const browser = await loggedIn(sessions, OLD_SECRET);
    const { cookie } = browser;
    const late = browser.begin();
    const session = await late.session();
    session.noteHeadersSent();
    calls.length = 0;
    expect(await authOf().getUser(session)).toEqual(ADA);
    await late.finish(200, true);
    const socket = await sessions.open(cookie);
    expect(await authOf().getUser(socket, { cycleKey: false })).toEqual(ADA);
    await socket.save();
    expect(calls).toEqual(["read"]);
    expect(browser.cookie).toBe(cookie);
  });

  test("a failing store is reported, and the response does not try again", async () => {
    let isDown = false;
    const script = ({ method }: { method: FaultyMethod }) =>
      isDown && method === "create" ? ({ fail: "not-sent" } as const) : undefined;
    const { sessions, calls } = openHarness({ wrap: (store) => faultySessionStore(store, script) });
    const browser = await loggedIn(sessions, OLD_SECRET);
    isDown = true;
    calls.length = 0;
    await browser.request(async (session) => {
      await expect(authOf().getUser(session)).rejects.toThrow(StoreConnectionError);
      expect(hashOf(session)).toBe(sessionAuthHash(ADA.password, OLD_SECRET));
    });
    expect(calls).toEqual(["read", "create"]);
  });
});

describe("the logged-in user", () => {
  test("is not looked up for an anonymous visitor or an unknown backend", async () => {
    const { sessions } = openHarness();
    const findUser = () => Promise.reject(new Error("was asked"));
    await new Browser(sessions).request(async (session) =>
      expect(await authOf({ findUser }).getUser(session)).toBeUndefined(),
    );
    const browser = await loggedIn(sessions);
    const auth = authOf({ findUser, backends: ["shop.Backend"] });
    await browser.request(async (session) => expect(await auth.getUser(session)).toBeUndefined());
    await browser.request((session) => expect(session.userId).toBe("42"));
  });

  test("a failure of findUser reaches the caller and leaves the session alone", async () => {
    const { sessions } = openHarness();
    const browser = await loggedIn(sessions);
    const auth = authOf({ findUser: () => Promise.reject(new Error("no database")) });
    await browser.request(async (session) => expect(auth.getUser(session)).rejects.toThrow("no database"));
    await browser.request(async (session) => expect(await authOf().getUser(session)).toEqual(ADA));
  });

  test("a mismatch ends the session and clears the cookie", async () => {
    const { sessions, keys } = openHarness();
    const browser = await loggedIn(sessions);
    const auth = authOf({ findUser: async () => ({ id: 42, password: "changed" }) });
    await browser.request(async (session) => expect(await auth.getUser(session)).toBeUndefined());
    expect([browser.cookie, await keys()]).toEqual([undefined, []]);
  });

  test("is undefined too for a session in a cookie without a response that could end it", async () => {
    const store = cookieSessionStore({ acceptsLostUpdates: true });
    const { sessions } = createSojourn<Data>({ projectName: "test", secretKey: SECRET, sessions: { store } });
    const { cookie } = await loggedIn(sessions);
    const socket = await sessions.open(cookie);
    const auth = authOf({ findUser: async () => ({ id: 42, password: "changed" }) });
    expect(await auth.getUser(socket)).toBeUndefined();
    expect(await authOf().getUser(socket)).toEqual(ADA);
  });

  test("is the current one when the request logs another user in while findUser runs", async () => {
    const { sessions } = openHarness();
    const browser = await loggedIn(sessions);
    await browser.request(async (session) => {
      let isFirst = true;
      const auth = authOf({
        findUser: async (id) => {
          if (isFirst) {
            isFirst = false;
            await authOf().login(session, BOB);
          }
          return id === "42" ? ADA : BOB;
        },
      });
      expect(await auth.getUser(session)).toEqual(BOB);
      expect(session.userId).toBe("7");
    });
  });

  test.each([42, "42", 42n])("the id may be %o: it is stored as text, which findUser gets", async (id) => {
    const { sessions } = openHarness();
    const session = await sessions.create();
    await authOf().login(session, { id, password: ADA.password });
    expect(await authOf().getUser(session)).toEqual(ADA);
  });
});

describe("a login", () => {
  test("needs the backend if there are several, and refuses an unknown one, without any effect", async () => {
    const { sessions, calls } = openHarness();
    const session = await sessions.create({ cart: 1 });
    calls.length = 0;
    await expect(authOf({ backends: [BACKEND, "shop.Backend"] }).login(session, ADA)).rejects.toThrow(
      SessionUsageError,
    );
    await expect(authOf().login(session, { ...ADA, backend: "shop.Backend" })).rejects.toThrow(
      SessionUsageError,
    );
    expect([calls, session.isAuthenticated]).toEqual([[], false]);
    await authOf({ backends: [BACKEND, "shop.Backend"] }).login(session, { ...ADA, backend: "shop.Backend" });
    expect(session.data["_auth_user_backend"]).toBe("shop.Backend");
  });

  test("under another secret than the sessions' is an error", async () => {
    const { sessions } = openHarness();
    const session = await sessions.create();
    await expect(
      authOf({ secretKey: "another secret of the tests, as long" }).login(session, ADA),
    ).rejects.toThrow("djangoAuth.secretKey: ");
  });

  test("joins a concurrent login by another process while the secret is rotated", async () => {
    const rotated = { secretKey: "the new secret of the tests, as long", secretKeyFallbacks: [SECRET] };
    const { sessions, keys, otherProcess } = openHarness();
    const browser = new Browser(sessions);
    await browser.request(({ data }) => (data["cart"] = 1));
    const [first, second] = [browser.begin(), new Browser(otherProcess(rotated), browser.cookie).begin()];
    await Promise.all([first.session(), second.session()]);
    await authOf().login(await first.session(), ADA);
    await authOf(rotated).login(await second.session(), ADA);
    await Promise.all([first.finish(), second.finish()]);
    expect(await keys()).toHaveLength(1);
    expect(second.setCookie[0]?.split(";")[0]).toBe(first.setCookie[0]?.split(";")[0]);
  });

  test("creates no CSRF secret if there was none", async () => {
    const { sessions } = openHarness();
    const session = await sessions.create({ cart: 1 });
    await authOf().login(session, ADA);
    expect(Object.keys(session.data)).toEqual([
      "cart",
      "_auth_user_id",
      "_auth_user_backend",
      "_auth_user_hash",
    ]);
  });

  test("of another user drops all data of the one before and replaces the CSRF secret", async () => {
    const { sessions } = openHarness();
    const browser = await loggedIn(sessions);
    const token = await browser.request((session) => csrfToken(session));
    await browser.request((session) => authOf().login(session, BOB));
    await browser.request((session) => {
      expect(Object.keys(session.data).toSorted()).toEqual([
        "_auth_user_backend",
        "_auth_user_hash",
        "_auth_user_id",
        "_csrftoken",
      ]);
      expect(isCsrfTokenValid(session, token)).toBe(false);
    });
  });
});

describe("a changed password", () => {
  const changed = { id: 42, password: "pbkdf2_sha256$changed" };
  const later = () => authOf({ findUser: async () => changed });

  test("ends all sessions of the user but the one that was updated", async () => {
    const { sessions } = openHarness();
    const [here, there] = [await loggedIn(sessions), await loggedIn(sessions)];
    const before = here.cookie;
    await here.request((session) => authOf().updateSessionAuthHash(session, changed));
    expect(here.cookie).not.toBe(before);
    await here.request(async (session) => expect(await later().getUser(session)).toEqual(changed));
    await there.request(async (session) => expect(await later().getUser(session)).toBeUndefined());
    expect(there.cookie).toBeUndefined();
  });

  test("of a session that has ended meanwhile: the caller gets the error, and the response does not write it again", async () => {
    const { sessions, keys } = openHarness();
    const browser = await loggedIn(sessions);
    const request = browser.begin();
    const session = await request.session();
    await browser.request((other) => authOf().logout(other));
    await expect(authOf().updateSessionAuthHash(session, changed)).rejects.toThrow(SessionInterrupted);
    await request.finish();
    expect([request.setCookie, await keys()]).toEqual([[], []]);
  });
});
