import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { Browser, type Data, openHarness, withMembers } from "../../../test/support/session-harness.ts";
import { createSojourn } from "../../create-sojourn.ts";
import { ImproperlyConfigured, SessionUsageError } from "../../core/errors.ts";
import { cookieSessionStore } from "../../stores/cookie/index.ts";
import { faultySessionStore } from "../../testing/faulty-session-store.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import type { Session } from "../session.ts";
import type { Sessions } from "../sessions.ts";
import type { SessionEndReason } from "./session-endings.ts";

/** Time in which nothing is told. */
const SILENCE = 200;
const WITHIN_A_SECOND = { timeout: 1000, interval: 5 };

type Ends = Record<"here" | "elsewhere", Sessions<Data>>;

/** A member, the sockets of the member's browser, and another process on the same store. */
async function openSockets(
  settings: Parameters<typeof openHarness>[0] = {},
  { count = 1, isWatching = true, pollEvery = "20ms" as const } = {},
) {
  const harness = openHarness(settings);
  const { sessions } = harness;
  const stop = isWatching ? sessions.watch({ pollEvery }) : async () => {};
  const browser = new Browser(sessions);
  await browser.request((session) => session.login(7));
  const sockets: Session<Data>[] = [];
  const told: SessionEndReason[][] = [];
  for (let each = 0; each < count; each++) {
    const socket = await sessions.open(browser.cookie);
    const reasons: SessionEndReason[] = [];
    socket.onEnded((reason) => reasons.push(reason));
    sockets.push(socket);
    told.push(reasons);
  }
  const elsewhere = harness.otherProcess();
  const ends: Ends = { here: sessions, elsewhere };
  const request = (where: keyof Ends, act: (session: Session<Data>) => Promise<unknown>) =>
    new Browser(ends[where], browser.cookie).request(act);
  return { ...harness, stop, browser, sockets, socket: sockets[0] as Session<Data>, told, ends, request };
}

async function revokeByRef(sessions: Sessions<Data>): Promise<void> {
  for await (const { ref } of sessions.ofUser(7)) await sessions.revoke(7, ref);
}

const polled = { wrap: (store: SessionStore) => withMembers(store, { watch: undefined }) };

describe.each([
  ["on a store that reports ends", {}],
  ["on a store that is polled", polled],
])("session.onEnded(), while sessions.watch() is on, %s", (_, settings) => {
  const isPolled = settings === polled;
  describe.each(["here", "elsewhere"] as const)("tells every socket once of what happens %s:", (where) => {
    test.each<[string, SessionEndReason]>([
      ["logout", "logout"],
      ["login", "login"],
      ["cycleKey", "cycled"],
      ["revoke", "revoked"],
      ["revokeUser", "revoked"],
      ["revokeAll", "revoked"],
    ])("%s", async (end, reason) => {
      const { told, ends, request, socket } = await openSockets(
        { ...settings, deadline: "50ms" },
        { count: 3 },
      );
      if (end === "revoke") await revokeByRef(ends[where]);
      else if (end === "revokeUser") await ends[where].revokeUser(7);
      else if (end === "revokeAll") await ends[where].revokeAll();
      else await request(where, (each) => (end === "login" ? each.login(8) : each[end as "logout"]()));
      const isUntold = isPolled && where === "elsewhere" && ["revokeUser", "revokeAll"].includes(end);
      const expected = isUntold ? "gone" : reason;
      await vi.waitFor(
        () => expect(told).toStrictEqual([[expected], [expected], [expected]]),
        WITHIN_A_SECOND,
      );
      expect(await socket.isAlive()).toBe(false);
      await sleep(SILENCE);
      expect(told).toStrictEqual([[expected], [expected], [expected]]);
    });

    test("nothing of reads, writes and touches", async () => {
      const { told, request } = await openSockets(settings);
      await request(where, async (session) => {
        await session.update((data) => (data["page"] = 1));
        await session.touch();
      });
      await sleep(SILENCE);
      expect(told).toStrictEqual([[]]);
    });

    test("a renewed key is followed, and the end under the new key is told", async () => {
      const { told, socket, ends, clock, browser, keys } = await openSockets({
        ...settings,
        renewEvery: "1h",
      });
      for (let hour = 0; hour < 2; hour++) {
        clock.advance(3_700_000);
        const visitor = new Browser(ends[where], browser.cookie);
        await visitor.request(() => {});
        browser.cookie = visitor.cookie;
        const [key] = await keys();
        await vi.waitFor(() => expect(socket.cookieHeader).toBe(`sessionid=${key}`), WITHIN_A_SECOND);
      }
      expect(told).toStrictEqual([[]]);
      await new Browser(ends[where], browser.cookie).request((session) => session.logout());
      await vi.waitFor(() => expect(told).toStrictEqual([["logout"]]), WITHIN_A_SECOND);
    });
  });

  test("an end between the opening and the listener is told", async () => {
    const { sessions, browser, ends } = await openSockets(settings);
    const socket = await sessions.open(browser.cookie);
    await ends.elsewhere.revokeUser(7);
    const told: SessionEndReason[] = [];
    socket.onEnded((reason) => told.push(reason));
    await vi.waitFor(() => expect(told).toStrictEqual([isPolled ? "gone" : "revoked"]), WITHIN_A_SECOND);
  });

  test("its own login and cycleKey are no end, its later logout is", async () => {
    const { told, socket, keys } = await openSockets(settings);
    await socket.login(8);
    await socket.cycleKey();
    await sleep(SILENCE);
    expect(told).toStrictEqual([[]]);
    expect(await keys()).toHaveLength(1);
    await socket.logout();
    await vi.waitFor(() => expect(told).toStrictEqual([["logout"]]), WITHIN_A_SECOND);
  });

  test("while the store does not answer nothing is told, then every end; the outage is an event", async () => {
    let isAway = false;
    const { wrap } = { wrap: (store: SessionStore) => store, ...settings };
    const failing = (store: SessionStore) =>
      faultySessionStore(wrap(store), () => (isAway ? { fail: "not-sent" as const } : undefined));
    const withWatch = (store: SessionStore) => {
      const faulty = failing(store);
      return isPolled ? faulty : withMembers(faulty, { watch: store.watch?.bind(store) });
    };
    const { told, ends, sessions } = await openSockets({ ...settings, wrap: withWatch }, { count: 2 });
    const failures = vi.fn();
    sessions.on("watchFailed", failures);
    isAway = true;
    await ends.elsewhere.revokeUser(7);
    await sleep(SILENCE);
    expect(told).toStrictEqual([[], []]);
    expect(failures).toHaveBeenCalledTimes(isPolled ? 1 : 0);
    isAway = false;
    const reason = isPolled ? "gone" : "revoked";
    await vi.waitFor(() => expect(told).toStrictEqual([[reason], [reason]]), WITHIN_A_SECOND);
  });

  test("500 sessions that end at once are all told", async () => {
    const { sessions, otherProcess } = openHarness({ ...settings, deadline: "50ms" });
    sessions.watch({ pollEvery: "20ms" });
    const told = new Set<number>();
    for (let visitor = 0; visitor < 500; visitor++) {
      const session = await sessions.create({ visitor });
      session.onEnded(() => told.add(visitor));
    }
    await otherProcess().revokeAll();
    await vi.waitFor(() => expect(told.size).toBe(500), { timeout: 5000, interval: 20 });
  });
});

describe("session.onEnded()", () => {
  test("tells of an expiry, while sessions.watch() is on", async () => {
    const { clock, ends } = await openSockets();
    const session = await ends.here.create({ a: 1 });
    const told: SessionEndReason[] = [];
    session.setExpiry(1);
    await session.save();
    session.onEnded((reason) => told.push(reason));
    clock.advance(999);
    await sleep(SILENCE);
    expect(told).toStrictEqual([]);
    clock.advance(2);
    await vi.waitFor(() => expect(told).toStrictEqual(["expired"]), { timeout: 3000, interval: 5 });
  });

  test("without sessions.watch(): of ends by this process, at once and without a command; of no others", async () => {
    const { told, ends, request, calls, sockets } = await openSockets({}, { count: 2, isWatching: false });
    await ends.elsewhere.revokeUser(7);
    await sleep(SILENCE);
    expect(told).toStrictEqual([[], []]);
    expect(await sockets[0]?.isAlive()).toBe(false);
    const again = await openSockets({}, { count: 2, isWatching: false });
    await again.request("here", (session) => session.logout());
    expect(again.told).toStrictEqual([["logout"], ["logout"]]);
    expect(calls).not.toContain("watch");
    await request("here", (session) => session.logout());
  });

  test("adds no call to a request, whether or not there is a watch", async () => {
    const callsOf = async (isWatching: boolean) => {
      const { calls, request } = await openSockets({}, { count: 2, isWatching });
      calls.splice(0);
      await request("here", (session) => session.update((data) => (data["page"] = 1)));
      await sleep(SILENCE);
      return calls;
    };
    expect(await callsOf(true)).toStrictEqual(await callsOf(false));
  });

  test("a removed listener and a closed session are not told", async () => {
    const { sockets, ends, sessions, browser } = await openSockets({}, { count: 2 });
    const [told, kept]: SessionEndReason[][] = [[], []];
    const remove = sockets[0]?.onEnded((reason) => told?.push(reason));
    sockets[0]?.onEnded((reason) => kept?.push(reason));
    remove?.();
    const closed = await sessions.open(browser.cookie);
    closed.onEnded((reason) => told?.push(reason));
    await closed.close();
    await ends.elsewhere.revokeUser(7);
    await vi.waitFor(() => expect(kept).toStrictEqual(["revoked"]), WITHIN_A_SECOND);
    expect(told).toStrictEqual([]);
  });

  test("close() waits for the calls under way, and the session lives on", async () => {
    const { socket, browser, sessions } = await openSockets();
    const saving = vi.fn();
    void socket.update((data) => (data["page"] = 1)).then(saving);
    await socket.close();
    expect(saving).toHaveBeenCalledOnce();
    expect((await sessions.open(browser.cookie)).data["page"]).toBe(1);
  });

  test("a listener that is added after close() is told, and those before it are not", async () => {
    const { socket, told, ends } = await openSockets();
    await socket.close();
    const later = vi.fn();
    socket.onEnded(later);
    await ends.elsewhere.revokeUser(7);
    await vi.waitFor(() => expect(later.mock.calls).toStrictEqual([["revoked"]]), WITHIN_A_SECOND);
    expect(told).toStrictEqual([[]]);
  });

  test("a listener that is added after an end hears of the next session, and the first ones do not", async () => {
    const { socket, told, ends } = await openSockets();
    await socket.logout();
    await vi.waitFor(() => expect(told).toStrictEqual([["logout"]]), WITHIN_A_SECOND);
    await socket.login(7);
    const later = vi.fn();
    socket.onEnded(later);
    await ends.elsewhere.revokeUser(7);
    await vi.waitFor(() => expect(later.mock.calls).toStrictEqual([["revoked"]]), WITHIN_A_SECOND);
    expect(told).toStrictEqual([["logout"]]);
  });

  test("a session that is not stored has no end", async () => {
    const { sessions } = await openSockets();
    const session = await sessions.open(undefined);
    const told = vi.fn();
    session.onEnded(told)();
    session.onEnded(told);
    await sleep(SILENCE);
    expect(told).not.toHaveBeenCalled();
  });

  test("expects a function", async () => {
    const { socket } = await openSockets();
    expect(() => socket.onEnded(undefined as never)).toThrow(SessionUsageError);
  });
});

describe("sessions.watch()", () => {
  test("ends with the function that it returns, and can begin again", async () => {
    const { stop, sessions, ends, told } = await openSockets();
    expect(() => sessions.watch()).toThrow("sessions.watch() was called already.");
    await stop();
    await ends.elsewhere.revokeUser(7);
    await sleep(SILENCE);
    expect(told).toStrictEqual([[]]);
    sessions.watch();
    await vi.waitFor(() => expect(told).toStrictEqual([["revoked"]]), WITHIN_A_SECOND);
  });

  test("a polled store is not asked once no session is watched, nor after sessions.close()", async () => {
    const { socket, calls, sessions } = await openSockets(polled);
    await socket.close();
    await sleep(50);
    calls.splice(0);
    await sleep(SILENCE);
    expect(calls).toStrictEqual([]);
    socket.onEnded(() => {});
    await sessions.close();
    calls.splice(0);
    await sleep(SILENCE);
    expect(calls).toStrictEqual([]);
  });

  test.each([0, -1, "soon", null, {}])("refuses an interval of %j", (pollEvery) => {
    const { sessions } = openHarness();
    expect(() => sessions.watch({ pollEvery: pollEvery as never })).toThrow(SessionUsageError);
  });

  test("refuses sessions in cookies", () => {
    const store = cookieSessionStore({ acceptsLostUpdates: true });
    const { sessions } = createSojourn({ projectName: "p", secretKey: "s".repeat(32), sessions: { store } });
    expect(() => sessions.watch()).toThrow(ImproperlyConfigured);
  });
});
