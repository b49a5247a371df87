import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { leadOnByPage, mountCallback, mountPayment, redirect } from "./guides/callbacks.ts";
import { describeSites, Site, submit } from "./support/site.ts";

/** The page of a provider of payments or logins: it sends its visitors back with a form, or by a link. */
function openProvider(): Promise<Site> {
  return Site.open({
    host: "provider.test",
    before: (app) =>
      void app.get("/pay/:policy", (req, res) => {
        res.set("Referrer-Policy", req.params.policy).send("<title>provider</title>");
      }),
  });
}

interface ShopOptions {
  readonly sameSite: "lax" | "strict";
  readonly leadOn?: typeof redirect;
  /** Referrer-Policy of the provider's page. */
  readonly policy?: string;
  /** Whether the callback is behind the guard, as it must not be. */
  readonly isGuarded?: boolean;
}

async function openShop({ sameSite, leadOn = redirect, policy, isGuarded = false }: ShopOptions) {
  const provider = await openProvider();
  const origins: (string | undefined)[] = [];
  const mount = (app: Parameters<typeof mountCallback>[0], { cache }: Site): void => {
    app.use("/payment/callback", (req, _res, next) => {
      origins.push(req.get("Origin"));
      next();
    });
    mountCallback(app, cache, leadOn);
  };
  const site = await Site.open({
    sessions: { cookie: { sameSite } },
    adapter: { crossSite: "refuse" },
    before: (app, opened) => isGuarded || mount(app, opened),
    routes: (app, opened) => {
      if (isGuarded) mount(app, opened);
      const page = `${provider.url}/pay/${policy ?? "origin"}`;
      mountPayment(app, { cache: opened.cache, sessions: opened.sessions, provider: page });
      app.get("/return", async (req, res) => {
        const { userId = "nobody" } = await opened.sessions.from(req);
        res.send(`<title>${userId}</title>`);
      });
    },
  });
  return { site, provider, origins };
}

/** Logs in, goes to the provider, and is sent back by its form. */
async function pay(tab: Page, site: Site): Promise<string> {
  await tab.goto(`${site.url}/login/1`);
  await submit(tab, "/payment");
  expect(await tab.title()).toBe("provider");
  const state = /state=([\w-]+)/.exec(tab.url())?.[1] ?? "";
  await submit(tab, `${site.url}/payment/callback`, "post", `<input name="state" value="${state}">`);

  return (await tab.textContent("body")) ?? "";
}

describeSites("a provider that sends its visitor back with a form", (enter) => {
  test.for([
    ["lax", redirect, undefined, undefined],
    ["lax", redirect, "no-referrer", "null"],
    ["strict", leadOnByPage, undefined, undefined],
    ["strict", leadOnByPage, "no-referrer", "null"],
  ] as const)(
    "finds the login and what was begun: SameSite=%s",
    async ([sameSite, leadOn, policy, origin]) => {
      const { site, provider, origins } = await openShop({ sameSite, leadOn, ...(policy && { policy }) });
      const visitor = await enter();
      const tab = await visitor.openTab(`${site.url}/blank`);
      await pay(tab, site);
      await expect.poll(() => tab.textContent("body"), { timeout: 10_000 }).toBe("Paid, thank you, 1.");
      expect(origins).toEqual([origin ?? provider.url]);
      const callback = site.requests.find(({ path }) => path === "/payment/callback");
      expect(callback).toMatchObject({ cookies: "", setCookie: [] });
      expect(await visitor.who(site)).toBe("user 1");
    },
  );

  test("with SameSite=Strict, a redirect alone comes without the cookie", async () => {
    const { site } = await openShop({ sameSite: "strict" });
    const visitor = await enter();
    const tab = await visitor.openTab(`${site.url}/blank`);
    expect(await pay(tab, site)).toContain("was not begun here");
    expect(await visitor.who(site)).toBe("user 1");
  });

  test('behind crossSite: "refuse" it is a 403, and the login stays', async () => {
    const { site } = await openShop({ sameSite: "lax", isGuarded: true });
    const visitor = await enter();
    const tab = await visitor.openTab(`${site.url}/blank`);
    await pay(tab, site);
    expect(await tab.title()).toBe("ERR_CROSS_SITE");
    expect(await visitor.who(site)).toBe("user 1");
  });

  test("with an answer that another browser has begun is turned down", async () => {
    const { site } = await openShop({ sameSite: "lax" });
    const [visitor, thief] = [await enter(), await enter()];
    const tab = await thief.openTab(`${site.url}/login/2`);
    await submit(tab, "/payment");
    const state = /state=([\w-]+)/.exec(tab.url())?.[1] ?? "";
    const trap = await visitor.openTab(`${site.url}/login/1`);
    await trap.goto(tab.url());
    await submit(trap, `${site.url}/payment/callback`, "post", `<input name="state" value="${state}">`);
    expect(await trap.textContent("body")).toContain("was not begun here");
  });
});

describeSites("a provider that sends its visitor back by a link", (enter) => {
  test.for([
    ["lax", "1"],
    ["strict", "nobody"],
  ] as const)("SameSite=%s: the page sees %s, and the login stays", async ([sameSite, who]) => {
    const { site, provider } = await openShop({ sameSite });
    const visitor = await enter();
    await visitor.openTab(`${site.url}/login/1`);
    const tab = await visitor.openTab(`${provider.url}/pay/origin`);
    await submit(tab, `${site.url}/return`, "get");
    expect(await tab.title()).toBe(who);
    expect(await visitor.who(site)).toBe("user 1");
  });
});
