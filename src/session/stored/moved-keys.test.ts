import { describe, expect, onTestFinished, test } from "vitest";
import { HOUR, logIn, MOVES, openScene, SETTINGS } from "../../../test/support/moved-keys.ts";
import { Browser, openHarness, withoutTombstones } from "../../../test/support/session-harness.ts";

describe.each(SETTINGS)("hashKeys: $hashKeys, processes: $processes", (settings) => {
  describe("a key that was renewed", () => {
    test("finds the session for a minute, and its response sends the new key again", async () => {
      const scene = await openScene(settings);
      await logIn(scene);
      const late = scene.elsewhere();
      scene.clock.advance(25 * HOUR);
      await scene.browser.request(() => {});
      const old = late.cookie;
      expect(scene.browser.cookie).not.toBe(old);
      expect(
        await late.request(({ userId, data, isNew }) => ({ userId, cart: data["cart"], isNew })),
      ).toStrictEqual({
        userId: "7",
        cart: 1,
        isNew: false,
      });
      expect(late.cookie).toBe(scene.browser.cookie);
      scene.clock.advance(60_000);
      expect((await scene.sessions.open(old)).userId).toBeUndefined();
    });

    test.each(["loaded before the renewal", "loaded after it"])(
      "accepts writes of requests that were %s",
      async (order) => {
        const scene = await openScene(settings);
        await logIn(scene);
        scene.clock.advance(25 * HOUR);
        const late = scene.elsewhere();
        const request = late.begin();
        if (order === "loaded before the renewal") await request.session();
        await scene.browser.request((session) => (session.data["first"] = 1));
        const session = await request.session();
        session.data["second"] = 2;
        await session.update((data) => (data["cart"] += 1));
        session.data["third"] = 3;
        await request.finish();
        expect(late.cookie).toBe(scene.browser.cookie);
        expect(await scene.browser.request(({ data }) => ({ ...data }))).toStrictEqual({
          cart: 2,
          first: 1,
          second: 2,
          third: 3,
          _auth_user_id: "7",
        });
        expect(await scene.keys()).toHaveLength(1);
      },
    );

    test("is renewed once by six parallel requests, whatever they do, and no visitor is logged out", async () => {
      const scene = await openScene(settings);
      await logIn(scene);
      scene.clock.advance(25 * HOUR);
      const requests = Array.from({ length: 6 }, (_, index) =>
        (index % 2 ? scene.elsewhere() : scene.browser).begin(),
      );
      await Promise.all(
        requests.map(async (request, index) => {
          const session = await request.session();
          if (index % 3 > 0) session.data[`page${index}`] = index;
          await request.finish();
        }),
      );
      const cookies = requests.flatMap(({ setCookie }) => setCookie.map((line) => line.split(";")[0]));
      expect(new Set(cookies).size).toBe(1);
      const [cookie] = cookies;
      expect({ ...(await scene.sessions.open(cookie)).data }).toStrictEqual({
        cart: 1,
        page1: 1,
        page2: 2,
        page4: 4,
        page5: 5,
        _auth_user_id: "7",
      });
      expect(await scene.keys()).toHaveLength(1);
    });

    test("is not renewed for a client that has disconnected, since the new key would not arrive", async () => {
      const scene = await openScene(settings);
      await logIn(scene);
      scene.clock.advance(25 * HOUR);
      const before = await scene.keys();
      const request = scene.browser.begin();
      await request.session();
      await request.finish(200, false, true);
      expect(await scene.keys()).toStrictEqual(before);
    });
  });

  describe.each(Object.entries(MOVES))("a key that %s has replaced", (_name, move) => {
    test.each(["loaded before", "loaded after"])("ends no login by a late request, %s", async (order) => {
      const scene = await openScene(settings);
      await scene.browser.request((session) => (session.data["cart"] = 1));
      const late = scene.elsewhere();
      const old = late.cookie;
      const [reader, writer] = [late.begin(), late.begin()];
      if (order === "loaded before") await Promise.all([reader.session(), writer.session()]);
      await scene.browser.request(move);
      const { userId } = await reader.session();
      expect(userId).toBeUndefined();
      await reader.finish();
      (await writer.session()).data["poll"] = 1;
      await expect(writer.finish()).rejects.toMatchObject({
        code: "ERR_SESSION_INTERRUPTED",
        statusCode: 400,
      });
      expect([reader.setCookie, writer.setCookie]).toStrictEqual([[], []]);
      expect(late.cookie).toBe(old);
      expect(await scene.browser.request((session) => session.data["cart"])).toBe(1);
      expect(await scene.keys()).toHaveLength(1);
    });

    test("is refused an update and an early save too", async () => {
      const scene = await openScene(settings);
      await scene.browser.request((session) => (session.data["cart"] = 1));
      const late = await scene.elsewhere().begin().session();
      await scene.browser.request(move);
      await expect(late.update((data) => (data["n"] = 1))).rejects.toThrow("The session was ended");
      late.data["n"] = 1;
      await expect(late.save()).rejects.toThrow("The session was ended");
    });

    test("leads a logout to the session, in any request", async () => {
      const scene = await openScene(settings);
      await logIn(scene);
      const [loaded, fresh] = [scene.elsewhere().begin(), scene.elsewhere().begin()];
      await loaded.session();
      await scene.browser.request(move);
      const late = settings.processes === 1 ? loaded : fresh;
      await (await late.session()).logout();
      await late.finish(303);
      expect(late.setCookie).toMatchObject([expect.stringContaining("Max-Age=0")]);
      expect(await scene.keys()).toStrictEqual([]);
      expect((await scene.sessions.open(scene.browser.cookie)).userId).toBeUndefined();
    });
  });
});

test("a store without tombstones warns at start, and each process remembers its own moves", async () => {
  const codes: (string | undefined)[] = [];
  const note = (warning: Error & { code?: string }) => codes.push(warning.code);
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  const { sessions } = openHarness({ wrap: withoutTombstones });
  await new Promise(setImmediate);
  expect(codes).toContain("SOJOURN_NO_TOMBSTONES");
  const browser = new Browser(sessions);
  await browser.request((session) => (session.data["cart"] = 1));
  const late = new Browser(sessions, browser.cookie);
  await browser.request((session) => session.login(7));
  await expect(late.request((session) => (session.data["poll"] = 1))).rejects.toThrow(
    "The session was ended",
  );
});
