import { describe, expect, test } from "vitest";
import { HOUR, logIn, MOVES, openScene, SETTINGS } from "../../../test/support/moved-keys.ts";

describe.each(SETTINGS)("hashKeys: $hashKeys, processes: $processes", (settings) => {
  test("a response that answers late does not bring a replaced key back", async () => {
    const scene = await openScene(settings);
    await scene.browser.request((session) => (session.data["cart"] = 1));
    scene.clock.advance(61_000);
    const slow = scene.elsewhere().begin();
    await (await slow.session()).update((data) => (data["cart"] = 2));
    await scene.browser.request((session) => session.login(7));
    await slow.finish();
    expect(slow.setCookie).toStrictEqual([]);
  });

  test.each(Object.entries(MOVES))(
    "a late response of %s does not bring back a key that was logged out",
    async (_name, move) => {
      const scene = await openScene(settings);
      await logIn(scene);
      const slow = scene.elsewhere().begin();
      const logout = scene.browser.begin();
      await logout.session();
      await move(await slow.session());
      await (await logout.session()).logout();
      await logout.finish(303);
      await slow.finish();
      expect(slow.setCookie).toStrictEqual([]);
      expect(await scene.keys()).toStrictEqual([]);
    },
  );

  test("a late response of a logout leaves the cookie of a concurrent login", async () => {
    const scene = await openScene(settings);
    await logIn(scene);
    const [logout, login] = [scene.browser.begin(), scene.elsewhere().begin()];
    await (await logout.session()).logout();
    await (await login.session()).login(8);
    await login.finish();
    await logout.finish(303);
    expect(logout.setCookie).toStrictEqual([]);
    expect(login.setCookie).toHaveLength(1);
  });

  test("a late first write under a dead key does not replace a concurrent login", async () => {
    const scene = await openScene(settings);
    await logIn(scene);
    scene.clock.advance(15 * 24 * HOUR);
    const [slow, slower, login] = [
      scene.browser.begin(),
      scene.elsewhere().begin(),
      scene.elsewhere().begin(),
    ];
    (await slow.session()).data["views"] = 1;
    (await slower.session()).data["views"] = 1;
    await (await slower.session()).save();
    await (await login.session()).login(7);
    await login.finish();
    await expect(slow.finish()).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
    await slower.finish();
    expect([slow.setCookie, slower.setCookie]).toStrictEqual([[], []]);
  });

  test("a second click of a login joins the first even if the key was renewed in between", async () => {
    const scene = await openScene(settings);
    await logIn(scene);
    scene.clock.advance(25 * HOUR);
    const [first, second] = [scene.browser.begin(), scene.elsewhere().begin()];
    await first.session();
    await second.session();
    await scene.elsewhere().request(() => {});
    await (await first.session()).login(8);
    await (await second.session()).login(8);
    await first.finish();
    await second.finish();
    expect(await scene.keys()).toHaveLength(1);
    expect(first.setCookie[0]?.split(";")[0]).toBe(second.setCookie[0]?.split(";")[0]);
  });

  test("a second click of a login joins the first in another process as well", async () => {
    const scene = await openScene(settings);
    await scene.browser.request((session) => (session.data["cart"] = 1));
    const [first, second] = [scene.browser.begin(), scene.elsewhere().begin()];
    await (await first.session()).login(7);
    await (await second.session()).login(7);
    await first.finish();
    await second.finish();
    expect(await scene.keys()).toHaveLength(1);
    expect(first.setCookie[0]?.split(";")[0]).toBe(second.setCookie[0]?.split(";")[0]);
  });
});
