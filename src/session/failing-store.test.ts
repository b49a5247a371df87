import { describe, expect, test, vi } from "vitest";
import { StoreServiceError } from "../core/errors.ts";
import { Browser } from "../../test/support/session-harness.ts";
import { OFFLINE, openWithFaults } from "../../test/support/session-faults.ts";

describe("with a failing store", () => {
  test("a write that could not be sent is not retried, and its outcome is not-sent", async () => {
    const { browser, faults, calls } = await openWithFaults();
    const session = await browser.begin().session();
    faults.next = { method: "commit", when: "before", error: OFFLINE() };
    session.data["n"] = 2;
    await expect(session.save()).rejects.toMatchObject({ outcome: "not-sent" });
    expect(calls).toStrictEqual(["read", "commit"]);
  });

  test("a read fails instead of returning an empty session, and the next request is unaffected", async () => {
    const { browser, faults } = await openWithFaults();
    faults.next = { method: "read", when: "before", error: OFFLINE() };
    const request = browser.begin();
    await expect(request.session()).rejects.toMatchObject({ code: "ERR_STORE_CONNECTION" });
    await request.finish(500);
    expect(request.setCookie).toStrictEqual([]);
    expect(await browser.request((session) => session.data["n"])).toBe(1);
  });

  test("a read that failed may be tried again by the same request", async () => {
    const { browser, faults } = await openWithFaults();
    faults.next = { method: "read", when: "before", error: OFFLINE() };
    const request = browser.begin();
    await expect(request.session()).rejects.toThrow("There is no connection.");
    expect((await request.session()).data["n"]).toBe(1);
  });

  test("a logout fails, and the session and its cookie are unchanged", async () => {
    const { browser, faults, keys } = await openWithFaults();
    faults.next = { method: "delete", when: "before", error: OFFLINE() };
    const request = browser.begin();
    const session = await request.session();
    await expect(session.logout()).rejects.toMatchObject({ outcome: "not-sent" });
    await request.finish(500);
    expect(request.setCookie).toStrictEqual([]);
    expect(await keys()).toHaveLength(1);
  });

  test("a touch emits an event instead of an error, and the next request tries again", async () => {
    const { browser, faults, events, clock, calls } = await openWithFaults();
    clock.advance(61_000);
    const error = new StoreServiceError("LOADING", { outcome: "not-sent" });
    faults.next = { method: "touch", when: "before", error };
    await browser.request((session) => session.data["n"]);
    expect(events).toStrictEqual([{ name: "touchFailed", event: { error } }]);
    calls.length = 0;
    await browser.request((session) => session.data["n"]);
    expect(calls).toStrictEqual(["read", "touch"]);
  });

  test("the error page of a failed save does not try to save again", async () => {
    const { browser, faults, calls } = await openWithFaults();
    const request = browser.begin();
    (await request.session()).data["n"] = 2;
    faults.next = { method: "commit", when: "before", error: OFFLINE() };
    await expect(request.finish(200)).rejects.toThrow("There is no connection.");
    await request.finish(400);
    expect(calls).toStrictEqual(["read", "commit"]);
    expect(request.setCookie).toStrictEqual([]);
  });
});

test("the time that an operation waits in its session's queue counts towards its deadline", async () => {
  const { browser, sessions, store, clock } = await openWithFaults({ deadline: "1s" });
  const session = await sessions.open(browser.cookie);
  const original = store.commit.bind(store);
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  store.commit = async (...args) => {
    store.commit = original;
    await held;
    return original(...args);
  };
  const [first, second] = [1, 2].map(() => session.update((data) => (data["n"] += 1)));
  // The store has received the first one.
  await vi.waitFor(() => expect(store.commit).toBe(original));
  clock.advance(999);
  release();
  clock.advance(1);
  await expect(first).rejects.toMatchObject({ outcome: "not-sent" });
  await expect(second).rejects.toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "not-sent" });
});

test("a cookie is not extended while it is unknown whether another request has given the session a new key", async () => {
  const { browser, sessions, store } = await openWithFaults({ cookie: { age: "1h" } });
  const late = new Browser(sessions, browser.cookie);
  const request = late.begin();
  const session = await request.session();
  session.setExpiry("2h");
  await session.save();
  const read = store.read.bind(store);
  store.read = () => Promise.reject(OFFLINE());
  await request.finish();
  expect(request.setCookie).toStrictEqual([]);
  store.read = read;
  await late.request((next) => next.setExpiry("3h"));
  expect(late.cookie).toBe(browser.cookie);
});

test("a new key made by another request is not sent while it is unknown whether it is alive", async () => {
  const { browser, sessions, clock, store } = await openWithFaults({ renewEvery: "24h" });
  await browser.request((session) => session.login(7));
  const late = new Browser(sessions, browser.cookie);
  clock.advance(25 * 3_600_000);
  await browser.request(() => {});
  const request = late.begin();
  expect((await request.session()).userId).toBe("7");
  const original = store.read.bind(store);
  store.read = () => Promise.reject(OFFLINE());
  await request.finish();
  expect(request.setCookie).toStrictEqual([]);
  store.read = original;
  await late.request(({ userId }) => expect(userId).toBe("7"));
  expect(late.cookie).toBe(browser.cookie);
});

test("a new key that the request was led to while it ran is not sent while it is unknown whether it is alive", async () => {
  const { browser, sessions, clock, store } = await openWithFaults({ renewEvery: "24h" });
  await browser.request((session) => session.login(7));
  const late = new Browser(sessions, browser.cookie).begin();
  const session = await late.session();
  clock.advance(25 * 3_600_000);
  await browser.request(() => {});
  await session.update((data) => void (data["n"] = 2));
  store.read = () => Promise.reject(OFFLINE());
  await late.finish();
  expect(late.setCookie).toStrictEqual([]);
});
