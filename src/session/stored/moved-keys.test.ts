import { describe, expect, onTestFinished, test } from "vitest";
import {
  Browser,
  type Data,
  type Harness,
  openHarness,
  withoutTombstones,
} from "../../../test/support/session-harness.ts";
import type { Session } from "../session.ts";

const HOUR = 3_600_000;

type Act = (session: Session<Data>) => unknown;

/** Ways to give a session a new key. */
const MOVES: Readonly<Record<"login" | "cycleKey", Act>> = {
  login: (session) => session.login(7),
  cycleKey: (session) => session.cycleKey(),
};

/** Both forms of storage keys, and both requests in one process or in two. */
const SETTINGS = [
  { hashKeys: false, processes: 1 },
  { hashKeys: true, processes: 1 },
  { hashKeys: false, processes: 2 },
  { hashKeys: true, processes: 2 },
] as const;

interface Scene extends Harness {
  readonly browser: Browser;
  /** Requests that reach another process, with the browser's present cookie. */
  elsewhere(): Browser;
}

async function open({ hashKeys, processes }: (typeof SETTINGS)[number]): Promise<Scene> {
  const harness = openHarness({ hashKeys, renewEvery: "24h" });
  const browser = new Browser(harness.sessions);
  const others = processes === 1 ? harness.sessions : harness.otherProcess();
  return { ...harness, browser, elsewhere: () => new Browser(others, browser.cookie) };
}

async function loggedIn(scene: Scene): Promise<void> {
  await scene.browser.request((session) => {
    session.data["cart"] = 1;
    return session.login(7);
  });
}

describe.each(SETTINGS)("hashKeys: $hashKeys, processes: $processes", (settings) => {
  describe("a key that was renewed", () => {
    test("finds the session for a minute, and its response sends the new key again", async () => {
      const scene = await open(settings);
      await loggedIn(scene);
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
        const scene = await open(settings);
        await loggedIn(scene);
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

    test("of six parallel requests is renewed once, whatever they do, and no visitor is logged out", async () => {
      const scene = await open(settings);
      await loggedIn(scene);
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

    test("is not renewed for a client that has disconnected: the new key would not arrive", async () => {
      const scene = await open(settings);
      await loggedIn(scene);
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
      const scene = await open(settings);
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
      const scene = await open(settings);
      await scene.browser.request((session) => (session.data["cart"] = 1));
      const late = await scene.elsewhere().begin().session();
      await scene.browser.request(move);
      await expect(late.update((data) => (data["n"] = 1))).rejects.toThrow("The session was ended");
      late.data["n"] = 1;
      await expect(late.save()).rejects.toThrow("The session was ended");
    });

    test("leads a logout to the session, in any request", async () => {
      const scene = await open(settings);
      await loggedIn(scene);
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

  test.each([
    [
      "renewed",
      (scene: Scene) => {
        scene.clock.advance(25 * HOUR);
      },
    ],
    ["cycled", () => {}],
  ] as const)("revoke(ref) ends a session whose key was %s after it was listed", async (how, prepare) => {
    const scene = await open(settings);
    await loggedIn(scene);
    const ref = await scene.browser.request((session) => session.ref ?? "");
    prepare(scene);
    await scene.browser.request((session) => (how === "cycled" ? session.cycleKey() : undefined));
    expect(await scene.sessions.revoke(8, ref)).toBe(false);
    expect(await scene.sessions.revoke(7, ref)).toBe(true);
    expect(await scene.keys()).toStrictEqual([]);
    expect(await scene.sessions.revoke(7, "no ref of ours")).toBe(false);
  });

  test("revokeUser ends a session under any of its keys", async () => {
    const scene = await open(settings);
    await loggedIn(scene);
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
    const scene = await open(settings);
    await scene.browser.request((session) => (session.data["cart"] = 1));
    const late = scene.elsewhere().begin();
    await scene.browser.request((session) => session.login(7));
    await scene.browser.request((session) => session.cycleKey());
    scene.clock.advance(30_000);
    await scene.browser.request((session) => session.login(8, { keep: true }));
    await (await late.session()).logout();
    expect(await scene.keys()).toStrictEqual([]);
  });

  test("a response that answers late does not bring a replaced key back", async () => {
    const scene = await open(settings);
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
      const scene = await open(settings);
      await loggedIn(scene);
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
    const scene = await open(settings);
    await loggedIn(scene);
    const [logout, login] = [scene.browser.begin(), scene.elsewhere().begin()];
    await (await logout.session()).logout();
    await (await login.session()).login(8);
    await login.finish();
    await logout.finish(303);
    expect(logout.setCookie).toStrictEqual([]);
    expect(login.setCookie).toHaveLength(1);
  });

  test("a late first write under a dead key does not replace a concurrent login", async () => {
    const scene = await open(settings);
    await loggedIn(scene);
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

  test("a session of a socket is alive and can be extended after a renewal, and is not after a login or a logout", async () => {
    const scene = await open(settings);
    await loggedIn(scene);
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

  test("a second click of a login joins the first even if the key was renewed in between", async () => {
    const scene = await open(settings);
    await loggedIn(scene);
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
    const scene = await open(settings);
    await scene.browser.request((session) => (session.data["cart"] = 1));
    const [first, second] = [scene.browser.begin(), scene.elsewhere().begin()];
    await (await first.session()).login(7);
    await (await second.session()).login(7);
    await first.finish();
    await second.finish();
    expect(await scene.keys()).toHaveLength(1);
    expect(first.setCookie[0]?.split(";")[0]).toBe(second.setCookie[0]?.split(";")[0]);
  });

  test("a session that has ended by its own expiry leaves nothing either", async () => {
    const scene = await open(settings);
    await loggedIn(scene);
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

  test("an expiry that has passed: cycleKey ends the session, and login begins its own", async () => {
    const scene = await open(settings);
    await loggedIn(scene);
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
});

describe("several cookies of the name", () => {
  test("the first with a live session counts; a logout ends all of them and clears earlier ones", async () => {
    const { sessions, keys, events } = openHarness({
      cookie: { domain: "shop.example", previous: [{}, { path: "/shop", domain: "www.shop.example" }] },
    });
    const one = (await sessions.create({ a: 1 })).cookieHeader ?? "";
    const two = (await sessions.create({ b: 2 })).cookieHeader ?? "";
    const dead = `sessionid=${"q".repeat(32)}`;
    const browser = new Browser(sessions, [dead, two, one].join("; "));
    const request = browser.begin();
    expect({ ...(await request.session()).data }).toStrictEqual({ b: 2 });
    await (await request.session()).logout();
    await request.finish(303);
    expect(await keys()).toStrictEqual([]);
    expect(request.setCookie).toHaveLength(3);
    for (const line of request.setCookie) expect(line).toContain("Max-Age=0");
    expect(request.setCookie[0]).not.toContain("Domain");
    expect(request.setCookie[1]).toContain("Domain=www.shop.example; Path=/shop".split("; ")[0]);
    expect(request.setCookie[2]).toContain("Domain=shop.example");
    expect(events.map(({ event }) => event)).toMatchObject([{ reason: "duplicate" }, { reason: "unknown" }]);
  });

  test("earlier cookies are cleared with the next cookie that is set, and only if needed", async () => {
    const { sessions } = openHarness({ cookie: { domain: "shop.example", previous: [{}] } });
    const one = new Browser(sessions).begin();
    await (await one.session()).login(7);
    await one.finish();
    expect(one.setCookie).toHaveLength(1);
    const both = `sessionid=${"q".repeat(32)}; ${one.setCookie[0]?.split(";")[0]}`;
    const again = new Browser(sessions, both).begin();
    await (await again.session()).login(7);
    await again.finish();
    expect(again.setCookie).toHaveLength(2);
    expect(again.setCookie[0]).toContain("Max-Age=0");
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
