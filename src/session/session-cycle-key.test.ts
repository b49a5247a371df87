import { describe, expect, test } from "vitest";
import { Deadline } from "../core/deadlines.ts";
import type { SessionKey } from "../core/ids.ts";
import { Browser, openHarness, twoViews } from "../../test/support/session-harness.ts";

const HOUR = 3_600_000;

describe("cycleKey", () => {
  test("gives a new key, keeps the data and the login, and the old key is dead", async () => {
    const { sessions, keys } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(1));
    const before = browser.cookie;
    const at = await browser.request((session) => session.authenticatedAt);
    await browser.request(async (session) => {
      session.data["a"] = 1;
      await session.cycleKey();
    });
    expect(browser.cookie).not.toBe(before);
    expect(await keys()).toHaveLength(1);
    await browser.request((session) => {
      expect(session.data).toMatchObject({ a: 1, _auth_user_id: "1" });
      expect(session.authenticatedAt).toStrictEqual(at);
    });
    expect(await new Browser(sessions, before).request((session) => session.isNew)).toBe(true);
  });

  test("is undone when the session was ended meanwhile", async () => {
    const { sessions, keys } = openHarness();
    const [mine, other] = await twoViews(sessions, { a: 1 });
    await other.flush();
    await expect(mine.cycleKey()).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
    expect(await keys()).toStrictEqual([]);
  });

  test("copies concurrent changes of others", async () => {
    const { sessions } = openHarness();
    const [mine, other] = await twoViews(sessions, { a: 1 });
    other.data["b"] = 2;
    await other.save();
    await mine.cycleKey();
    expect((await sessions.open(mine.cookieHeader)).data).toStrictEqual({ a: 1, b: 2 });
  });

  test("counts as a renewal: neither the same request nor the next one renews the key again", async () => {
    const { sessions, clock } = openHarness({ renewEvery: "1h" });
    const browser = new Browser(sessions);
    await browser.request((session) => session.login(1));
    const cycled: string[] = [];
    sessions.on("cycled", ({ previous }) => cycled.push(previous));
    clock.advance(2 * HOUR);
    await browser.request((session) => session.cycleKey());
    await browser.request((session) => session.isNew);
    expect(cycled).toHaveLength(1);
    clock.advance(2 * HOUR);
    await browser.request((session) => session.isNew);
    expect(cycled).toHaveLength(2);
  });

  test("a key that the response brings is not renewed, however long the request takes", async () => {
    const { sessions, clock } = openHarness({ renewEvery: "1h" });
    const browser = new Browser(sessions);
    let cycled = 0;
    sessions.on("cycled", () => cycled++);
    await browser.request(async (session) => {
      await session.login(1);
      clock.advance(2 * HOUR);
    });
    expect(cycled).toBe(0);
    await browser.request((session) => session.isNew);
    expect(cycled).toBe(1);
  });

  test.each([
    { renewEvery: "1h", isNoted: true },
    { renewEvery: null, isNoted: false },
  ] as const)(
    "notes the renewal in the record where keys are renewed: %o",
    async ({ renewEvery, isNoted }) => {
      const { sessions, store, keys } = openHarness({ format: "json", renewEvery });
      const browser = new Browser(sessions);
      await browser.request((session) => session.login(1));
      await browser.request((session) => session.cycleKey());
      const [key] = await keys();
      const record = await store.read(key as SessionKey, new Deadline(1000));
      expect(record?.includes('"renewed"')).toBe(isNoted);
    },
  );
});
