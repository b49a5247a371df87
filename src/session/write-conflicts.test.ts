import { describe, expect, test } from "vitest";
import { openWithFaults } from "../../test/support/session-faults.ts";

describe("when other requests write first", () => {
  test("a commit fails at its deadline with a SessionConflictError, and nothing of it is written", async () => {
    const { browser, sessions, store, clock, otherProcess } = await openWithFaults({ deadline: "1s" });
    const session = await sessions.open(browser.cookie);
    const other = await otherProcess().open(browser.cookie);
    const original = store.commit.bind(store);
    let attempts = 0;
    store.commit = async (...args) => {
      store.commit = original;
      await other.update((data) => (data["theirs"] = ++attempts));
      store.commit = overtaken;
      const result = await original(...args);
      clock.advance(300);
      return result;
    };
    const overtaken = store.commit;
    await expect(session.update((data) => (data["mine"] = true))).rejects.toMatchObject({
      code: "ERR_SESSION_CONFLICT",
      outcome: "not-sent",
      message: expect.stringContaining("for 1000 ms"),
    });
    store.commit = original;
    expect(attempts).toBe(4);
    expect(await browser.request((next) => ({ ...next.data }))).toStrictEqual({ n: 1, theirs: 4 });
  });

  test("a commit that was overtaken once is merged and tried again", async () => {
    const { browser, sessions, store, otherProcess, calls } = await openWithFaults();
    const session = await sessions.open(browser.cookie);
    const other = await otherProcess().open(browser.cookie);
    const original = store.commit.bind(store);
    store.commit = async (...args) => {
      store.commit = original;
      await other.update((data) => (data["theirs"] = true));
      return original(...args);
    };
    calls.length = 0;
    await session.update((data) => (data["n"] += 1));
    expect(calls).toStrictEqual(["commit", "commit"]);
    expect(session.data).toStrictEqual({ n: 2, theirs: true });
  });

  test("a login copies their writes to the new key", async () => {
    const { browser, store, otherProcess, keys } = await openWithFaults();
    const other = await otherProcess().open(browser.cookie);
    const original = store.deleteIfMatch.bind(store);
    store.deleteIfMatch = async (...args) => {
      store.deleteIfMatch = original;
      await other.update((data) => (data["theirs"] = true));
      return original(...args);
    };
    await browser.request((session) => session.login(1));
    expect(await keys()).toHaveLength(1);
    expect(await browser.request((next) => ({ ...next.data }))).toStrictEqual({
      n: 1,
      theirs: true,
      _auth_user_id: "1",
    });
  });
});
