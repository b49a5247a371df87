import { describe, expect, test } from "vitest";
import { Browser, type Data, openHarness } from "../../test/support/session-harness.ts";
import type { Session } from "./session.ts";
import type { SessionSettings } from "./session-settings.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;

/** A browser that drops its cookie when the Max-Age is over. */
class ForgetfulBrowser extends Browser {
  #endsAt = Number.POSITIVE_INFINITY;
  readonly #now: () => number;

  constructor(sessions: ConstructorParameters<typeof Browser>[0], now: () => number) {
    super(sessions);
    this.#now = now;
  }

  async visit(handler: (session: Session<Data>) => unknown): Promise<void> {
    if (this.#now() >= this.#endsAt) this.cookie = undefined;
    const request = this.begin();
    await handler(await request.session());
    await request.finish();
    const [, seconds] = /Max-Age=(\d+)/.exec(request.setCookie.at(-1) ?? "") ?? [];
    if (seconds !== undefined) this.#endsAt = this.#now() + Number(seconds) * 1000;
  }
}

const PROFILES: readonly (readonly [string, Omit<SessionSettings, "store">])[] = [
  ["sojourn", {}],
  ["sojourn, ages of half an hour", { cookie: { age: "30m" } }],
  ["sojourn, extended once an hour", { touchEvery: "1h", cookie: { age: "2h" } }],
  ["sojourn, extended more seldom than an age lasts", { touchEvery: "1h", cookie: { age: "30m" } }],
  ["sojourn, keys renewed each day", { renewEvery: "24h" }],
  ["django", { profile: "django", cookie: { age: "30m" } }],
];

type Use = (session: Session<Data>, index: number) => unknown;

const WRITE: Use = (session, index) => (session.data["n"] = index);

const USES: readonly (readonly [string, Use])[] = [
  ["only written", WRITE],
  ["only updated early in a request", (session, index) => session.update((data) => (data["n"] = index))],
  ["only read", (session) => session.data["n"]],
  ["given an expiry now and then", (session, index) => session.setExpiry(index % 2 ? "40m" : 1800)],
];

describe.each(PROFILES)("%s", (profile, settings) => {
  // Django's profile extends a session on writes, not on reads.
  const uses = profile === "django" ? USES.filter(([use]) => use !== "only read") : USES;

  test.each(uses)(
    "a session that is %s for 30 days stays listed, keeps its cookie, and can be revoked",
    async (_, use) => {
      const { sessions, clock } = openHarness(settings);
      const browser = new ForgetfulBrowser(sessions, () => clock.now());
      await browser.visit((session) => session.login(7));
      for (let index = 0; index < (30 * DAY) / (7 * MINUTE); index++) {
        clock.advance(7 * MINUTE);
        await browser.visit((session) => {
          if (session.userId !== "7") throw new Error(`logged out after ${index} visits`);
          return use(session, index);
        });
        if (index % 500 > 0) continue;
        const { sessions: listed } = await sessions.pageOfUser(7);
        expect(listed).toHaveLength(1);
        expect(clock.now() - (listed[0]?.lastSeenAt.getTime() ?? 0)).toBeLessThanOrEqual(70 * MINUTE);
      }
      expect(await sessions.revokeUser(7)).toBe(1);
      expect((await sessions.open(browser.cookie)).userId).toBeUndefined();
    },
  );
});

test("a session's list entry is extended before its record", async () => {
  const { sessions, calls, store, clock } = openHarness({ cookie: { age: "30m" } });
  const put = store.users?.put.bind(store.users);
  if (store.users && put) {
    store.users.put = (...args) => {
      calls.push("put");
      return put(...args);
    };
  }
  const browser = new Browser(sessions);
  await browser.request((session) => session.login(7));
  calls.length = 0;
  await browser.request((session) => session.setExpiry("30d"));
  expect(calls).toStrictEqual(["read", "put", "commit"]);
  calls.length = 0;
  clock.advance(10 * MINUTE);
  await browser.request((session) => session.data["n"]);
  expect(calls).toStrictEqual(["read", "put", "touch"]);
  calls.length = 0;
  clock.advance(10 * MINUTE);
  await browser.request((session) => (session.data["n"] = 1));
  expect(calls).toStrictEqual(["read", "put", "commit"]);
});

test("a response that does not extend its session leaves that, and a new key, to another request", async () => {
  const { sessions, calls, clock } = openHarness({ cookie: { age: "30m" }, renewEvery: "5m" });
  const browser = new Browser(sessions);
  await browser.request((session) => session.login(7));
  const cookie = browser.cookie;
  clock.advance(10 * MINUTE);
  for (const write of [true, false]) {
    calls.length = 0;
    const request = browser.begin();
    const session = await request.session();
    if (write) session.data["n"] = 1;
    await request.finish(200, false, false, false);
    expect([calls, request.setCookie]).toStrictEqual([write ? ["read", "commit"] : ["read"], []]);
  }
  await browser.request((session) => session.data["n"]);
  expect(browser.cookie).not.toBe(cookie);
});

test("a response whose data cannot be saved notes no activity", async () => {
  const { sessions, clock } = openHarness();
  const browser = new Browser(sessions);
  await browser.request((session) => session.login(7));
  const lastSeen = async () => {
    const times: number[] = [];
    for await (const { lastSeenAt } of sessions.ofUser(7)) times.push(lastSeenAt.getTime());
    return times;
  };
  const before = await lastSeen();
  clock.advance(DAY);
  const request = browser.begin();
  const { data } = await request.session();
  data["a"] = 1;
  data["b"] = new Date();
  await expect(request.finish()).rejects.toThrow("session.data.b is a Date");
  expect(before).toHaveLength(1);
  expect(await lastSeen()).toStrictEqual(before);
});

test("a change that the handler makes while the activity is noted is saved with the others", async () => {
  const { sessions, clock } = openHarness();
  const browser = new Browser(sessions);
  await browser.request((session) => session.login(7));
  clock.advance(DAY);
  const request = browser.begin();
  const { data } = await request.session();
  data["a"] = 1;
  const finishing = request.finish();
  data["b"] = 2;
  await finishing;
  expect(await browser.request((session) => ({ ...session.data }))).toMatchObject({ a: 1, b: 2 });
});
