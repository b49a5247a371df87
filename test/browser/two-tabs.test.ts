import { expect, test } from "vitest";
import { describeSitesOnStores, send, type Site, type SiteOptions, type Visitor } from "./support/site.ts";

const RENEWING: SiteOptions = { sessions: { renewEvery: "1h" } };

/** Requests of a member that give the session a new key, and what has to be so before. */
const KEY_CHANGES: readonly (readonly [change: string, path: string, options: SiteOptions])[] = [
  ["a cycled key", "/cycle", {}],
  ["another login of the same user", "/login/1", {}],
  ["a renewed key", "/set/later", RENEWING],
];

describeSitesOnStores("two tabs", (enter, open) => {
  const logIn = async (options?: SiteOptions): Promise<{ site: Site; other: Site; visitor: Visitor }> => {
    const { site, other } = await open(options);
    const visitor = await enter();
    await (await visitor.openTab(`${site.url}/set/cart`)).goto(`${site.url}/login/1`);
    expect(await visitor.who(site)).toBe("user 1");
    // From here on renewEvery is due.
    site.clock.advance(3_700_000);
    return { site, other, visitor };
  };

  const expectNobody = async (site: Site, visitor: Visitor): Promise<void> => {
    expect({ who: await visitor.who(site), devices: await site.devicesOf("1") }).toEqual({
      who: "nobody",
      devices: 0,
    });
  };

  test.for(KEY_CHANGES)(
    "%s that is answered after another tab's logout logs nobody in again",
    async ([, path, options]) => {
      const { site, other, visitor } = await logIn(options);
      const [first, second] = [await visitor.openTab("about:blank"), await visitor.openTab("about:blank")];
      const changing = first.goto(`${site.url}${path}?after=slow`);
      await site.gates.reached("slow");
      await second.goto(`${other.url}/logout`);
      site.gates.open("slow");
      await changing;
      await expectNobody(site, visitor);
    },
  );

  test.for(KEY_CHANGES.filter(([, path]) => path !== "/login/1"))(
    "%s that begins after another tab's logout is refused",
    async ([, path, options]) => {
      const { site, other, visitor } = await logIn(options);
      const [first, second] = [await visitor.openTab("about:blank"), await visitor.openTab("about:blank")];
      const changing = first.goto(`${site.url}${path}?before=slow`);
      await site.gates.reached("slow");
      await second.goto(`${other.url}/logout`);
      site.gates.open("slow");
      expect((await changing)?.status()).toBe(400);
      await expectNobody(site, visitor);
    },
  );

  test("a login that begins after another tab's logout holds, and is listed", async () => {
    const { site, other, visitor } = await logIn();
    const [first, second] = [await visitor.openTab("about:blank"), await visitor.openTab("about:blank")];
    const changing = first.goto(`${site.url}/login/1?before=slow`);
    await site.gates.reached("slow");
    await second.goto(`${other.url}/logout`);
    site.gates.open("slow");
    await changing;
    expect({ who: await visitor.who(site), devices: await site.devicesOf("1") }).toEqual({
      who: "user 1",
      devices: 1,
    });
  });

  test.for(KEY_CHANGES)(
    "a logout that is on its way while %s arrives in the browser ends the session under its new key",
    async ([, path, options]) => {
      const { site, other, visitor } = await logIn(options);
      const [first, second] = [await visitor.openTab("about:blank"), await visitor.openTab("about:blank")];
      const leaving = second.goto(`${other.url}/logout?before=slow`);
      await other.gates.reached("slow");
      const before = await visitor.cookies();
      await first.goto(`${site.url}${path}`);
      expect(await visitor.cookies()).not.toEqual(before);
      other.gates.open("slow");
      await leaving;
      await expectNobody(site, visitor);
    },
  );

  test.for(KEY_CHANGES)(
    "%s whose answer is on its way during another tab's logout is a dead one",
    async ([, path, options]) => {
      const { site, other, visitor } = await logIn(options);
      const [first, second] = [await visitor.openTab("about:blank"), await visitor.openTab("about:blank")];
      const changed = new Promise<unknown>((resolve) => {
        site.sessions.on("cycled", resolve);
        site.sessions.on("login", resolve);
      });
      const changing = first.goto(`${site.url}${path}?wire=slow`);
      await changed;
      await second.goto(`${other.url}/logout`);
      site.gates.open("slow");
      await changing;
      await expectNobody(site, visitor);
    },
  );

  test("a logout whose answer is late does not clear the cookie of a login that was made meanwhile", async () => {
    const { site, other, visitor } = await logIn();
    const [first, second] = [await visitor.openTab("about:blank"), await visitor.openTab("about:blank")];
    const leaving = first.goto(`${site.url}/logout?after=slow`);
    await site.gates.reached("slow");
    await second.goto(`${other.url}/login/2`);
    site.gates.open("slow");
    await leaving;
    expect(await visitor.who(site)).toBe("user 2");
  });

  test("a poll that is on its way during a login neither logs out nor brings the old key back", async () => {
    const { site, other } = await open();
    const visitor = await enter();
    const tab = await visitor.openTab(`${site.url}/set/cart`);
    const polling = send(tab, "/set/polled?before=slow");
    await site.gates.reached("slow");
    await visitor.openTab(`${other.url}/login/1`);
    site.gates.open("slow");
    expect(await polling).toEqual({ status: 400, who: "ERR_SESSION_INTERRUPTED" });
    expect(await visitor.who(site)).toBe("user 1");
  });

  test("six parallel requests across a renewal all find their user, and the browser ends with one live key", async () => {
    const { site, visitor } = await logIn(RENEWING);
    const tab = await visitor.openTab(`${site.url}/blank`);
    const paths = Array.from({ length: 6 }, (_, index) => (index % 2 === 0 ? "/who" : `/write/${index}`));
    const answers = await Promise.all(paths.map((path) => send(tab, path)));
    expect(answers).toEqual(paths.map(() => ({ status: 200, who: "user 1" })));
    expect({ who: await visitor.who(site), devices: await site.devicesOf("1") }).toEqual({
      who: "user 1",
      devices: 1,
    });
  });
});
