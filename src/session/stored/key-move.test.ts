import { describe, expect, test } from "vitest";

import { anyDeadline, Browser, type Harness, openHarness } from "../../../test/support/session-harness.ts";
import { around, failOnce } from "../../../test/support/store-steps.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import { type FaultScript, faultySessionStore } from "../../testing/faulty-session-store.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import type { SessionTombstones } from "../../stores/session-tombstones.ts";

/** Runs an action once, right before a session's old record is deleted. */
function beforeRetiring({ store }: Harness, act: () => Promise<unknown>): void {
  const original = store.deleteIfMatch.bind(store);
  store.deleteIfMatch = async (...args) => {
    store.deleteIfMatch = original;
    await act();
    return original(...args);
  };
}

/**
 * Times to live begin when they arrive at the store, so a record may exist for longer than it says.
 */
function keepLonger(store: SessionStore): SessionStore {
  const [create, commit] = [store.create.bind(store), store.commit.bind(store)];
  store.create = (key, record, ttl, deadline) => create(key, record, ttl + 1000, deadline);
  store.commit = (key, record, etag, ttl, deadline) => commit(key, record, etag, ttl + 1000, deadline);
  return store;
}

describe("a session that gets a new key while others write to it", () => {
  test.each(["login", "cycleKey"] as const)(
    "and whose new record is deleted meanwhile: %s is interrupted, and the session is unchanged",
    async (act) => {
      const harness = openHarness();
      const browser = new Browser(harness.sessions);
      await browser.request((session) => (session.data["a"] = 1));
      const keys = await harness.keys();
      const request = browser.begin();
      const session = await request.session();
      beforeRetiring(harness, async () => {
        await new Browser(harness.otherProcess(), browser.cookie).request((other) => (other.data["b"] = 2));
        const made = (await harness.keys()).filter((key) => !keys.includes(key));
        for (const key of made) await harness.store.delete(key, anyDeadline());
      });
      const acting = act === "login" ? session.login(7) : session.cycleKey();
      await expect(acting).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
      await request.finish(400);
      expect(await harness.keys()).toStrictEqual(keys);
      expect(await browser.request(({ data, userId }) => ({ ...data, userId }))).toStrictEqual({
        a: 1,
        b: 2,
        userId: undefined,
      });
    },
  );

  test.each(["login", "cycleKey"] as const)(
    "and which they extend although it has expired: it continues under the key that %s makes",
    async (act) => {
      const harness = openHarness({ wrap: keepLonger });
      const { sessions, clock } = harness;
      const browser = new Browser(sessions);
      await browser.request((session) => {
        session.data["a"] = 1;
        session.setExpiry(new Date(clock.now() + 5000));
      });
      const renewing = new Browser(harness.otherProcess(), browser.cookie).begin();
      const renewed = await renewing.session();
      const request = browser.begin();
      const session = await request.session();
      clock.advance(5100);
      beforeRetiring(harness, async () => {
        renewed.setExpiry("1h");
        await renewed.save();
      });
      await (act === "login" ? session.login(7) : session.cycleKey());
      await request.finish();
      expect(await browser.request(({ data }) => data["a"])).toBe(1);
      expect(await harness.keys()).toHaveLength(1);
    },
  );
});

describe("a session that expires while it gets a new key", () => {
  async function expire() {
    const harness = openHarness({ wrap: keepLonger });
    const browser = new Browser(harness.sessions);
    await browser.request((session) => {
      session.data["a"] = 1;
      session.setExpiry(new Date(harness.clock.now() + 5000));
    });
    const request = browser.begin();
    const session = await request.session();
    harness.clock.advance(5100);
    return { ...harness, browser, request, session };
  }

  test("has ended for a login: its data is not copied", async () => {
    const { browser, request, session, keys } = await expire();
    await session.login(7);
    await request.finish();
    expect(await browser.request(({ data }) => ({ ...data }))).toStrictEqual({ _auth_user_id: "7" });
    expect(await keys()).toHaveLength(1);
  });

  test("has ended for cycleKey, which is interrupted", async () => {
    const { browser, request, session, keys } = await expire();
    await expect(session.cycleKey()).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
    await request.finish(400);
    expect(browser.cookie).toBeUndefined();
    expect(await keys()).toStrictEqual([]);
  });
});

describe("a new key that could not be given", () => {
  test.each(["login", "cycleKey"] as const)(
    "to a session in renewal, whose old key now leads nowhere: the outcome of %s is unknown",
    async (act) => {
      let fault: "not-sent" | undefined;
      const script: FaultScript = ({ method }) => {
        if (method === "deleteIfMatch" && fault === undefined) fault = "not-sent";
        return fault ? { fail: fault } : undefined;
      };
      const { sessions, otherProcess, store } = openHarness({
        wrap: (inner) => faultySessionStore(inner, script),
      });
      const browser = new Browser(sessions);
      await browser.request((session) => (session.data["a"] = 1));
      // Another process is renewing the key; its last command is still in progress.
      const renewing = await new Browser(otherProcess(), browser.cookie).begin().session();
      store.deleteIfMatch = () => new Promise(() => {});
      void renewing.renewKey();
      await new Promise((resolve) => setImmediate(resolve));
      const session = await browser.begin().session();
      const acting = act === "login" ? session.login(7) : session.cycleKey();
      await expect(acting).rejects.toMatchObject({ outcome: "unknown" });
    },
  );

  test.each(["login", "cycleKey"] as const)(
    "to a session that was renewed meanwhile: a logout with the old key ends it, however %s fails",
    async (act) => {
      const harness = openHarness();
      const { sessions, otherProcess, keys } = harness;
      const browser = new Browser(sessions);
      await browser.request((session) => (session.data["a"] = 1));
      const late = new Browser(otherProcess(), browser.cookie);
      const renewing = await new Browser(otherProcess(), browser.cookie).begin().session();
      const session = await browser.begin().session();
      const tombstones = harness.store.tombstones as SessionTombstones;
      let acting: Promise<void> | undefined;
      // The renewal goes on when the other one is about to have the old key lead to its own record.
      beforeRetiring(harness, () => {
        acting = act === "login" ? session.login(7) : session.cycleKey();
        return new Promise<void>((goOn) => {
          around(tombstones, "replace", {
            before: () => (goOn(), renewal),
            after() {
              failOnce(tombstones, "add");
              failOnce(tombstones, "replace");
            },
          });
        });
      });
      const renewal = renewing.renewKey();
      await renewal;
      await expect(acting).rejects.toMatchObject({ outcome: "unknown" });
      expect(await keys()).toHaveLength(1);
      await late.request((other) => other.logout());
      expect(await keys()).toStrictEqual([]);
    },
  );

  test.each(["renewKey", "cycleKey"] as const)(
    "leaves no record that a revocation of the user misses: %s",
    async (act) => {
      let isDown = false;
      const script: FaultScript = ({ method }) =>
        isDown && (method === "deleteIfMatch" || method === "delete") ? { fail: "not-sent" } : undefined;
      const { sessions, keys } = openHarness({ wrap: (store) => faultySessionStore(store, script) });
      const browser = new Browser(sessions);
      await browser.request((session) => session.login(7));
      const { cookie } = browser;
      const request = browser.begin();
      const session = await request.session();
      isDown = true;
      await expect(session[act]()).rejects.toThrow(StoreConnectionError);
      isDown = false;
      await request.finish(500);
      await sessions.revokeUser(7);
      expect(await keys()).toStrictEqual([]);
      await new Browser(sessions, cookie).request(({ userId }) => expect(userId).toBeUndefined());
    },
  );
});
