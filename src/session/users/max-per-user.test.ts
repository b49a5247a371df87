import { describe, expect, test } from "vitest";
import { Browser, type Data, openHarness, withMembers } from "../../../test/support/session-harness.ts";
import { keysOf, listOf } from "../../../test/support/user-index.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import { createSojourn } from "../../create-sojourn.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import type { Session } from "../session.ts";

describe("maxPerUser", () => {
  test.each(["renewal", "login again", "cycleKey"] as const)(
    "ends no other session when two requests give one session a new key: %s",
    async (act) => {
      const harness = openHarness({ maxPerUser: 2, ...(act === "renewal" && { renewEvery: "1h" }) });
      const { sessions, store, clock } = harness;
      const [phone, laptop] = [new Browser(sessions), new Browser(sessions)];
      await phone.request((session) => session.login(1));
      clock.advance(1000);
      await laptop.request((session) => session.login(1));
      clock.advance(2 * 3_600_000);
      const twin = new Browser(harness.otherProcess(), laptop.cookie).begin();
      const twinSession = await twin.session();
      const rival = async (session: Session<Data>): Promise<void> => {
        if (act === "login again") await session.login(1);
        if (act === "cycleKey") await session.cycleKey();
      };
      const original = store.deleteIfMatch.bind(store);
      store.deleteIfMatch = async (...args) => {
        store.deleteIfMatch = original;
        await rival(twinSession);
        await twin.finish();
        return original(...args);
      };
      await laptop.request(rival).catch(() => {});
      expect(store.deleteIfMatch).toBe(original);
      await phone.request(({ userId }) => expect(userId).toBe("1"));
    },
  );

  test.each(["deleteIfMatch", "read"] as const)(
    "counts a session once during its renewal: a login elsewhere before its %s ends neither it nor another one",
    async (method) => {
      const harness = openHarness({ maxPerUser: 3, renewEvery: "1h" });
      const { sessions, store, clock } = harness;
      const [phone, laptop] = [new Browser(sessions), new Browser(sessions)];
      for (const browser of [phone, laptop]) {
        await browser.request((session) => session.login(1));
        clock.advance(1000);
      }
      clock.advance(2 * 3_600_000);
      const request = phone.begin();
      const session = await request.session();
      session.data["n"] = 1;
      const tablet = new Browser(harness.otherProcess());
      const original = store[method].bind(store) as (...args: never[]) => Promise<never>;
      store[method] = async (...args: never[]) => {
        store[method] = original;
        await tablet.request((other) => other.login(1));
        return original(...args);
      };
      await request.finish();
      expect(store[method]).toBe(original);
      expect(tablet.cookie).toBeDefined();
      for (const browser of [phone, laptop, tablet]) {
        await browser.request(({ userId }) => expect(userId).toBe("1"));
      }
      expect(await phone.request(({ data }) => data["n"])).toBe(1);
      await new Browser(sessions).request((other) => other.login(1));
      await phone.request(({ isNew }) => expect(isNew).toBe(true));
    },
  );

  test.each(["logout", "revoke", "logout of a late request"] as const)(
    "does not count a session that has ended under a newer key: %s",
    async (how) => {
      const harness = openHarness({ renewEvery: "1h" });
      const { sessions, clock } = harness;
      const browser = new Browser(sessions);
      await browser.request((session) => session.login(1));
      const late = new Browser(harness.otherProcess(), browser.cookie);
      const request = late.begin();
      if (how === "logout") await request.session();
      const { ref = "" } = await sessions.open(browser.cookie);
      clock.advance(2 * 3_600_000);
      await browser.request(() => {});
      expect(browser.cookie).not.toBe(late.cookie);
      await (how === "revoke" ? sessions.revoke(1, ref) : (await request.session()).logout());
      await browser.request(({ isNew }) => expect(isNew).toBe(true));
      expect(await keysOf(harness)).toStrictEqual([]);
    },
  );

  test("a session whose deletion fails stays listed, the login fails with the reason, and the next login ends it", async () => {
    const harness = openHarness({ maxPerUser: 1 });
    const { sessions, store, clock } = harness;
    const [old, next] = [new Browser(sessions), new Browser(sessions)];
    await old.request((session) => session.login(1));
    clock.advance(1000);
    const original = store.delete.bind(store);
    store.delete = () =>
      Promise.reject(new StoreConnectionError("the store is away", { outcome: "not-sent" }));
    await expect(next.request((session) => session.login(1))).rejects.toThrow("beyond sessions.maxPerUser");
    store.delete = original;
    expect(await old.request((session) => session.isAuthenticated)).toBe(true);
    expect(await listOf(sessions, "1")).toHaveLength(1);
    clock.advance(1000);
    await next.request((session) => session.login(1));
    expect(await old.request((session) => session.isAuthenticated)).toBe(false);
    expect(await next.request((session) => session.isAuthenticated)).toBe(true);
    expect(await harness.keys()).toHaveLength(1);
    expect(await keysOf(harness)).toHaveLength(1);
  });

  test("a setting that is introduced later ends a bounded number of sessions with each login", async () => {
    const { sessions, store, clock } = openHarness();
    for (let count = 0; count < 50; count++)
      await new Browser(sessions).request((session) => session.login(1));
    const { sessions: limited } = createSojourn<Data>({
      projectName: "test",
      secretKey: "a secret of the tests, long enough",
      clock,
      sessions: { store: () => store, maxPerUser: 3 },
    });
    const lengths: number[] = [];
    for (let count = 0; count < 4; count++) {
      await new Browser(limited).request((session) => session.login(1));
      lengths.push((await listOf(limited, "1")).length);
    }
    expect(lengths).toStrictEqual([31, 12, 3, 3]);
  });

  test("the oldest sessions are ended", async () => {
    const { sessions, clock } = openHarness({ maxPerUser: 2 });
    const browsers = Array.from({ length: 3 }, () => new Browser(sessions));
    for (const browser of browsers) {
      await browser.request((session) => session.login(1));
      clock.advance(1000);
    }
    const alive = [];
    for (const browser of browsers) alive.push(await browser.request((session) => session.isAuthenticated));
    expect(alive).toStrictEqual([false, true, true]);
  });

  test("holds under 50 parallel logins", async () => {
    const { sessions, keys } = openHarness({ maxPerUser: 5 });
    const browsers = Array.from({ length: 50 }, () => new Browser(sessions));
    const outcomes = await Promise.allSettled(
      browsers.map((browser) => browser.request((session) => session.login(1))),
    );
    expect(await keys()).toHaveLength(5);
    expect(await listOf(sessions, "1")).toHaveLength(5);
    const reasons = outcomes.flatMap((outcome) =>
      outcome.status === "rejected" ? [outcome.reason as unknown] : [],
    );
    for (const reason of reasons) expect(reason).toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
  });

  test("a session that gets a new key keeps its place and evicts no other", async () => {
    const { sessions, clock } = openHarness({ maxPerUser: 2 });
    const [one, two] = [new Browser(sessions), new Browser(sessions)];
    for (const browser of [one, two]) {
      await browser.request((session) => session.login(1));
      clock.advance(1000);
    }
    await one.request((session) => (session.data["cart"] = 1));
    await one.request((session) => session.cycleKey());
    await one.request((session) => session.login(1));
    await two.request((session) => session.cycleKey());
    for (const browser of [one, two])
      expect(await browser.request((session) => session.isAuthenticated)).toBe(true);
    expect(await one.request((session) => session.data["cart"])).toBe(1);
    const { sessions: single } = openHarness({ maxPerUser: 1 });
    const alone = new Browser(single);
    await alone.request(async (session) => {
      session.data["cart"] = 1;
      await session.login(1);
    });
    await alone.request((session) => session.cycleKey());
    await alone.request((session) => session.login(1));
    expect(await alone.request((session) => session.data["cart"])).toBe(1);
  });

  test("expired sessions do not count", async () => {
    const { sessions, clock } = openHarness({ maxPerUser: 2, cookie: { age: "1h" } });
    const [old, ...young] = Array.from({ length: 3 }, () => new Browser(sessions));
    await old?.request((session) => session.login(1));
    clock.advance(3_600_000);
    for (const browser of young) await browser.request((session) => session.login(1));
    expect(await listOf(sessions, "1")).toHaveLength(2);
  });

  test("needs a store that keeps an index", async () => {
    const wrap = (store: SessionStore) => withMembers(store, { name: "plain", users: undefined });
    expect(() => openHarness({ maxPerUser: 2, wrap })).toThrow(
      'sessions.maxPerUser: the store "plain" keeps no index of users',
    );
    const { sessions } = openHarness({ wrap });
    await expect(sessions.revokeUser(1)).rejects.toThrow('the store "plain" keeps no index of users');
  });
});
