import { describe, expect, test } from "vitest";
import { anyDeadline, Browser, type Harness, openHarness } from "../../test/support/session-harness.ts";
import { StoreConnectionError } from "../core/errors.ts";
import type { Sessions } from "./sessions.ts";
import type { UserIndex } from "../stores/user-index.ts";
import { refOf, type UserSession } from "./user-sessions.ts";

const FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0";
const SAFARI =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";

async function listOf(sessions: Sessions<any>, userId: string): Promise<UserSession[]> {
  const listed: UserSession[] = [];
  for await (const session of sessions.ofUser(userId)) listed.push(session);
  return listed;
}

/** Holds a step of the index until the test lets it go. */
function holdSteps(index: UserIndex, name: "add" | "check"): { arrived: () => number; release: () => void } {
  const original = index[name].bind(index) as (...args: any[]) => Promise<any>;
  const waiting: (() => void)[] = [];
  let isOpen = false;
  Object.assign(index, {
    async [name](...args: unknown[]) {
      const result: unknown = name === "add" ? await original(...args) : undefined;
      if (!isOpen) await new Promise<void>((resolve) => waiting.push(resolve));
      return name === "add" ? result : original(...args);
    },
  });
  return {
    arrived: () => waiting.length,
    release() {
      isOpen = true;
      for (const go of waiting.splice(0)) go();
    },
  };
}

function indexOf({ store }: Harness): UserIndex {
  if (store.users === undefined) throw new Error("the store has no index");
  return store.users;
}

describe("a session that has moved", () => {
  test("is in its user's list once, under its new key", async () => {
    const harness = openHarness();
    const browser = new Browser(harness.sessions);
    await browser.request((session) => session.login(1));
    await browser.request((session) => session.cycleKey());
    await browser.request((session) => session.login(1));
    const { ref } = await harness.sessions.open(browser.cookie);
    const listed = await indexOf(harness).list("1", anyDeadline());
    expect(listed.map(({ key }) => refOf(key))).toStrictEqual([ref]);
  });

  test("counts once for maxPerUser: no other session has to make room for its old keys", async () => {
    const { sessions, clock } = openHarness({ maxPerUser: 2 });
    const [desk, phone] = [new Browser(sessions), new Browser(sessions)];
    await phone.request((session) => session.login(1));
    clock.advance(1000);
    await desk.request((session) => session.login(1));
    for (let time = 0; time < 3; time++) {
      clock.advance(1000);
      await desk.request((session) => session.cycleKey());
    }
    for (const browser of [desk, phone]) expect(await browser.request(({ userId }) => userId)).toBe("1");
  });
});

describe("ofUser", () => {
  test("lists the sessions of a user, the one seen last first, with their devices", async () => {
    const { sessions, clock } = openHarness();
    const [desk, phone, other] = [
      new Browser(sessions, undefined, FIREFOX),
      new Browser(sessions, undefined, SAFARI),
      new Browser(sessions),
    ];
    await desk.request((session) => session.login(1));
    clock.advance(60_000);
    await phone.request((session) => session.login(1));
    await other.request((session) => session.login(2));
    const before = clock.now();
    clock.advance(120_000);
    await desk.request((session) => session.data["a"]);
    expect(await listOf(sessions, "1")).toStrictEqual([
      {
        ref: expect.stringMatching(/^[\w-]{22}$/),
        createdAt: new Date(before - 60_000),
        lastSeenAt: new Date(before + 120_000),
        device: "Firefox on Windows",
        current: false,
      },
      {
        ref: expect.any(String),
        createdAt: new Date(before),
        lastSeenAt: new Date(before),
        device: "Safari on iOS",
        current: false,
      },
    ]);
    expect(await listOf(sessions, "2")).toMatchObject([{ device: undefined }]);
    expect(await listOf(sessions, "3")).toStrictEqual([]);
  });

  test("marks the current session, and its ref is no key", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await new Browser(sessions).request((session) => session.login(1));
    await browser.request(async (session) => {
      await session.login(1);
      const current: boolean[] = [];
      for await (const listed of sessions.ofUser(1, { current: session })) {
        current.push(listed.current);
        expect(listed.current).toBe(listed.ref === session.ref);
        expect(browser.cookie ?? "").not.toContain(listed.ref);
      }
      expect(current.filter(Boolean)).toHaveLength(1);
    });
  });

  test("does not list what was logged out, has expired, or is somebody else's now", async () => {
    const { sessions, clock } = openHarness({ cookie: { age: "1h" } });
    const [gone, expired, other, stays] = Array.from({ length: 4 }, () => new Browser(sessions));
    await expired?.request((session) => session.login(1));
    clock.advance(3_600_000);
    for (const browser of [gone, other, stays]) await browser?.request((session) => session.login(1));
    await gone?.request((session) => session.logout());
    await other?.request((session) => session.login(2));
    expect(await listOf(sessions, "1")).toHaveLength(1);
  });

  test("checks at the listing: a record that went away by itself is not listed", async () => {
    const harness = openHarness();
    const { sessions, store, keys } = harness;
    await new Browser(sessions).request((session) => session.login(1));
    const [key = ""] = await keys();
    await store.delete(key, anyDeadline());
    expect(await indexOf(harness).list("1", anyDeadline())).toHaveLength(1);
    expect(await listOf(sessions, "1")).toStrictEqual([]);
    expect(await indexOf(harness).list("1", anyDeadline())).toStrictEqual([]);
  });

  test("a session that Django has made is listed when Node first sees it", async () => {
    const harness = openHarness();
    const browser = new Browser(harness.sessions);
    await browser.request((session) => session.login(1));
    const [listed] = await indexOf(harness).list("1", anyDeadline());
    await indexOf(harness).remove("1", [listed?.key ?? ""], anyDeadline());
    expect(await listOf(harness.sessions, "1")).toStrictEqual([]);
    await new Browser(harness.otherProcess(), browser.cookie).request((session) => session.userId);
    expect(await listOf(harness.sessions, "1")).toHaveLength(1);
  });
});

describe("revoke", () => {
  test("ends one session, by its ref", async () => {
    const { sessions } = openHarness();
    const [mine, lost] = [new Browser(sessions), new Browser(sessions)];
    await mine.request((session) => session.login(1));
    await lost.request((session) => session.login(1));
    const ref = await lost.request((session) => session.ref ?? "");
    expect(await sessions.revoke(1, ref)).toBe(true);
    expect(await sessions.revoke(1, ref)).toBe(false);
    expect(await lost.request((session) => session.isAuthenticated)).toBe(false);
    expect(await mine.request((session) => session.isAuthenticated)).toBe(true);
  });

  test("does not end a session of another user", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(1));
    const ref = await browser.request((session) => session.ref ?? "");
    expect(await sessions.revoke(2, ref)).toBe(false);
    expect(await browser.request((session) => session.isAuthenticated)).toBe(true);
  });
});

describe("revokeUser", () => {
  test("ends all sessions of a user and nobody else's", async () => {
    const { sessions } = openHarness();
    const browsers = Array.from({ length: 5 }, () => new Browser(sessions));
    for (const browser of browsers) await browser.request((session) => session.login(1));
    const other = new Browser(sessions);
    await other.request((session) => session.login(11));
    expect(await sessions.revokeUser(1)).toBe(5);
    for (const browser of browsers) expect(await browser.request((session) => session.isAuthenticated)).toBe(false);
    expect(await other.request((session) => session.isAuthenticated)).toBe(true);
    expect(await sessions.revokeUser(1)).toBe(0);
  });

  test("may leave one session", async () => {
    const { sessions } = openHarness();
    const [mine, lost] = [new Browser(sessions), new Browser(sessions)];
    await lost.request((session) => session.login(1));
    await mine.request(async (session) => {
      await session.login(1);
      expect(await sessions.revokeUser(1, { except: session })).toBe(1);
    });
    expect(await mine.request((session) => session.isAuthenticated)).toBe(true);
    expect(await lost.request((session) => session.isAuthenticated)).toBe(false);
    expect(await listOf(sessions, "1")).toHaveLength(1);
  });

  test("with scan, also ends sessions that are not listed", async () => {
    const harness = openHarness();
    const { sessions, keys } = harness;
    const [django, other] = [new Browser(sessions), new Browser(sessions)];
    await django.request((session) => session.login(1));
    await other.request((session) => session.login(2));
    const [listed] = await indexOf(harness).list("1", anyDeadline());
    await indexOf(harness).remove("1", [listed?.key ?? ""], anyDeadline());
    expect(await sessions.revokeUser(1)).toBe(0);
    expect(await sessions.revokeUser(1, { scan: true })).toBe(1);
    expect(await keys()).toHaveLength(1);
  });

  test.each([
    ["add", "login"],
    ["check", "login"],
    ["add", "cycleKey"],
    ["check", "cycleKey"],
  ] as const)("20 creations that wait after %s (%s) when it is called are dead after it", async (step, act) => {
    const harness = openHarness();
    const { sessions, keys } = harness;
    const browsers = Array.from({ length: 20 }, () => new Browser(sessions));
    for (const browser of browsers) {
      await browser.request(async (session) => {
        if (act === "cycleKey") await session.login(1);
        else session.data["a"] = 1;
      });
    }
    const held = holdSteps(indexOf(harness), step);
    const requests = browsers.map((browser) => browser.begin());
    const acts = requests.map(async (request) => {
      const session = await request.session();
      await (act === "login" ? session.login(1) : session.cycleKey());
    });
    const outcomes = Promise.allSettled(acts);
    await expect.poll(() => held.arrived()).toBe(20);
    await sessions.revokeUser(1);
    held.release();
    expect(new Set((await outcomes).map(({ status }) => status))).toStrictEqual(new Set(["rejected"]));
    await Promise.all(requests.map((request) => request.finish(500)));
    expect(await listOf(sessions, "1")).toStrictEqual([]);
    // A login that was undone leaves the visitor as he was.
    expect(await keys()).toHaveLength(act === "login" ? 20 : 0);
    for (const browser of browsers) expect(await browser.request((session) => session.isAuthenticated)).toBe(false);
  });

  test("a session that gets a new key between the epoch and its deletion is dead after it", async () => {
    const harness = openHarness();
    const { sessions, store } = harness;
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(1));
    const other = browser.begin();
    const session = await other.session();
    const original = store.delete.bind(store);
    store.delete = async (...args) => {
      store.delete = original;
      await session.cycleKey();
      return original(...args);
    };
    expect(await sessions.revokeUser(1)).toBe(1);
    await other.finish();
    expect(await harness.keys()).toStrictEqual([]);
    expect(await listOf(sessions, "1")).toStrictEqual([]);
    expect(await browser.request((next) => next.isAuthenticated)).toBe(false);
  });

  test("what fails after sessions were deleted is not told as if nothing had happened", async () => {
    const harness = openHarness();
    const { sessions } = harness;
    await new Browser(sessions).request((session) => session.login(1));
    const index = indexOf(harness);
    const remove = index.remove.bind(index);
    index.remove = async (...args) => {
      await remove(...args);
      index.list = () => Promise.reject(new StoreConnectionError("the store is away", { outcome: "not-sent" }));
    };
    await expect(sessions.revokeUser(1)).rejects.toMatchObject({ outcome: "unknown" });
    expect(await harness.keys()).toStrictEqual([]);
  });

  test("a login that begins after it lives", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(1));
    await sessions.revokeUser(1);
    await browser.request((session) => session.login(1));
    expect(await browser.request((session) => session.isAuthenticated)).toBe(true);
  });

  test("a login on top of a session that it ends does not begin afresh behind its back", async () => {
    const harness = openHarness();
    const { sessions } = harness;
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(1));
    const request = browser.begin();
    const session = await request.session();
    const original = harness.store.deleteIfMatch.bind(harness.store);
    harness.store.deleteIfMatch = async (...args) => {
      harness.store.deleteIfMatch = original;
      await sessions.revokeUser(1);
      return original(...args);
    };
    await expect(session.login(1)).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
    expect(await harness.keys()).toStrictEqual([]);
  });
});

describe("maxPerUser", () => {
  test("the oldest sessions make room", async () => {
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
    const reasons = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
    for (const reason of reasons) expect(reason).toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
  });

  test("a session that gets a new key keeps its place, and costs nobody else theirs", async () => {
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
    for (const browser of [one, two]) expect(await browser.request((session) => session.isAuthenticated)).toBe(true);
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

  test("expired sessions take no room", async () => {
    const { sessions, clock } = openHarness({ maxPerUser: 2, cookie: { age: "1h" } });
    const [old, ...young] = Array.from({ length: 3 }, () => new Browser(sessions));
    await old?.request((session) => session.login(1));
    clock.advance(3_600_000);
    for (const browser of young) await browser.request((session) => session.login(1));
    expect(await listOf(sessions, "1")).toHaveLength(2);
  });

  test("needs a store that keeps an index", async () => {
    const wrap = (store: object) => ({ ...store, name: "plain", users: undefined }) as never;
    expect(() => openHarness({ maxPerUser: 2, wrap })).toThrow(
      'sessions.maxPerUser: the store "plain" keeps no index of users',
    );
    const { sessions } = openHarness({ wrap });
    await expect(sessions.revokeUser(1)).rejects.toThrow('the store "plain" keeps no index of users');
  });
});
