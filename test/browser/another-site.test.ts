import { expect, test } from "vitest";
import { describeSites, Site, submit } from "./support/site.ts";

describeSites("a page of another site", (enter) => {
  const openBoth = async (options: Parameters<typeof Site.open>[0] = {}) => {
    const [site, evil, visitor] = [
      await Site.open(options),
      await Site.open({ host: "evil.test" }),
      await enter(),
    ];
    await visitor.openTab(`${site.url}/login/1`);
    const tab = await visitor.openTab(`${evil.url}/blank`);
    return { site, visitor, tab };
  };

  test("that sends a form to a page that writes does not take the login away", async () => {
    const { site, visitor, tab } = await openBoth();
    await submit(tab, `${site.url}/set/theirs`);
    expect(await tab.title()).toBe("ERR_SESSION_INTERRUPTED");
    expect(site.requests.at(-1)).toMatchObject({ path: "/set/theirs", cookies: "", setCookie: [] });
    expect(await visitor.who(site)).toBe("user 1");
  });

  test("reaches no page that writes at all with a form, where the adapter refuses it", async () => {
    const { site, visitor, tab } = await openBoth({ adapter: { crossSite: "refuse" } });
    await submit(tab, `${site.url}/set/theirs`);
    expect(await tab.title()).toBe("ERR_CROSS_SITE");
    expect(await visitor.who(site)).toBe("user 1");
  });

  test("that links to a page that writes finds the login with SameSite=Lax", async () => {
    const { site, visitor, tab } = await openBoth({ adapter: { crossSite: "refuse" } });
    await submit(tab, `${site.url}/set/followed`, "get");
    expect(await tab.title()).toBe("user 1");
    expect(await visitor.who(site)).toBe("user 1");
  });

  test("that links to a page that writes does not take a login of SameSite=Strict away", async () => {
    const { site, visitor, tab } = await openBoth({
      sessions: { cookie: { sameSite: "strict" } },
      adapter: { crossSite: "refuse" },
    });
    await submit(tab, `${site.url}/set/theirs`, "get");
    expect(site.requests.at(-1)).toMatchObject({ cookies: "", setCookie: [] });
    expect(await visitor.who(site)).toBe("user 1");
  });

  test("that links to a page that writes does so under the default, as docs/security.md says of SameSite=Strict", async () => {
    const { site, visitor, tab } = await openBoth({ sessions: { cookie: { sameSite: "strict" } } });
    await submit(tab, `${site.url}/who`, "get");
    expect(site.requests.at(-1)).toMatchObject({ cookies: "", setCookie: [] });
    expect(await visitor.who(site)).toBe("user 1");
    await tab.goto("about:blank");
    await submit(tab, `${site.url}/set/theirs`, "get");
    expect(await visitor.who(site)).toBe("nobody");
  });

  test("a sibling host's form comes with the cookie, and is refused as of another origin", async () => {
    const site = await Site.open({ adapter: { crossSite: "refuse" } });
    const [sibling, visitor] = [await Site.open({ host: "www.shop.test" }), await enter()];
    await visitor.openTab(`${site.url}/login/1`);
    const tab = await visitor.openTab(`${sibling.url}/blank`);
    await submit(tab, `${site.url}/set/theirs`);
    expect(await tab.title()).toBe("ERR_CROSS_SITE");
    expect(await visitor.who(site)).toBe("user 1");
  });
});
