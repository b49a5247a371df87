import { expect, test } from "vitest";
import { acceptOldName } from "./guides/cookie-name.ts";
import { cookie as widerCookie } from "./guides/cookie-scope.ts";
import { describeSites, Site, type Visitor } from "./support/site.ts";

const DAY_S = 86_400;

/** The session cookies that the browser has: their domains and paths. */
async function scopes({ context }: Visitor): Promise<string[]> {
  return (await context.cookies()).flatMap(({ name, domain, path }) =>
    name === "sessionid" ? [domain + path] : [],
  );
}

/** Plants what an application of before has left in the browser. */
async function plant(
  { context }: Visitor,
  site: Site,
  cookie: { name?: string; value: string; path?: string },
) {
  const { name = "sessionid", path = "/", value } = cookie;
  const { hostname } = new URL(site.url);
  await context.addCookies([
    { name, value, path, domain: hostname, httpOnly: true, secure: true, sameSite: "Lax" },
  ]);
}

describeSites("a cookie whose attributes have changed", (enter) => {
  test("a login holds beside the old cookie, and the new one takes its place", async () => {
    const [site, visitor] = [await Site.open({ sessions: { cookie: widerCookie } }), await enter()];
    await plant(visitor, site, {
      value: (await site.sessions.create({ note: "old" })).cookieHeader?.slice(10) ?? "",
    });
    const tab = await visitor.openTab(`${site.url}/login/1`);
    expect(await tab.textContent("body")).toBe("old");
    await tab.goto(`${site.url}/set/new`);
    expect(await visitor.who(site)).toBe("user 1");
    site.clock.advance(61_000);
    expect(await visitor.who(site)).toBe("user 1");
    expect(await scopes(visitor)).toEqual([".shop.test/"]);
  });

  test("a logout ends the session of either, and leaves no cookie", async () => {
    const [site, visitor] = [await Site.open({ sessions: { cookie: widerCookie } }), await enter()];
    const old = await site.sessions.create({ note: "old" });
    await plant(visitor, site, { value: old.cookieHeader?.slice(10) ?? "" });
    const tab = await visitor.openTab(`${site.url}/set/begun`);
    site.clock.advance(61_000);
    await tab.goto(`${site.url}/logout`);
    expect(await scopes(visitor)).toEqual([]);
    expect(await old.isAlive()).toBe(false);
  });

  test("without `previous` the old cookie stays beside the new one, and the login holds all the same", async () => {
    const site = await Site.open({ sessions: { cookie: { domain: "shop.test" } } });
    const visitor = await enter();
    await plant(visitor, site, { value: "a".repeat(32) });
    await visitor.openTab(`${site.url}/login/1`);
    expect(await visitor.who(site)).toBe("user 1");
    expect((await scopes(visitor)).toSorted()).toEqual([".shop.test/", "shop.test/"]);
  });

  test("a browser with a cookie of the old name stays logged in, and gets one of the new name", async () => {
    const name = "__Host-session";
    const site = await Site.open({
      sessions: { cookie: { name } },
      before: (app) => void app.use(acceptOldName("sessionid", name)),
    });
    const visitor = await enter();
    const old = await site.sessions.create({ note: "old" });
    await plant(visitor, site, { value: old.cookieHeader?.slice(name.length + 1) ?? "" });
    site.clock.advance(61_000);
    const tab = await visitor.openTab(`${site.url}/who`);
    expect(await tab.textContent("body")).toBe("old");
    expect(await visitor.cookies(name)).toEqual(await visitor.cookies());
    await tab.goto(`${site.url}/login/1`);
    expect(await visitor.who(site)).toBe("user 1");
  });
});

describeSites("an age of 400 days, the longest that browsers keep", (enter) => {
  test("is kept whole in the browser, and a visit sends the cookie again", async () => {
    const [site, visitor] = [await Site.open({ sessions: { cookie: { age: "400d" } } }), await enter()];
    await visitor.openTab(`${site.url}/login/1`);
    const [cookie] = await visitor.context.cookies();
    const days = ((cookie?.expires ?? 0) - Date.now() / 1000) / DAY_S;
    expect(Math.round(days)).toBe(400);
    site.clock.advance(61_000);
    await visitor.who(site);
    expect(site.requests.at(-1)?.setCookie).toEqual([expect.stringMatching(/^sessionid=/)]);
  });
});

describeSites("a page inside a page of another site", (enter) => {
  const visitFrame = async (cookie: { sameSite: "lax" | "none"; partitioned?: boolean }) => {
    const site = await Site.open({ sessions: { cookie } });
    const other = await Site.open({
      host: "provider.test",
      before: (app) =>
        void app.get("/page", (_req, res) => void res.send(`<iframe src="${site.url}/who"></iframe>`)),
    });
    const visitor = await enter();
    const top = await visitor.openTab(`${site.url}/login/1`);
    const tab = await visitor.openTab(`${other.url}/page`);
    const frame = tab.frames()[1];
    const titles = [await frame?.title()];
    await frame?.goto(`${site.url}/login/2`);
    await frame?.goto(`${site.url}/who`);
    titles.push(await frame?.title());
    await top.goto(`${site.url}/who`);
    return [...titles, await top.title()];
  };

  test.for([
    ["SameSite=Lax: it has no session", { sameSite: "lax" }, "nobody"],
    ["Partitioned: it has a session of its own", { sameSite: "none", partitioned: true }, "user 2"],
    // Each visitor of these tests has a private window.
    ["SameSite=None: it has none where the browser blocks such cookies", { sameSite: "none" }, "nobody"],
  ] as const)("%s", async ([, cookie, inFrame]) => {
    expect(await visitFrame(cookie)).toEqual(["nobody", inFrame, "user 1"]);
  });
});
