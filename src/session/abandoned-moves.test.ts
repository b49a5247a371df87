import { describe, expect, test, vi } from "vitest";
import { anyDeadline, Browser } from "../../test/support/session-harness.ts";
import { LOST, OFFLINE, openWithFaults } from "../../test/support/session-faults.ts";
import type { SessionTombstones } from "../stores/session-tombstones.ts";

describe("the second record that an abandoned renewal leaves", () => {
  /**
   * A login, a day later a renewal whose last step does not reach the store, and then a change of
   * the session.
   */
  async function openHalfway(settings: Parameters<typeof openWithFaults>[0] = {}) {
    const opened = await openWithFaults({ renewEvery: "24h", ...settings });
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

  test("is not found after the session was evicted for another one", async () => {
    const { browser, sessions } = await openHalfway({ maxPerUser: 1 });
    await new Browser(sessions).request((session) => session.login(7));
    await browser.request(({ isNew }) => expect(isNew).toBe(true));
    expect(await sessions.revokeUser(7)).toBe(1);
  });

  test("is not found after the session has ended by its own expiry, set afterwards", async () => {
    const { browser, clock } = await openHalfway();
    await browser.request((session) => session.setExpiry(20));
    await browser.request(({ data }) => expect(data["n"]).toBe(2));
    clock.advance(21_000);
    await browser.request(({ isNew }) => expect(isNew).toBe(true));
  });

  test.each(["a write", "cycleKey"] as const)(
    "is not found after %s has ended the expired session",
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
    "is not found after a write with a lost first answer has ended the session: %s the store was reached",
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
    "makes the outcome of %s that ends the session unknown if it could not be deleted",
    async (how) => {
      const { browser, sessions, store } = await openHalfway();
      const session = await new Browser(sessions, browser.cookie).begin().session();
      session.setExpiry(new Date(0));
      vi.spyOn(store.tombstones as SessionTombstones, "add").mockRejectedValue(OFFLINE());
      const end = how === "cycleKey" ? session.cycleKey() : session.save();
      await expect(end).rejects.toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "unknown" });
    },
  );

  test("is not joined by a late login with an earlier key", async () => {
    const { browser, sessions, clock, faults } = await openWithFaults({ renewEvery: "30s" });
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
    "is deleted once the session has another key by %s",
    async (how) => {
      const { browser, sessions } = await openHalfway();
      await browser.request((session) => (how === "login" ? session.login(7) : session.cycleKey()));
      await browser.request(({ data }) => expect(data["n"]).toBe(2));
      expect(await sessions.revokeUser(7)).toBe(1);
    },
  );
});

describe("the second record that an abandoned login leaves", () => {
  async function openHalfway(settings: Parameters<typeof openWithFaults>[0] = {}) {
    const opened = await openWithFaults(settings);
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
    "is deleted once the session has another key by %s",
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

  test("is not joined by a login after the session has ended by its own expiry", async () => {
    const { browser, clock } = await openHalfway();
    await browser.request((session) => session.setExpiry(20));
    clock.advance(21_000);
    await browser.request(async (session) => {
      await session.login(7);
      expect(session.data["n"]).toBeUndefined();
    });
  });
});

test.each(["login", "cycleKey"] as const)(
  "a late expiry under the key before a %s ends nothing",
  async (how) => {
    const { browser, sessions } = await openWithFaults();
    const late = await new Browser(sessions, browser.cookie).begin().session();
    await browser.request((session) => (how === "login" ? session.login(7) : session.cycleKey()));
    late.setExpiry(new Date(0));
    await expect(late.save()).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
    await browser.request(({ data }) => expect(data["n"]).toBe(1));
  },
);

test("a session whose expiry is set during its renewal continues until it expires", async () => {
  const { browser, sessions, clock, store, otherProcess } = await openWithFaults({ renewEvery: "24h" });
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

test("a login that is abandoned during a renewal does not hide the renewed session", async () => {
  const opened = await openWithFaults({ renewEvery: "24h" });
  const { browser, sessions, clock, store, otherProcess } = opened;
  await browser.request((session) => session.login(7));
  clock.advance(25 * 3_600_000);
  const late = new Browser(sessions, browser.cookie);
  const original = store.deleteIfMatch.bind(store);
  const logInHalfway = async () => {
    const session = await otherProcess().open(browser.cookie);
    const tombstones = store.tombstones as SessionTombstones;
    store.deleteIfMatch = () => {
      // From here on, nothing reaches the store.
      tombstones.replace = () => Promise.reject(OFFLINE());
      return Promise.reject(LOST());
    };
    store.delete = () => Promise.reject(OFFLINE());
    await expect(session.login(7)).rejects.toMatchObject({ outcome: "unknown" });
    Reflect.deleteProperty(store, "delete");
    Reflect.deleteProperty(tombstones, "replace");
  };
  store.deleteIfMatch = async (...args) => {
    // The renewal is remembered, and the old record is not yet deleted.
    await logInHalfway();
    store.deleteIfMatch = original;
    return original(...args);
  };
  await browser.request((session) => (session.data["n"] = 2));
  await browser.request(({ data }) => expect(data["n"]).toBe(2));
  await late.request(async (session) => {
    await session.login(7);
    expect(session.data["n"]).toBe(2);
  });
  await late.request((session) => session.logout());
  await browser.request(({ isNew }) => expect(isNew).toBe(true));
});

describe("a move whose old record another request has deleted meanwhile, and whose new one cannot be deleted", () => {
  /** A process that stops halfway through a logout deletes the old record; then the store is unreachable. */
  async function openGone(settings: Parameters<typeof openWithFaults>[0] = {}) {
    const opened = await openWithFaults({ renewEvery: "24h", ...settings });
    const { browser, clock, store } = opened;
    await browser.request((session) => session.login(7));
    clock.advance(25 * 3_600_000);
    const original = store.deleteIfMatch.bind(store);
    store.deleteIfMatch = async (...args) => {
      await store.delete(args[0], anyDeadline());
      const result = await original(...args);
      const refuse = (): Promise<never> => Promise.reject(OFFLINE());
      Object.assign(store, { delete: refuse, commit: refuse, read: refuse });
      return result;
    };
    const restore = (): void => {
      for (const method of ["deleteIfMatch", "delete", "commit", "read"] as const)
        Reflect.deleteProperty(store, method);
    };
    return { ...opened, restore };
  }

  const UNKNOWN = { code: "ERR_STORE_CONNECTION", outcome: "unknown" };

  test("has an unknown outcome for a change saved with a renewal, to which the old key leads now", async () => {
    const { browser, restore } = await openGone();
    await expect(browser.request((session) => void (session.data["n"] = 2))).rejects.toMatchObject(UNKNOWN);
    restore();
    expect(await browser.request(({ data }) => data["n"])).toBe(2);
  });

  test.each(["login", "cycleKey"] as const)("has an unknown outcome for %s", async (how) => {
    const { browser } = await openGone({ renewEvery: null });
    const session = await browser.begin().session();
    session.data["n"] = 2;
    await expect(how === "login" ? session.login(7) : session.cycleKey()).rejects.toMatchObject(UNKNOWN);
  });

  test("fails a request that has only read no more than any other renewal that fails", async () => {
    const { browser, restore } = await openGone();
    const old = browser.cookie;
    await browser.request(() => {});
    expect(browser.cookie).toBe(old);
    restore();
    await browser.request(({ isNew, userId }) => expect([isNew, userId]).toEqual([false, "7"]));
  });
});
