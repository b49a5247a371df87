import { describe, expect, test } from "vitest";
import { anyDeadline, Browser, openHarness } from "../../../test/support/session-harness.ts";
import { holdSteps, indexOf, keysOf, listOf } from "../../../test/support/user-index.ts";
import { refOf } from "./user-sessions.ts";

const FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0";

const SAFARI =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";

/** Longer than the creation of a session may take. */
const AN_HOUR = 3_600_000;

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
