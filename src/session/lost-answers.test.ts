import { describe, expect, test, vi } from "vitest";
import { anyDeadline, Browser, type Data } from "../../test/support/session-harness.ts";
import { LOST, OFFLINE, openWithFaults } from "../../test/support/session-faults.ts";
import { Signal } from "../../test/support/signal.ts";
import type { SessionTombstones } from "../stores/session-tombstones.ts";
import type { Session } from "./session.ts";

describe("after a lost answer", () => {
  test("a commit that was executed is found by its nonce, and not done twice", async () => {
    const { browser, faults, calls } = await openWithFaults();
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

  test("a commit that was not executed has an unknown outcome, and fn does not run again", async () => {
    const { browser, faults } = await openWithFaults();
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

  test("a commit that another one followed has an unknown outcome", async () => {
    const { browser, sessions, faults, store } = await openWithFaults();
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

  test("a commit fails with the first failure when the store cannot be read either", async () => {
    const { browser, faults, store } = await openWithFaults();
    const session = await browser.begin().session();
    const error = LOST();
    faults.next = { method: "commit", when: "before", error };
    store.read = () => Promise.reject(OFFLINE());
    session.data["n"] = 2;
    await expect(session.save()).rejects.toBe(error);
  });

  test("a first write is found by its nonce", async () => {
    const { sessions, faults, keys } = await openWithFaults();
    const browser = new Browser(sessions);
    faults.next = { method: "create", when: "after", error: LOST() };
    await browser.request((session) => (session.data["a"] = 1));
    expect(await browser.request((session) => session.data["a"])).toBe(1);
    expect(await keys()).toHaveLength(2);
  });

  test("a logout is sent again", async () => {
    const { browser, faults, keys, calls } = await openWithFaults();
    faults.next = { method: "delete", when: "before", error: LOST() };
    await browser.request((session) => session.logout());
    expect(calls).toStrictEqual(["read", "delete", "delete"]);
    expect(await keys()).toStrictEqual([]);
  });

  test("the tombstone of a logout is written again", async () => {
    const { browser, store } = await openWithFaults();
    await browser.request((session) => session.login(7));
    const late = browser.begin();
    const session = await late.session();
    const tombstones = store.tombstones as SessionTombstones;
    const add = vi.spyOn(tombstones, "add").mockRejectedValueOnce(LOST());
    await session.logout();
    expect(add).toHaveBeenCalledTimes(2);
  });

  test("a write that ended the session by its own expiry has an unknown outcome, and the session is gone", async () => {
    const { browser, sessions, faults } = await openWithFaults();
    const session = await new Browser(sessions, browser.cookie).begin().session();
    session.setExpiry(new Date(0));
    faults.next = { method: "deleteIfMatch", when: "after", error: LOST() };
    await expect(session.save()).rejects.toMatchObject({ outcome: "unknown" });
    await browser.request(({ isNew }) => expect(isNew).toBe(true));
  });

  test("the last step of a login is tried again if it was not executed", async () => {
    const { browser, faults, keys, calls } = await openWithFaults();
    faults.next = { method: "deleteIfMatch", when: "before", error: LOST() };
    await browser.request((session) => session.login(1));
    expect(calls).toStrictEqual(["read", "create", "deleteIfMatch", "deleteIfMatch", "read"]);
    expect(await keys()).toHaveLength(1);
    expect(await browser.request((next) => ({ ...next.data }))).toStrictEqual({ n: 1, _auth_user_id: "1" });
  });

  test("a login whose last step was executed has succeeded, since a logout would have ended the new key too", async () => {
    const { browser, faults, keys } = await openWithFaults();
    faults.next = { method: "deleteIfMatch", when: "after", error: LOST() };
    await browser.request((session) => session.login(1));
    expect(await browser.request((session) => session.userId)).toBe("1");
    expect(await keys()).toHaveLength(1);
  });

  test("a login whose last step was executed on a store without tombstones has an unknown outcome, no cookie, and no leftover key", async () => {
    const { browser, faults, keys } = await openWithFaults({ hasTombstones: false });
    const request = browser.begin();
    const session = await request.session();
    faults.next = { method: "deleteIfMatch", when: "after", error: LOST() };
    await expect(session.login(1)).rejects.toMatchObject({ outcome: "unknown" });
    await request.finish(500);
    expect(request.setCookie).toStrictEqual([]);
    expect(await keys()).toStrictEqual([]);
  });

  test("a login whose last step was executed and whose next attempt cannot be sent has an unknown outcome, not not-sent", async () => {
    const { browser, faults, store } = await openWithFaults();
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

describe("after a lost answer of the last step of a move, while another process moves the session", () => {
  /** Another process acts before the step reaches the store, and the step is not executed. */
  async function moveBeside(
    act: (session: Session<Data>) => Promise<void>,
    rival: (other: Browser) => Promise<unknown>,
  ) {
    const { browser, store, otherProcess, keys, clock } = await openWithFaults({ renewEvery: "24h" });
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
    "a %s has an unknown outcome, and the session is the one moved by a login",
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
    "a %s has an unknown outcome, and the session continues as renewed",
    async (how) => {
      const { browser, store, otherProcess, keys, clock } = await openWithFaults({ renewEvery: "24h" });
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
