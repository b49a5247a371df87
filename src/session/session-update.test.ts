import { describe, expect, test } from "vitest";
import { Browser, openHarness, twoViews } from "../../test/support/session-harness.ts";

describe("update", () => {
  test("sees earlier changes, commits at once and returns the result of fn", async () => {
    const { sessions, store, calls } = openHarness();
    const session = await sessions.create({ n: 1 });
    calls.length = 0;
    session.data["n"] = 5;
    expect(await session.update((data) => ++data["n"])).toBe(6);
    expect(calls).toStrictEqual(["commit"]);
    expect(session.data["n"]).toBe(6);
    const other = await sessions.open(session.cookieHeader);
    expect(other.data["n"]).toBe(6);
    expect(store.name).toBe("memory");
  });

  test("runs again on data written by another request", async () => {
    const { sessions } = openHarness();
    const [mine, other] = await twoViews(sessions, { n: 1 });
    await other.update((data) => (data["n"] = 10));
    const seen: number[] = [];
    await mine.update((data) => seen.push((data["n"] += 1)));
    expect(seen.at(-1)).toBe(11);
    expect(mine.data["n"]).toBe(11);
  });

  test("writes nothing when fn throws or changes nothing", async () => {
    const { sessions, calls } = openHarness();
    const session = await sessions.create({ n: 1 });
    calls.length = 0;
    await expect(
      session.update((data) => {
        data["n"] = 2;
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect(await session.update((data) => data["n"])).toBe(1);
    expect(calls).toStrictEqual([]);
  });

  test("refuses a function that returns a promise", async () => {
    const { sessions } = openHarness();
    const session = await sessions.create({ n: 1 });
    await expect(session.update(async (data) => void (data["n"] = 2))).rejects.toThrow(
      "session.update() expected a synchronous function",
    );
    expect((await sessions.open(session.cookieHeader)).data["n"]).toBe(1);
  });

  test("begins a session for a visitor without one", async () => {
    const { sessions } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => session.update((data) => (data["n"] = 1)));
    expect(await browser.request((session) => session.data["n"])).toBe(1);
  });

  test("parallel updates of one session object run in sequence", async () => {
    const { sessions } = openHarness();
    const session = await sessions.create({ n: 0 });
    await Promise.all(Array.from({ length: 10 }, () => session.update((data) => data["n"]++)));
    expect(session.data["n"]).toBe(10);
  });
});
