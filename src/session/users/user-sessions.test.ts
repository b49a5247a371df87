import { describe, expect, test } from "vitest";
import {
  anyDeadline,
  Browser,
  type Data,
  type Harness,
  openHarness,
  withMembers,
} from "../../../test/support/session-harness.ts";
import { StoreConnectionError, StoreServiceError } from "../../core/errors.ts";
import { newSessionKey, type SessionKey } from "../../core/ids.ts";
import { createSojourn } from "../../create-sojourn.ts";
import { cookieSessionStore } from "../../stores/cookie/index.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import type { Session } from "../session.ts";
import type { Sessions } from "../sessions.ts";
import type { UserIndex } from "../../stores/user-index.ts";
import { refOf, type UserSession, UserSessions } from "./user-sessions.ts";

const FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0";
const SAFARI =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";

async function listOf(sessions: Sessions<any>, userId: string): Promise<UserSession[]> {
  const listed: UserSession[] = [];
  for await (const session of sessions.ofUser(userId)) listed.push(session);
  return listed;
}

/** Holds a step of the index until the test releases it. */
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

async function keysOf(harness: Harness, userId = "1"): Promise<SessionKey[]> {
  const { sessions } = await indexOf(harness).page(userId, { after: undefined, limit: 200 }, anyDeadline());
  return sessions.map(({ key }) => key);
}

/** Longer than the creation of a session may take. */
const AN_HOUR = 3_600_000;

function hideUsers(store: SessionStore): SessionStore {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = name === "users" ? undefined : Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

function indexOf({ store }: Harness): UserIndex {
  if (store.users === undefined) throw new Error("the store has no index");
  return store.users;
}

describe("a moved session", () => {
  test("is in its user's list once, under its new key", async () => {
    const harness = openHarness();
    const browser = new Browser(harness.sessions);
    await browser.request((session) => session.login(1));
    await browser.request((session) => session.cycleKey());
    await browser.request((session) => session.login(1));
    const { ref } = await harness.sessions.open(browser.cookie);
    const listed = await indexOf(harness).page("1", { after: undefined, limit: 10 }, anyDeadline());
    expect(listed.sessions.map(({ key }) => refOf(key))).toStrictEqual([ref]);
  });

  test("counts once for maxPerUser: its old keys evict no other session", async () => {
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
  test("lists the sessions of a user, the most recently active first, with their devices", async () => {
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
        isCurrent: false,
      },
      {
        ref: expect.any(String),
        createdAt: new Date(before),
        lastSeenAt: new Date(before),
        device: "Safari on iOS",
        isCurrent: false,
      },
    ]);
    expect(await listOf(sessions, "2")).toMatchObject([{ device: undefined }]);
    expect(await listOf(sessions, "3")).toStrictEqual([]);
  });

  test("marks the current session, and its ref is not its key", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await new Browser(sessions).request((session) => session.login(1));
    await browser.request(async (session) => {
      await session.login(1);
      const current: boolean[] = [];
      for await (const listed of sessions.ofUser(1, { current: session })) {
        current.push(listed.isCurrent);
        expect(listed.isCurrent).toBe(listed.ref === session.ref);
        expect(browser.cookie ?? "").not.toContain(listed.ref);
      }
      expect(current.filter(Boolean)).toHaveLength(1);
    });
  });

  test("does not list sessions that were logged out, have expired, or now belong to another user", async () => {
    const { sessions, clock } = openHarness({ cookie: { age: "1h" } });
    const [gone, expired, other, stays] = Array.from({ length: 4 }, () => new Browser(sessions));
    await expired?.request((session) => session.login(1));
    clock.advance(3_600_000);
    for (const browser of [gone, other, stays]) await browser?.request((session) => session.login(1));
    await gone?.request((session) => session.logout());
    await other?.request((session) => session.login(2));
    expect(await listOf(sessions, "1")).toHaveLength(1);
  });

  test("looks sessions up: one whose record has disappeared is not listed", async () => {
    const harness = openHarness();
    const { sessions, store, keys } = harness;
    await new Browser(sessions).request((session) => session.login(1));
    const [key = ""] = await keys();
    await store.delete(key, anyDeadline());
    expect(await keysOf(harness)).toStrictEqual([key]);
    expect(await listOf(sessions, "1")).toStrictEqual([]);
    harness.clock.advance(AN_HOUR);
    expect(await listOf(sessions, "1")).toStrictEqual([]);
    expect(await keysOf(harness)).toStrictEqual([]);
  });

  test("a session made by Django is listed when Node first sees it", async () => {
    const harness = openHarness();
    const browser = new Browser(harness.sessions);
    await browser.request((session) => session.login(1));
    const [key = ""] = await keysOf(harness);
    await indexOf(harness).remove("1", [{ key }], anyDeadline());
    expect(await listOf(harness.sessions, "1")).toStrictEqual([]);
    await new Browser(harness.otherProcess(), browser.cookie).request((session) => session.userId);
    expect(await listOf(harness.sessions, "1")).toHaveLength(1);
  });
});

describe("a listed session", () => {
  test("is not affected by a listing between two steps of its login", async () => {
    const harness = openHarness();
    const { sessions, clock } = harness;
    const held = holdSteps(indexOf(harness), "add");
    const browser = new Browser(sessions);
    const login = browser.request((session) => session.login(1));
    await expect.poll(() => held.arrived()).toBe(1);
    clock.advance(900);
    expect(await listOf(sessions, "1")).toStrictEqual([]);
    held.release();
    await login;
    expect(await browser.request((session) => session.isAuthenticated)).toBe(true);
    expect(await listOf(sessions, "1")).toHaveLength(1);
  });

  test("stays listed and is shown when its record cannot be read: it may be live elsewhere", async () => {
    const harness = openHarness();
    const browser = new Browser(harness.sessions);
    await browser.request((session) => session.login(1));
    harness.clock.advance(AN_HOUR);
    const other = harness.otherProcess({ secretKey: "another secret of the tests, as long" });
    expect(await listOf(other, "1")).toHaveLength(1);
    expect(await keysOf(harness)).toHaveLength(1);
    expect(await other.revokeUser(1)).toBe(1);
    expect(await browser.request((session) => session.isAuthenticated)).toBe(false);
  });

  test("stays listed for longer than its record: for the interval of activity updates and an hour", async () => {
    const harness = openHarness({ cookie: { age: "1h" } });
    await new Browser(harness.sessions).request((session) => session.login(1));
    const { sessions } = await indexOf(harness).page("1", { after: undefined, limit: 1 }, anyDeadline());
    expect(sessions[0]?.entry.keepUntil).toBe(harness.clock.now() + AN_HOUR + 60_000 + AN_HOUR);
  });

  test("is not unlisted when it was stored again during the listing", async () => {
    const harness = openHarness();
    const { sessions, store, clock } = harness;
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(1));
    const [key = ""] = await keysOf(harness);
    const record = (await store.read(key, anyDeadline())) ?? "";
    await store.delete(key, anyDeadline());
    clock.advance(AN_HOUR);
    const read = store.read.bind(store);
    store.read = async (...args) => {
      const found = await read(...args);
      store.read = read;
      await store.create(key, record, AN_HOUR, anyDeadline());
      const entry = {
        createdAt: clock.now(),
        lastSeenAt: clock.now(),
        keepUntil: clock.now() + 1e10,
        device: "",
      };
      await indexOf(harness).put("1", { key, entry }, clock.now(), anyDeadline());
      return found;
    };
    expect(await listOf(sessions, "1")).toStrictEqual([]);
    expect(await listOf(sessions, "1")).toHaveLength(1);
  });

  test("is no longer listed under its old key when it gets a new one", async () => {
    const harness = openHarness({ maxPerUser: 2 });
    const browser = new Browser(harness.sessions);
    await browser.request((session) => session.login(1));
    const [old] = await keysOf(harness);
    await browser.request((session) => session.cycleKey());
    const keys = await keysOf(harness);
    expect(keys).toHaveLength(1);
    expect(keys).not.toContain(old);
  });
});

describe("pageOfUser", () => {
  async function openWith(count: number) {
    const harness = openHarness();
    for (let at = 0; at < count; at++) {
      await new Browser(harness.sessions).request((session) => session.login(1));
      harness.clock.advance(1000);
    }
    return harness;
  }

  test("returns pages, the most recently active session first, with a cursor for the next", async () => {
    const { sessions } = await openWith(7);
    const all = await listOf(sessions, "1");
    const first = await sessions.pageOfUser(1, { limit: 3 });
    const second = await sessions.pageOfUser(1, { limit: 3, cursor: first.next });
    const third = await sessions.pageOfUser("1", { limit: 3, cursor: second.next });
    expect([first, second, third].map((page) => page.sessions)).toStrictEqual([
      all.slice(0, 3),
      all.slice(3, 6),
      all.slice(6),
    ]);
    expect(third.next).toBeUndefined();
    expect(all.map(({ createdAt }) => createdAt.getTime())).toStrictEqual(
      all.map(({ createdAt }) => createdAt.getTime()).toSorted((left, right) => right - left),
    );
  });

  test("its cursor contains no key and works in another process, and any other cursor is refused", async () => {
    const harness = await openWith(3);
    const { sessions } = harness;
    const { next = "" } = await sessions.pageOfUser(1, { limit: 1 });
    for (const key of await keysOf(harness)) {
      expect(next).not.toContain(key);
      expect(Buffer.from(next, "base64url").toString("latin1")).not.toContain(key);
    }
    expect((await harness.otherProcess().pageOfUser(1, { cursor: next })).sessions).toHaveLength(2);
    for (const cursor of [
      "",
      "x",
      `${next.slice(0, -2)}AA`,
      7 as never,
      null as never,
      "1700000000000:".padEnd(46, "a"),
    ]) {
      await expect(sessions.pageOfUser(1, { cursor })).rejects.toThrow("expected a cursor");
    }
    await expect(sessions.pageOfUser(2, { cursor: next })).rejects.toThrow("expected a cursor");
  });

  test.each([0, -1, 1.5, 201, Number.NaN, "3" as never])("refuses the limit %s", async (limit) => {
    const { sessions } = openHarness();
    await expect(sessions.pageOfUser(1, { limit })).rejects.toThrow("expected a limit from 1 to 200");
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
  test("ends all sessions of a user and of no other user", async () => {
    const { sessions } = openHarness();
    const browsers = Array.from({ length: 5 }, () => new Browser(sessions));
    for (const browser of browsers) await browser.request((session) => session.login(1));
    const other = new Browser(sessions);
    await other.request((session) => session.login(11));
    expect(await sessions.revokeUser(1)).toBe(5);
    for (const browser of browsers)
      expect(await browser.request((session) => session.isAuthenticated)).toBe(false);
    expect(await other.request((session) => session.isAuthenticated)).toBe(true);
    expect(await sessions.revokeUser(1)).toBe(0);
  });

  test("can keep one session", async () => {
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
    const [key = ""] = await keysOf(harness);
    await indexOf(harness).remove("1", [{ key }], anyDeadline());
    expect(await sessions.revokeUser(1)).toBe(0);
    expect(await sessions.revokeUser(1, { scan: true })).toBe(1);
    expect(await keys()).toHaveLength(1);
  });

  test.each([
    ["add", "login"],
    ["check", "login"],
    ["add", "cycleKey"],
    ["check", "cycleKey"],
  ] as const)(
    "20 creations that are waiting after %s (%s) at the call are dead after it",
    async (step, act) => {
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
      // An undone login leaves the visitor unchanged.
      expect(await keys()).toHaveLength(act === "login" ? 20 : 0);
      for (const browser of browsers)
        expect(await browser.request((session) => session.isAuthenticated)).toBe(false);
    },
  );

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

  test("a failure after sessions were deleted has an unknown outcome", async () => {
    const harness = openHarness();
    const { sessions } = harness;
    await new Browser(sessions).request((session) => session.login(1));
    const index = indexOf(harness);
    const remove = index.remove.bind(index);
    index.remove = async (...args) => {
      await remove(...args);
      index.page = () =>
        Promise.reject(new StoreConnectionError("the store is away", { outcome: "not-sent" }));
    };
    await expect(sessions.revokeUser(1)).rejects.toMatchObject({ outcome: "unknown" });
    expect(await harness.keys()).toStrictEqual([]);
  });

  test("a creation that began earlier under an old epoch does not outlive it, however late it continues", async () => {
    const { store, clock } = openHarness();
    const index = store.users as UserIndex;
    const secondsOf = async () => [];
    const users = new UserSessions({ store, index, clock, maxPerUser: undefined, slack: 1000, secondsOf });
    const creation = { userAgent: undefined, epoch: users.epochOf("1", anyDeadline()) };
    await users.revokeAll("1", undefined, { pageDeadline: anyDeadline, onEnded: () => {} });
    const listing = {
      userId: "1",
      key: newSessionKey(),
      createdAt: undefined,
      ttl: 1000,
      userAgent: undefined,
    };
    const create = async () => store.create(listing.key, "record", 1000, anyDeadline());
    const guarded = users.guardCreation(listing, creation, anyDeadline(), create);
    await expect(guarded).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
    expect(await store.read(listing.key, anyDeadline())).toBeUndefined();
    const { sessions } = await index.page("1", { after: undefined, limit: 1 }, anyDeadline());
    expect(sessions).toStrictEqual([]);
  });

  test("works in steps, each reported and with its own deadline, and continues with the remaining sessions after a failure", async () => {
    const harness = openHarness();
    const { sessions, store } = harness;
    await Promise.all(
      Array.from({ length: 300 }, () => new Browser(sessions).request((session) => session.login(1))),
    );
    const original = store.delete.bind(store);
    const deadlines = new Set<unknown>();
    let deletions = 0;
    store.delete = async (key, deadline) => {
      deadlines.add(deadline);
      if (++deletions === 100) throw new StoreConnectionError("the store is away", { outcome: "not-sent" });
      return original(key, deadline);
    };
    const counts: number[] = [];
    const onProgress = ({ ended }: { ended: number }) => counts.push(ended);
    await expect(sessions.revokeUser(1, { onProgress })).rejects.toMatchObject({ outcome: "unknown" });
    const left = (await harness.keys()).length;
    expect(left).toBe(300 - (counts.at(-1) ?? 0));
    expect(left).toBeGreaterThan(150);
    expect(await sessions.revokeUser(1, { onProgress })).toBe(left);
    expect(await harness.keys()).toStrictEqual([]);
    expect(await keysOf(harness)).toStrictEqual([]);
    expect(deadlines.size).toBe(counts.length);
    expect(Math.max(...counts.map((count, at) => count - (counts[at - 1] ?? 0)))).toBeLessThanOrEqual(32);
  });

  test("a session whose deletion failed stays listed", async () => {
    const harness = openHarness();
    const { sessions, store } = harness;
    await new Browser(sessions).request((session) => session.login(1));
    const original = store.delete.bind(store);
    store.delete = () =>
      Promise.reject(new StoreConnectionError("the store is away", { outcome: "not-sent" }));
    await expect(sessions.revokeUser(1)).rejects.toThrow("continues with the remaining ones");
    store.delete = original;
    expect(await listOf(sessions, "1")).toHaveLength(1);
  });

  test("when the epoch is refused (a full memory), it ends the sessions first, then sets it", async () => {
    const harness = openHarness();
    const { sessions } = harness;
    await new Browser(sessions).request((session) => session.login(1));
    const index = indexOf(harness);
    const revoke = index.revoke.bind(index);
    index.revoke = async (...args) => {
      if ((await harness.keys()).length > 0) throw new StoreServiceError("OOM", { outcome: "not-sent" });
      return revoke(...args);
    };
    expect(await sessions.revokeUser(1)).toBe(1);
    expect(await index.epoch("1", anyDeadline())).not.toBe("");
  });

  test("a login that begins after it succeeds", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(1));
    await sessions.revokeUser(1);
    await browser.request((session) => session.login(1));
    expect(await browser.request((session) => session.isAuthenticated)).toBe(true);
  });

  test("a login on top of a session that it ends does not begin a new one unnoticed", async () => {
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
    const wrap = (store: SessionStore) => hideUsers(store);
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

  test("revoke reports that it ended a session whose key is being renewed concurrently", async () => {
    const harness = openHarness({ renewEvery: "1h" });
    const { sessions, store, clock } = harness;
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(1));
    const { ref = "" } = await sessions.open(browser.cookie);
    clock.advance(2 * 3_600_000);
    const [retire, remove] = [store.deleteIfMatch.bind(store), store.delete.bind(store)];
    let isEnded = false;
    store.deleteIfMatch = async (...args) => {
      store.deleteIfMatch = retire;
      let retired = retire;
      let deletions = 0;
      // The new record is deleted first; the renewal deletes the old one before the revocation
      // does.
      store.delete = async (...others) => {
        if (++deletions === 2) {
          const result = await retire(...args);
          retired = async () => result;
        }
        return remove(...others);
      };
      isEnded = await sessions.revoke(1, ref);
      return retired(...args);
    };
    await browser.request(() => {});
    expect(isEnded).toBe(true);
    expect(await keysOf(harness)).toStrictEqual([]);
    await browser.request(({ isNew }) => expect(isNew).toBe(true));
  });

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

test("a revocation finds a record that is created while it deletes the listed ones", async () => {
  const harness = openHarness({ renewEvery: "24h" });
  const { store, sessions, clock } = harness;
  const browser = new Browser(sessions);
  await browser.request((session) => session.login(1));
  clock.advance(25 * 3_600_000);
  const request = new Browser(
    harness.otherProcess({ secretKey: "a secret of the tests, long enough" }),
    browser.cookie,
  ).begin();
  await request.session();
  const [created, retired, mayCreate] = [makeLatch(), makeLatch(), makeLatch()];
  const users = indexOf(harness);
  const [create, remove, retire] = [
    store.create.bind(store),
    store.delete.bind(store),
    store.deleteIfMatch.bind(store),
  ];
  const setEpoch = users.revoke.bind(users);
  let renewal: Promise<void> | undefined;
  // The renewal lists its new key under the epoch of the revocation …
  users.revoke = async (...args) => {
    await setEpoch(...args);
    renewal = request.finish();
    await created.opened;
  };
  store.create = async (...args) => {
    created.open();
    await mayCreate.opened;
    return create(...args);
  };
  // … and creates its record, and retires the old one, after the revocation has found nothing under
  // the new key.
  store.delete = async (...args) => {
    store.delete = async (...others) => {
      await retired.opened;
      return remove(...others);
    };
    const wasThere = await remove(...args);
    mayCreate.open();
    await retired.opened;
    return wasThere;
  };
  store.deleteIfMatch = async (...args) => {
    const result = await retire(...args);
    retired.open();
    return result;
  };
  await sessions.revokeUser(1);
  await renewal;
  expect(await harness.keys()).toStrictEqual([]);
});

function makeLatch(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}
