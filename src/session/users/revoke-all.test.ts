import { describe, expect, test } from "vitest";
import { Browser, openHarness, withMembers } from "../../../test/support/session-harness.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import { createSojourn } from "../../create-sojourn.ts";
import { cookieSessionStore } from "../../stores/cookie/index.ts";
import type { SessionStore } from "../../stores/session-store.ts";

describe("revokeAll", () => {
  test("ends the sessions of all users, including anonymous and unreadable ones", async () => {
    const harness = openHarness({ deadline: "50ms" });
    const { sessions } = harness;
    const browsers = Array.from({ length: 100 }, () => new Browser(sessions));
    for (const [at, browser] of browsers.entries()) {
      await browser.request((session) =>
        at % 2 === 0 ? session.login(at) : void (session.data["cart"] = 1),
      );
    }
    const other = new Browser(harness.otherProcess({ secretKey: "another secret of the tests, as long" }));
    await other.request((session) => session.login(1));
    const [events, counts]: [
      { userId: string | undefined; count: number; sessions: readonly string[] }[],
      number[],
    ] = [[], []];
    sessions.on("revoked", (event) => events.push(event));
    expect(await sessions.revokeAll({ onProgress: ({ ended }) => counts.push(ended) })).toBe(101);
    expect(await harness.keys()).toStrictEqual([]);
    for (const browser of browsers)
      expect(await browser.request((session) => session.data["cart"])).toBeUndefined();
    expect(events.reduce((sum, { count }) => sum + count, 0)).toBe(101);
    expect(new Set(events.flatMap((event) => event.sessions)).size).toBe(101);
    expect(new Set(events.map(({ userId }) => userId))).toStrictEqual(new Set([undefined]));
    expect(counts.at(-1)).toBe(101);
    expect(await sessions.revokeAll()).toBe(0);
  });

  test.each(["login", "a first write", "cycleKey"])(
    "a session that is in %s at the call is dead after it",
    async (act) => {
      const harness = openHarness({ deadline: "200ms" });
      const { sessions, store } = harness;
      const browser = new Browser(sessions);
      if (act === "cycleKey") await browser.request((session) => session.login(1));
      const create = store.create.bind(store);
      let release = (): void => {};
      const held = new Promise<void>((resolve) => (release = resolve));
      let isHeld = false;
      store.create = async (...args) => {
        isHeld = true;
        await held;
        return create(...args);
      };
      const request = browser.begin();
      const session = await request.session();
      if (act === "a first write") session.data["cart"] = 1;
      const under = (
        act === "login" ? session.login(1) : act === "cycleKey" ? session.cycleKey() : session.save()
      ).catch(() => {});
      await expect.poll(() => isHeld).toBe(true);
      const revocation = sessions.revokeAll();
      // After its first walk.
      setTimeout(release, 100);
      await revocation;
      await under;
      expect(await harness.keys()).toStrictEqual([]);
      await request.finish(500);
    },
  );

  test("a session that gets a new key behind the walk is dead after it", async () => {
    const harness = openHarness({ deadline: "20ms" });
    const { sessions, store } = harness;
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(1));
    const session = await browser.begin().session();
    const original = store.delete.bind(store);
    store.delete = async (...args) => {
      store.delete = original;
      await session.cycleKey();
      return original(...args);
    };
    await sessions.revokeAll();
    expect(await harness.keys()).toStrictEqual([]);
  });

  test("a partial failure is reported, and another call finishes", async () => {
    const harness = openHarness({ deadline: "20ms" });
    const { sessions, store } = harness;
    for (let at = 0; at < 40; at++) await new Browser(sessions).request((session) => session.login(at));
    const original = store.delete.bind(store);
    let deletions = 0;
    store.delete = async (...args) => {
      if (++deletions === 35) throw new StoreConnectionError("the store is away", { outcome: "not-sent" });
      return original(...args);
    };
    await expect(sessions.revokeAll()).rejects.toMatchObject({ outcome: "unknown" });
    expect(await harness.keys()).toHaveLength(1);
    expect(await sessions.revokeAll()).toBe(1);
  });

  test("needs no index of users, only a store that keeps the records", async () => {
    const wrap = (store: SessionStore) => withMembers(store, { users: undefined });
    const { sessions } = openHarness({ wrap, deadline: "20ms" });
    await new Browser(sessions).request((session) => session.login(1));
    expect(await sessions.revokeAll()).toBe(1);
    const store = cookieSessionStore({ acceptsLostUpdates: true });
    const carried = createSojourn({
      projectName: "test",
      secretKey: "a secret of the tests, long enough",
      sessions: { store },
    });
    await expect(carried.sessions.revokeAll()).rejects.toThrow(
      "sessions.store: the cookies carry the records",
    );
  });
});
