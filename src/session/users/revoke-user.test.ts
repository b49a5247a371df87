import { describe, expect, test } from "vitest";
import { anyDeadline, Browser, openHarness } from "../../../test/support/session-harness.ts";
import { Signal } from "../../../test/support/signal.ts";
import { holdSteps, indexOf, keysOf, listOf } from "../../../test/support/user-index.ts";
import { StoreConnectionError, StoreServiceError } from "../../core/errors.ts";
import { newSessionKey } from "../../core/ids.ts";
import type { UserIndex } from "../../stores/user-index.ts";
import { UserSessions } from "./user-sessions.ts";

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

  test("reports that it ended a session whose key is being renewed concurrently", async () => {
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
    const orphansOf = async () => [];
    const users = new UserSessions({ store, index, clock, maxPerUser: undefined, slack: 1000, orphansOf });
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

  test("sets an epoch that was refused (a full memory) after it has ended the sessions", async () => {
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
  const [created, retired, mayCreate] = [new Signal(), new Signal(), new Signal()];
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
    await created.given;
  };
  store.create = async (...args) => {
    created.give();
    await mayCreate.given;
    return create(...args);
  };
  // … and creates its record, and retires the old one, after the revocation has found nothing under
  // the new key.
  store.delete = async (...args) => {
    store.delete = async (...others) => {
      await retired.given;
      return remove(...others);
    };
    const wasThere = await remove(...args);
    mayCreate.give();
    await retired.given;
    return wasThere;
  };
  store.deleteIfMatch = async (...args) => {
    const result = await retire(...args);
    retired.give();
    return result;
  };
  await sessions.revokeUser(1);
  await renewal;
  expect(await harness.keys()).toStrictEqual([]);
});
