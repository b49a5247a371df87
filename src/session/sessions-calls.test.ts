import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { openHarness } from "../../test/support/session-harness.ts";
import { SessionUsageError } from "../core/errors.ts";
import { createSojourn } from "../create-sojourn.ts";
import { cookieSessionStore } from "../stores/cookie/index.ts";

const KEY = "k".repeat(32);

describe("a session that was not awaited", () => {
  const names = [
    "data",
    "userId",
    "isAuthenticated",
    "isNew",
    "expiryDate",
    "flash",
    "update",
    "login",
    "cookieHeader",
  ];

  test.each(names)("throws when %s is read or set", async (name) => {
    const { sessions } = openHarness();
    for (const promise of [sessions.create({ a: 1 }), sessions.open(undefined)]) {
      const session = promise as unknown as Record<string, unknown>;
      expect(() => session[name]).toThrow(SessionUsageError);
      expect(() => session[name]).toThrow('an "await" is missing');
      expect(() => (session[name] = 1)).toThrow(SessionUsageError);
      await promise;
    }
  });

  test("refuses assignments that would be lost", async () => {
    const promise = openHarness().sessions.open(undefined);
    expect(() => Object.assign(promise, { views: 1 })).toThrow(SessionUsageError);
    expect(() => Object.assign(promise, { [Symbol("mark")]: 1 })).not.toThrow();
    await promise;
  });

  test("is otherwise an ordinary promise", async () => {
    const { sessions } = openHarness();
    const promise = sessions.create({ a: 1 });
    expect(promise instanceof Promise).toBe(true);
    expect(promise.constructor).toBe(Promise);
    expect(Object.prototype.toString.call(promise)).toBe("[object Promise]");
    expect(inspect(promise)).toContain("<pending>");
    expect(await promise.then(({ data }) => data["a"] as unknown)).toBe(1);
    expect((await promise.finally(() => {})).data).toEqual({ a: 1 });
    expect((await Promise.race([promise, new Promise<never>(() => {})])).data).toEqual({ a: 1 });
  });
});

describe("sessions.restore names the unmet requirement", () => {
  test.each<[unknown, unknown, unknown, string]>([
    ["abc", "{}", "1h", "expected a session key, 32 characters of [a-z0-9], got a text of 3 characters"],
    [undefined, "{}", "1h", "expected a session key, 32 characters of [a-z0-9], got nothing."],
    [KEY, { a: 1 }, "1h", "expected the text of a JSON object, got an object. Give JSON.stringify(data)."],
    [KEY, "[1]", "1h", "expected the text of a JSON object."],
    [
      KEY,
      "{}",
      0,
      'expected the remaining time to live (seconds or text such as "14d"), more than 0, got 0 (number).',
    ],
    [
      KEY,
      "{}",
      undefined,
      'expected the remaining time to live (seconds or text such as "14d"), more than 0, got nothing.',
    ],
    [KEY, "{}", "60", 'got "60" (string).'],
  ])("%j, %j, %j", async (key, payload, ttl, message) => {
    const { sessions } = openHarness();
    const restore = sessions.restore(key as never, payload as never, ttl as never);
    await expect(restore).rejects.toBeInstanceOf(SessionUsageError);
    await expect(restore).rejects.toThrow(message);
    await expect(restore).rejects.not.toThrow("abc");
  });

  test("a store that keeps no sessions", async () => {
    const store = cookieSessionStore({ acceptsLostUpdates: true });
    const { sessions } = createSojourn({ projectName: "p", secretKey: "s".repeat(32), sessions: { store } });
    await expect(sessions.restore(KEY, "{}", "1h")).rejects.toThrow(
      "expected a store that keeps sessions, and here the cookies carry them. Take another one for sessions.store.",
    );
  });
});

describe("idioms of express-session throw with advice", () => {
  test.each(["save", "flush", "logout", "cycleKey", "touch", "reload"])(
    "session.%s(callback)",
    async (name) => {
      const session = (await openHarness().sessions.create({ a: 1 })) as unknown as Record<
        string,
        (cb: unknown) => unknown
      >;
      expect(() => session[name]?.(() => {})).toThrow(SessionUsageError);
      expect(() => session[name]?.(() => {})).toThrow(`Write \`await session.${name}()\``);
    },
  );

  test.each(["regenerate", "destroy", "resetMaxAge"])("session.%s()", async (name) => {
    const session = (await openHarness().sessions.create({ a: 1 })) as unknown as Record<
      string,
      () => unknown
    >;
    expect(() => session[name]?.()).toThrow(SessionUsageError);
    expect(() => session[name]?.()).toThrow(
      `session.${name}() belongs to express-session and does not exist here.`,
    );
  });

  test("session.cookie", async () => {
    const session = (await openHarness().sessions.create({ a: 1 })) as unknown as Record<
      string,
      { maxAge: number }
    >;
    expect(() => session["cookie"]?.maxAge).toThrow("session.setExpiry()");
  });
});
