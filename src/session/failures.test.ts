import { describe, expect, test, vi } from "vitest";
import { StoreConnectionError, StoreServiceError } from "../core/errors.ts";
import {
  anyDeadline,
  Browser,
  type Data,
  openHarness,
  withoutTombstones,
} from "../../test/support/session-harness.ts";
import type { SessionStore } from "../stores/session-store.ts";
import type { SessionTombstones } from "../stores/session-tombstones.ts";
import type { Session } from "./session.ts";

type Method = "read" | "create" | "commit" | "touch" | "delete" | "deleteIfMatch";

const LOST = () => new StoreConnectionError("The connection was lost.", { outcome: "unknown" });
const OFFLINE = () => new StoreConnectionError("There is no connection.", { outcome: "not-sent" });

class Signal {
  give: () => void = () => {};
  readonly given = new Promise<void>((resolve) => (this.give = resolve));
}

/**
 * Fails the next call of one method: before it reaches the store, or after, so that only the answer
 * is lost.
 */
class Faults {
  next: { method: Method; when: "before" | "after"; error: Error; times?: number } | undefined;

  readonly wrap = (store: SessionStore): SessionStore =>
    new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return async (...args: unknown[]): Promise<unknown> => {
          const call = (): unknown => Reflect.apply(value, target, args);
          if (this.next?.method !== name) return call();
          const { when, error, times = 1 } = this.next;
          this.next = times > 1 ? { ...this.next, times: times - 1 } : undefined;
          if (when === "after") await call();
          throw error;
        };
      },
    });
}

async function setUp({
  hasTombstones = true,
  ...settings
}: Parameters<typeof openHarness>[0] & { hasTombstones?: boolean } = {}) {
  const faults = new Faults();
  const wrap = (store: SessionStore) => faults.wrap(hasTombstones ? store : withoutTombstones(store));
  const harness = openHarness({ ...settings, wrap });
  const browser = new Browser(harness.sessions);
  await browser.request((session) => (session.data["n"] = 1));
  harness.calls.length = 0;
  return { ...harness, faults, browser };
}

describe("a lost answer", () => {
  test("of a commit that was executed: found by its nonce, and not done twice", async () => {
    const { browser, faults, calls } = await setUp();
    let runs = 0;
    const request = browser.begin();
    const session = await request.session();
    faults.next = { method: "commit", when: "after", error: LOST() };
    await session.update((data) => (data["n"] += ++runs));
    await request.finish();
    expect(runs).toBe(1);
    expect(calls).toStrictEqual(["read", "commit", "read"]);
    expect(await browser.request((next) => next.data["n"])).toBe(2);
  });

  test("of a commit that was not executed: the outcome is unknown, and fn does not run again", async () => {
    const { browser, faults } = await setUp();
    let runs = 0;
    const session = await browser.begin().session();
    faults.next = { method: "commit", when: "before", error: LOST() };
    await expect(session.update((data) => (data["n"] += ++runs))).rejects.toMatchObject({
      code: "ERR_STORE_CONNECTION",
      outcome: "unknown",
    });
    expect(runs).toBe(1);
    expect(await browser.request((next) => next.data["n"])).toBe(1);
  });

  test("of a commit that another one followed: unknown", async () => {
    const { browser, sessions, faults, store } = await setUp();
    const session = await sessions.open(browser.cookie);
    const original = store.commit.bind(store);
    store.commit = async (...args) => {
      store.commit = original;
      await original(...args);
      // Another process.
      const [key] = args;
      await store.delete(key, anyDeadline());
      throw LOST();
    };
    session.data["n"] = 2;
    await expect(session.save()).rejects.toMatchObject({ outcome: "unknown" });
    expect(faults.next).toBeUndefined();
  });

  test("of a commit, when the store cannot be read either: the first failure is reported", async () => {
    const { browser, faults, store } = await setUp();
    const session = await browser.begin().session();
    const error = LOST();
    faults.next = { method: "commit", when: "before", error };
    store.read = () => Promise.reject(OFFLINE());
    session.data["n"] = 2;
    await expect(session.save()).rejects.toBe(error);
  });

  test("of a first write: found by its nonce", async () => {
    const { sessions, faults, keys } = await setUp();
    const browser = new Browser(sessions);
    faults.next = { method: "create", when: "after", error: LOST() };
    await browser.request((session) => (session.data["a"] = 1));
    expect(await browser.request((session) => session.data["a"])).toBe(1);
    expect(await keys()).toHaveLength(2);
  });

  test("of a logout: it is sent again", async () => {
    const { browser, faults, keys, calls } = await setUp();
    faults.next = { method: "delete", when: "before", error: LOST() };
    await browser.request((session) => session.logout());
    expect(calls).toStrictEqual(["read", "delete", "delete"]);
    expect(await keys()).toStrictEqual([]);
  });

  test("of the tombstone of a logout: it is written again", async () => {
    const { browser, store } = await setUp();
    await browser.request((session) => session.login(7));
    const late = browser.begin();
    const session = await late.session();
    const tombstones = store.tombstones as SessionTombstones;
    const add = vi.spyOn(tombstones, "add").mockRejectedValueOnce(LOST());
    await session.logout();
    expect(add).toHaveBeenCalledTimes(2);
  });

  test("of a write that ended the session by its own expiry: unknown, and the session is gone", async () => {
    const { browser, sessions, faults } = await setUp();
    const session = await new Browser(sessions, browser.cookie).begin().session();
    session.setExpiry(new Date(0));
    faults.next = { method: "deleteIfMatch", when: "after", error: LOST() };
    await expect(session.save()).rejects.toMatchObject({ outcome: "unknown" });
    await browser.request(({ isNew }) => expect(isNew).toBe(true));
  });

  test("of a login whose last step was not executed: the step is tried again", async () => {
    const { browser, faults, keys, calls } = await setUp();
    faults.next = { method: "deleteIfMatch", when: "before", error: LOST() };
    await browser.request((session) => session.login(1));
    expect(calls).toStrictEqual(["read", "create", "deleteIfMatch", "deleteIfMatch", "read"]);
    expect(await keys()).toHaveLength(1);
    expect(await browser.request((next) => ({ ...next.data }))).toStrictEqual({ n: 1, _auth_user_id: "1" });
  });

  test("of a login whose last step was executed: it has succeeded, since a logout would have ended the new key too", async () => {
    const { browser, faults, keys } = await setUp();
    faults.next = { method: "deleteIfMatch", when: "after", error: LOST() };
    await browser.request((session) => session.login(1));
    expect(await browser.request((session) => session.userId)).toBe("1");
    expect(await keys()).toHaveLength(1);
  });

  test("of a login whose last step was executed, on a store without tombstones: unknown, no cookie, and no leftover key", async () => {
    const { browser, faults, keys } = await setUp({ hasTombstones: false });
    const request = browser.begin();
    const session = await request.session();
    faults.next = { method: "deleteIfMatch", when: "after", error: LOST() };
    await expect(session.login(1)).rejects.toMatchObject({ outcome: "unknown" });
    await request.finish(500);
    expect(request.setCookie).toStrictEqual([]);
    expect(await keys()).toStrictEqual([]);
  });

  test("of a login whose last step was executed and whose next attempt cannot be sent: unknown, not not-sent", async () => {
    const { browser, faults, store } = await setUp();
    const request = browser.begin();
    const session = await request.session();
    faults.next = { method: "deleteIfMatch", when: "after", error: LOST() };
    const original = store.deleteIfMatch.bind(store);
    store.deleteIfMatch = async (...args) => {
      faults.next = { method: "deleteIfMatch", when: "before", error: OFFLINE() };
      return original(...args);
    };
    await expect(session.login(1)).rejects.toMatchObject({
      code: "ERR_STORE_CONNECTION",
      outcome: "unknown",
    });
  });
});

describe("a lost answer of the last step of a move, while another process moves the session", () => {
  /** Another process acts before the step reaches the store, and the step is not executed. */
  async function moveBeside(
    act: (session: Session<Data>) => Promise<void>,
    rival: (other: Browser) => Promise<unknown>,
  ) {
    const { browser, store, otherProcess, keys, clock } = await setUp({ renewEvery: "24h" });
    const other = new Browser(otherProcess(), browser.cookie);
    clock.advance(25 * 3_600_000);
    const original = store.deleteIfMatch.bind(store);
    store.deleteIfMatch = async () => {
      store.deleteIfMatch = original;
      await rival(other);
      throw LOST();
    };
    const request = browser.begin();
    const failure = act(await request.session());
    await expect(failure).rejects.toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "unknown" });
    await request.finish(500);
    return { other, keys };
  }

  test.each(["login", "cycleKey"] as const)(
    "of a %s: unknown, and the session is the one moved by a login",
    async (how) => {
      const { other, keys } = await moveBeside(
        (session) => (how === "login" ? session.login(7) : session.cycleKey()),
        async (browser) => {
          await browser.request((session) => (session.data["n"] = 2));
          await browser.request((session) => session.login(7));
        },
      );
      await other.request(({ data, userId }) => expect([data["n"], userId]).toStrictEqual([2, "7"]));
      expect(await keys()).toHaveLength(1);
    },
  );

  test.each(["login", "cycleKey"] as const)(
    "of a %s: unknown, and the session continues as renewed",
    async (how) => {
      const { browser, store, otherProcess, keys, clock } = await setUp({ renewEvery: "24h" });
      await browser.request((session) => session.login(7));
      const other = new Browser(otherProcess(), browser.cookie);
      clock.advance(25 * 3_600_000);
      const original = store.deleteIfMatch.bind(store);
      const [reached, released] = [new Signal(), new Signal()];
      store.deleteIfMatch = async (...args) => {
        store.deleteIfMatch = async () => {
          store.deleteIfMatch = original;
          released.give();
          await renewal;
          throw LOST();
        };
        reached.give();
        await released.given;
        return original(...args);
      };
      const renewal = other.request((session) => (session.data["n"] = 2));
      await reached.given;
      const session = await browser.begin().session();
      const move = how === "login" ? session.login(7) : session.cycleKey();
      await expect(move).rejects.toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "unknown" });
      await other.request(({ data }) => expect(data["n"]).toBe(2));
      expect(await keys()).toHaveLength(1);
    },
  );
});

test("the time that an operation waits in its session's queue counts towards its deadline", async () => {
  const { browser, sessions, store, clock } = await setUp({ deadline: "1s" });
  const session = await sessions.open(browser.cookie);
  const original = store.commit.bind(store);
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  store.commit = async (...args) => {
    store.commit = original;
    await held;
    return original(...args);
  };
  const [first, second] = [1, 2].map(() => session.update((data) => (data["n"] += 1)));
  // The store has received the first one.
  await vi.waitFor(() => expect(store.commit).toBe(original));
  clock.advance(999);
  release();
  clock.advance(1);
  await expect(first).rejects.toMatchObject({ outcome: "not-sent" });
  await expect(second).rejects.toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "not-sent" });
});

describe("a failing store", () => {
  test("before anything was sent: nothing is retried, and the outcome is not-sent", async () => {
    const { browser, faults, calls } = await setUp();
    const session = await browser.begin().session();
    faults.next = { method: "commit", when: "before", error: OFFLINE() };
    session.data["n"] = 2;
    await expect(session.save()).rejects.toMatchObject({ outcome: "not-sent" });
    expect(calls).toStrictEqual(["read", "commit"]);
  });

  test("on a read: the error instead of an empty session; the next request is unaffected", async () => {
    const { browser, faults } = await setUp();
    faults.next = { method: "read", when: "before", error: OFFLINE() };
    const request = browser.begin();
    await expect(request.session()).rejects.toMatchObject({ code: "ERR_STORE_CONNECTION" });
    await request.finish(500);
    expect(request.setCookie).toStrictEqual([]);
    expect(await browser.request((session) => session.data["n"])).toBe(1);
  });

  test("on a read: the same request may try again", async () => {
    const { browser, faults } = await setUp();
    faults.next = { method: "read", when: "before", error: OFFLINE() };
    const request = browser.begin();
    await expect(request.session()).rejects.toThrow("There is no connection.");
    expect((await request.session()).data["n"]).toBe(1);
  });

  test("on a logout: the error, and the session and its cookie are unchanged", async () => {
    const { browser, faults, keys } = await setUp();
    faults.next = { method: "delete", when: "before", error: OFFLINE() };
    const request = browser.begin();
    const session = await request.session();
    await expect(session.logout()).rejects.toMatchObject({ outcome: "not-sent" });
    await request.finish(500);
    expect(request.setCookie).toStrictEqual([]);
    expect(await keys()).toHaveLength(1);
  });

  test("on a touch: an event, not an error, and the next request tries again", async () => {
    const { browser, faults, events, clock, calls } = await setUp();
    clock.advance(61_000);
    const error = new StoreServiceError("LOADING", { outcome: "not-sent" });
    faults.next = { method: "touch", when: "before", error };
    await browser.request((session) => session.data["n"]);
    expect(events).toStrictEqual([{ name: "touchFailed", event: { error } }]);
    calls.length = 0;
    await browser.request((session) => session.data["n"]);
    expect(calls).toStrictEqual(["read", "touch"]);
  });

  test("the error page of a failed save does not try to save again", async () => {
    const { browser, faults, calls } = await setUp();
    const request = browser.begin();
    (await request.session()).data["n"] = 2;
    faults.next = { method: "commit", when: "before", error: OFFLINE() };
    await expect(request.finish(200)).rejects.toThrow("There is no connection.");
    await request.finish(400);
    expect(calls).toStrictEqual(["read", "commit"]);
    expect(request.setCookie).toStrictEqual([]);
  });
});

describe("when other requests keep writing first", () => {
  test("until the deadline: SessionConflictError, and nothing of this commit is written", async () => {
    const { browser, sessions, store, clock, otherProcess } = await setUp({ deadline: "1s" });
    const session = await sessions.open(browser.cookie);
    const other = await otherProcess().open(browser.cookie);
    const original = store.commit.bind(store);
    let attempts = 0;
    store.commit = async (...args) => {
      store.commit = original;
      await other.update((data) => (data["theirs"] = ++attempts));
      store.commit = overtaken;
      const result = await original(...args);
      clock.advance(300);
      return result;
    };
    const overtaken = store.commit;
    await expect(session.update((data) => (data["mine"] = true))).rejects.toMatchObject({
      code: "ERR_SESSION_CONFLICT",
      outcome: "not-sent",
      message: expect.stringContaining("for 1000 ms"),
    });
    store.commit = original;
    expect(attempts).toBe(4);
    expect(await browser.request((next) => ({ ...next.data }))).toStrictEqual({ n: 1, theirs: 4 });
  });

  test("occasionally: merged, and tried again", async () => {
    const { browser, sessions, store, otherProcess, calls } = await setUp();
    const session = await sessions.open(browser.cookie);
    const other = await otherProcess().open(browser.cookie);
    const original = store.commit.bind(store);
    store.commit = async (...args) => {
      store.commit = original;
      await other.update((data) => (data["theirs"] = true));
      return original(...args);
    };
    calls.length = 0;
    await session.update((data) => (data["n"] += 1));
    expect(calls).toStrictEqual(["commit", "commit"]);
    expect(session.data).toStrictEqual({ n: 2, theirs: true });
  });

  test("during a login: their writes are copied to the new key", async () => {
    const { browser, store, otherProcess, keys } = await setUp();
    const other = await otherProcess().open(browser.cookie);
    const original = store.deleteIfMatch.bind(store);
    store.deleteIfMatch = async (...args) => {
      store.deleteIfMatch = original;
      await other.update((data) => (data["theirs"] = true));
      return original(...args);
    };
    await browser.request((session) => session.login(1));
    expect(await keys()).toHaveLength(1);
    expect(await browser.request((next) => ({ ...next.data }))).toStrictEqual({
      n: 1,
      theirs: true,
      _auth_user_id: "1",
    });
  });
});

test("a cookie is not extended while it is unknown whether another request has given the session a new key", async () => {
  const { browser, sessions, store } = await setUp({ cookie: { age: "1h" } });
  const late = new Browser(sessions, browser.cookie);
  const request = late.begin();
  const session = await request.session();
  session.setExpiry("2h");
  await session.save();
  const read = store.read.bind(store);
  store.read = () => Promise.reject(OFFLINE());
  await request.finish();
  expect(request.setCookie).toStrictEqual([]);
  store.read = read;
  await late.request((next) => next.setExpiry("3h"));
  expect(late.cookie).toBe(browser.cookie);
});

test("a new key made by another request is not sent while it is unknown whether it is alive", async () => {
  const { browser, sessions, clock, store } = await setUp({ renewEvery: "24h" });
  await browser.request((session) => session.login(7));
  const late = new Browser(sessions, browser.cookie);
  clock.advance(25 * 3_600_000);
  await browser.request(() => {});
  const request = late.begin();
  expect((await request.session()).userId).toBe("7");
  const original = store.read.bind(store);
  store.read = () => Promise.reject(OFFLINE());
  await request.finish();
  expect(request.setCookie).toStrictEqual([]);
  store.read = original;
  await late.request(({ userId }) => expect(userId).toBe("7"));
  expect(late.cookie).toBe(browser.cookie);
});

describe("an abandoned renewal leaves a second record of the session", () => {
  /**
   * A login, a day later a renewal whose last step does not reach the store, and then a change of
   * the session.
   */
  async function openHalfway(settings: Parameters<typeof setUp>[0] = {}) {
    const opened = await setUp({ renewEvery: "24h", ...settings });
    const { browser, clock, faults } = opened;
    await browser.request((session) => session.login(7));
    const old = browser.cookie;
    clock.advance(25 * 3_600_000);
    faults.next = { method: "deleteIfMatch", when: "before", error: LOST(), times: 2 };
    await browser.request(() => {});
    expect(faults.next).toBeUndefined();
    expect(browser.cookie).toBe(old);
    await browser.request((session) => (session.data["n"] = 2));
    expect(browser.cookie).toBe(old);
    return opened;
  }

  test("which is not found after the session was evicted for another one", async () => {
    const { browser, sessions } = await openHalfway({ maxPerUser: 1 });
    await new Browser(sessions).request((session) => session.login(7));
    await browser.request(({ isNew }) => expect(isNew).toBe(true));
    expect(await sessions.revokeUser(7)).toBe(1);
  });

  test("which is not found after the session has ended by its own expiry, set afterwards", async () => {
    const { browser, clock } = await openHalfway();
    await browser.request((session) => session.setExpiry(20));
    await browser.request(({ data }) => expect(data["n"]).toBe(2));
    clock.advance(21_000);
    await browser.request(({ isNew }) => expect(isNew).toBe(true));
  });

  test.each(["a write", "cycleKey"] as const)(
    "which is not found after %s has ended the expired session",
    async (how) => {
      const { browser, sessions } = await openHalfway();
      const late = await new Browser(sessions, browser.cookie).begin().session();
      await browser.request(async (other) => {
        other.setExpiry(new Date(0));
        if (how === "cycleKey") await other.cycleKey();
      });
      await expect(late.update((data) => (data["n"] += 1))).rejects.toMatchObject({
        code: "ERR_SESSION_INTERRUPTED",
      });
    },
  );

  test.each(["before", "after"] as const)(
    "which is not found after a write with a lost first answer has ended the session: %s the store was reached",
    async (when) => {
      const { browser, faults } = await openHalfway();
      await browser.request(async (session) => {
        session.setExpiry(new Date(0));
        faults.next = { method: "deleteIfMatch", when, error: LOST() };
        await session.save();
      });
      expect(faults.next).toBeUndefined();
      await browser.request(({ isNew }) => expect(isNew).toBe(true));
    },
  );

  test.each(["a write", "cycleKey"] as const)(
    "of which %s that ends the session reports when it could not be ended: unknown",
    async (how) => {
      const { browser, sessions, store } = await openHalfway();
      const session = await new Browser(sessions, browser.cookie).begin().session();
      session.setExpiry(new Date(0));
      vi.spyOn(store.tombstones as SessionTombstones, "add").mockRejectedValue(OFFLINE());
      const end = how === "cycleKey" ? session.cycleKey() : session.save();
      await expect(end).rejects.toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "unknown" });
    },
  );

  test.each(["login", "cycleKey"] as const)(
    "and a late expiry under the key before a %s ends nothing",
    async (how) => {
      const { browser, sessions } = await setUp();
      const late = await new Browser(sessions, browser.cookie).begin().session();
      await browser.request((session) => (how === "login" ? session.login(7) : session.cycleKey()));
      late.setExpiry(new Date(0));
      await expect(late.save()).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
      await browser.request(({ data }) => expect(data["n"]).toBe(1));
    },
  );

  test("which a late login with an earlier key does not join", async () => {
    const { browser, sessions, clock, faults } = await setUp({ renewEvery: "30s" });
    const late = new Browser(sessions, browser.cookie);
    await browser.request((session) => session.login(7));
    clock.advance(31_000);
    faults.next = { method: "deleteIfMatch", when: "before", error: LOST(), times: 2 };
    await browser.request(() => {});
    await browser.request((session) => (session.data["n"] = 2));
    await late.request(async (session) => {
      await session.login(7);
      expect(session.data["n"]).toBe(2);
    });
    expect(late.cookie).toBe(browser.cookie);
  });

  test.each(["login", "cycleKey"] as const)(
    "which is deleted once the session has another key by %s",
    async (how) => {
      const { browser, sessions } = await openHalfway();
      await browser.request((session) => (how === "login" ? session.login(7) : session.cycleKey()));
      await browser.request(({ data }) => expect(data["n"]).toBe(2));
      expect(await sessions.revokeUser(7)).toBe(1);
    },
  );

  test("and a session continues whose other renewal was in progress when its expiry was set", async () => {
    const { browser, sessions, clock, store, otherProcess } = await setUp({ renewEvery: "24h" });
    await browser.request((session) => session.login(7));
    clock.advance(25 * 3_600_000);
    const renewing = new Browser(sessions, browser.cookie);
    const original = store.deleteIfMatch.bind(store);
    store.deleteIfMatch = async (...args) => {
      store.deleteIfMatch = original;
      // The new record exists, and the old one is not yet deleted.
      const session = await otherProcess().open(browser.cookie);
      session.setExpiry(20);
      await session.save();
      return original(...args);
    };
    await renewing.request((session) => (session.data["mine"] = 1));
    await renewing.request(({ data, userId }) => expect([data["mine"], userId]).toStrictEqual([1, "7"]));
    clock.advance(21_000);
    await renewing.request(({ isNew }) => expect(isNew).toBe(true));
  });
});

describe("an abandoned login leaves a second record of the session", () => {
  async function openHalfway(settings: Parameters<typeof setUp>[0] = {}) {
    const opened = await setUp(settings);
    const { browser, faults } = opened;
    const old = browser.cookie;
    faults.next = { method: "deleteIfMatch", when: "before", error: LOST(), times: 2 };
    // The deadline for deleting the second record has passed.
    opened.store.delete = () => Promise.reject(OFFLINE());
    await expect(browser.request((session) => session.login(7))).rejects.toMatchObject({
      outcome: "unknown",
    });
    expect(faults.next).toBeUndefined();
    Reflect.deleteProperty(opened.store, "delete");
    await browser.request((session) => (session.data["n"] = 2));
    expect(browser.cookie).toBe(old);
    return opened;
  }

  test.each(["login", "cycleKey"] as const)(
    "which is deleted once the session has another key by %s",
    async (how) => {
      const { browser, sessions, keys } = await openHalfway();
      const late = new Browser(sessions, browser.cookie);
      await browser.request((session) => (how === "login" ? session.login(7) : session.cycleKey()));
      expect(browser.cookie).not.toBe(late.cookie);
      await browser.request(({ data }) => expect(data["n"]).toBe(2));
      expect(await keys()).toHaveLength(1);
      await late.request(async (session) => {
        await session.login(7);
        expect(session.data["n"]).toBe(how === "login" ? 2 : undefined);
      });
      expect(await sessions.revokeUser(7)).toBe(1);
    },
  );

  test("which a login does not join after the session has ended by its own expiry", async () => {
    const { browser, clock } = await openHalfway();
    await browser.request((session) => session.setExpiry(20));
    clock.advance(21_000);
    await browser.request(async (session) => {
      await session.login(7);
      expect(session.data["n"]).toBeUndefined();
    });
  });
});

test("nor is a new key that the request was led to while it ran", async () => {
  const { browser, sessions, clock, store } = await setUp({ renewEvery: "24h" });
  await browser.request((session) => session.login(7));
  const late = new Browser(sessions, browser.cookie).begin();
  const session = await late.session();
  clock.advance(25 * 3_600_000);
  await browser.request(() => {});
  await session.update((data) => void (data["n"] = 2));
  store.read = () => Promise.reject(OFFLINE());
  await late.finish();
  expect(late.setCookie).toStrictEqual([]);
});
