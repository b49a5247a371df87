import { describe, expect, test } from "vitest";
import type { Session } from "../session.ts";
import { Browser, type Data } from "../../../test/support/session-harness.ts";
import { HOUR, logIn, openScene, type Scene, SETTINGS } from "../../../test/support/moved-keys.ts";

describe.each(SETTINGS)("hashKeys: $hashKeys, processes: $processes", (settings) => {
  test.each([
    [
      "renewed",
      (scene: Scene) => {
        scene.clock.advance(25 * HOUR);
      },
    ],
    ["cycled", () => {}],
  ] as const)("revoke(ref) ends a session whose key was %s after it was listed", async (how, prepare) => {
    const scene = await openScene(settings);
    await logIn(scene);
    const ref = await scene.browser.request((session) => session.ref ?? "");
    prepare(scene);
    await scene.browser.request((session) => (how === "cycled" ? session.cycleKey() : undefined));
    expect(await scene.sessions.revoke(8, ref)).toBe(false);
    expect(await scene.sessions.revoke(7, ref)).toBe(true);
    expect(await scene.keys()).toStrictEqual([]);
    expect(await scene.sessions.revoke(7, "no ref of ours")).toBe(false);
  });

  describe.each([
    ["cycled", async () => {}],
    ["replaced by a login and cycled", (session: Session<Data>) => session.login(7)],
  ] as const)("a key that was %s", (_how, before) => {
    /** A request with the first key logs in as a user once the session has another key. */
    async function openBranches(user: number) {
      const scene = await openScene(settings);
      await logIn(scene);
      const [login, late] = [scene.elsewhere().begin(), scene.elsewhere().begin()];
      const session = await login.session();
      await late.session();
      await scene.browser.request(before);
      const ref = await scene.browser.request((present) => present.ref ?? "");
      await scene.browser.request((present) => present.cycleKey());
      await session.login(user);
      expect(await scene.keys()).toHaveLength(2);
      return { ...scene, ref, late };
    }

    test.each([7, 8])("and that a login of user %s begins a session with, leads to both", async (user) => {
      const { sessions, ref, late, keys } = await openBranches(user);
      expect(await sessions.revoke(7, ref)).toBe(true);
      expect(await keys()).toHaveLength(user === 7 ? 0 : 1);
      await (await late.session()).logout();
      expect(await keys()).toStrictEqual([]);
    });

    test("leads a logout to both", async () => {
      const { late, keys } = await openBranches(7);
      await (await late.session()).logout();
      expect(await keys()).toStrictEqual([]);
    });
  });

  test("revokeUser ends a session under any of its keys", async () => {
    const scene = await openScene(settings);
    await logIn(scene);
    const late = scene.elsewhere();
    scene.clock.advance(25 * HOUR);
    await scene.browser.request(() => {});
    await scene.browser.request((session) => session.cycleKey());
    expect(await scene.sessions.revokeUser(7)).toBe(1);
    for (const { cookie } of [late, scene.browser])
      expect((await scene.sessions.open(cookie)).userId).toBeUndefined();
    expect(await scene.keys()).toStrictEqual([]);
  });

  test("a logout follows a session over several keys of any origin", async () => {
    const scene = await openScene(settings);
    await scene.browser.request((session) => (session.data["cart"] = 1));
    const late = scene.elsewhere().begin();
    await scene.browser.request((session) => session.login(7));
    await scene.browser.request((session) => session.cycleKey());
    scene.clock.advance(30_000);
    await scene.browser.request((session) => session.login(8, { keep: true }));
    await (await late.session()).logout();
    expect(await scene.keys()).toStrictEqual([]);
  });

  test("a session that has ended by its own expiry leaves no record to a late request", async () => {
    const scene = await openScene(settings);
    await logIn(scene);
    const late = scene.elsewhere().begin();
    await late.session();
    const ending = scene.browser.begin();
    (await ending.session()).setExpiry(-1);
    await ending.finish();
    expect(ending.setCookie).toMatchObject([expect.stringContaining("Max-Age=0")]);
    (await late.session()).data["poll"] = 1;
    await expect(late.finish()).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
    expect(await scene.keys()).toStrictEqual([]);
  });

  test("an expiry does not end the session that a login begins once the record is gone", async () => {
    const scene = await openScene(settings);
    await logIn(scene);
    const expiring = scene.browser.begin();
    const login = new Browser(scene.otherProcess(), scene.browser.cookie);
    (await expiring.session()).setExpiry(-1);
    const request = login.begin();
    const session = await request.session();
    const original = scene.store.deleteIfMatch.bind(scene.store);
    scene.store.deleteIfMatch = async (...args) => {
      scene.store.deleteIfMatch = original;
      const result = await original(...args);
      await session.login(7);
      return result;
    };
    await expiring.finish();
    await request.finish();
    expect(await login.request(({ userId }) => userId)).toBe("7");
    expect(await scene.keys()).toHaveLength(1);
  });

  test("cycleKey ends a session whose expiry has passed, and login begins its own", async () => {
    const scene = await openScene(settings);
    await logIn(scene);
    const ending = scene.browser.begin();
    const session = await ending.session();
    session.setExpiry(-1);
    await session.cycleKey();
    expect(session).toMatchObject({ isNew: true, userId: undefined });
    await ending.finish();
    expect(ending.setCookie).toMatchObject([expect.stringContaining("Max-Age=0")]);
    const login = scene.browser.begin();
    (await login.session()).setExpiry(-1);
    await (await login.session()).login(7);
    await login.finish();
    expect(await scene.browser.request(({ userId }) => userId)).toBe("7");
  });

  test("a session of a socket is alive and can be extended after a renewal, and is not after a login or a logout", async () => {
    const scene = await openScene(settings);
    await logIn(scene);
    const socket = await scene.sessions.open(scene.browser.cookie);
    scene.clock.advance(25 * HOUR);
    await scene.browser.request(() => {});
    expect(await socket.touch()).toBe(true);
    expect(socket.cookieHeader).toBe(scene.browser.cookie);
    const other = await scene.sessions.open(scene.browser.cookie);
    scene.clock.advance(25 * HOUR);
    await scene.browser.request(() => {});
    expect(await other.isAlive()).toBe(true);
    await other.update((data) => (data["socket"] = 1));
    expect(await scene.browser.request(({ data }) => data["socket"])).toBe(1);
    await scene.browser.request((session) => session.login(7));
    expect(await other.isAlive()).toBe(false);
    expect(await other.touch()).toBe(false);
    const last = await scene.sessions.open(scene.browser.cookie);
    await scene.browser.request((session) => session.logout());
    expect([await last.isAlive(), await last.touch()]).toStrictEqual([false, false]);
  });
});
