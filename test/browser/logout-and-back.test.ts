import type { Express, RequestHandler } from "express";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { mountLogout, noStore } from "./guides/logout.ts";
import { blocksOf } from "./support/guide.ts";
import { describeSites, Site, submit, type Visitor } from "./support/site.ts";

const GUIDE = "logout-in-browsers.md";

interface Pages {
  /** Before each page about the visitor. */
  readonly header?: RequestHandler;
  /** In each page about the visitor. */
  readonly html?: string;
  /** `Clear-Site-Data` of another logout than the guide's. */
  readonly clear?: string;
}

const asItComes: RequestHandler = (_req, _res, next) => next();

const privately: RequestHandler = (_req, res, next) => {
  res.set("Cache-Control", "private, max-age=600");
  next();
};

/** A site with two pages about its visitor, which tell when and how they are shown. */
class Account {
  readonly site: Site;
  /** The text that was shown, and whether it was restored as it had been left. */
  readonly shown: { readonly title: string; readonly isRestored: boolean }[] = [];

  private constructor(site: Site) {
    this.site = site;
  }

  static async open(pages: Pages = {}): Promise<Account> {
    let account: Account | undefined;
    const site = await Site.open({
      routes: (app, opened) => (account = new Account(opened)).#mount(app, pages),
    });
    return account ?? new Account(site);
  }

  #mount(app: Express, { header = asItComes, html = "", clear }: Pages): void {
    app.get("/shown", (req, res) => {
      const { title, isRestored } = req.query;
      this.shown.push({ title: typeof title === "string" ? title : "", isRestored: isRestored === "true" });
      res.sendStatus(204);
    });
    app.get(["/account", "/orders"], header, async (req, res) => {
      const { userId = "nobody" } = await this.site.sessions.from(req);
      res.send(`<title>${req.path} of ${userId}</title><script>addEventListener("pageshow", ({ persisted }) => {
        fetch("/shown?isRestored=" + persisted + "&title=" + encodeURIComponent(document.title)); });</script>${html}`);
    });
    app.get("/", async (req, res) => {
      const session = await this.site.sessions.from(req);
      res.send(`<title>home</title>${session.takeFlash()[0]?.message ?? ""}`);
    });
    if (clear === undefined) return mountLogout(app, this.site.sessions);
    app.post("/logout", async (req, res) => {
      const session = await this.site.sessions.from(req);
      await session.logout();
      session.flash("success", "You are logged out.");
      res.set("Clear-Site-Data", clear).redirect(303, "/");
    });
  }

  /** Logs in, and looks at both pages. */
  async visit(visitor: Visitor): Promise<Page> {
    const tab = await visitor.openTab(`${this.site.url}/login/1`);
    for (const path of ["/orders", "/account"]) await tab.goto(this.site.url + path);
    await this.lastShown(2);
    return tab;
  }

  /** Presses "back" so many times. @returns What the browser shows then. */
  async back(tab: Page, times: number): Promise<{ readonly title: string; readonly isRestored: boolean }> {
    const count = this.shown.length;
    // Playwright does not wait for a page that is restored.
    await tab.evaluate(`void setTimeout(() => history.go(-${times}))`);
    return this.lastShown(count + 1);
  }

  async lastShown(count: number): Promise<{ readonly title: string; readonly isRestored: boolean }> {
    await expect.poll(() => this.shown.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(count);
    return this.shown.at(-1) ?? { title: "", isRestored: false };
  }
}

describeSites('after a logout, the button "back"', (enter) => {
  test("shows the member's page where nothing is done about it, and asks no server", async () => {
    const account = await Account.open({ clear: '"storage"' });
    const tab = await account.visit(await enter());
    await submit(tab, "/logout");
    expect(await account.back(tab, 1)).toEqual({ title: "/account of 1", isRestored: true });
  });

  test.for([
    ["the page from which it was pressed", 1, "/account of nobody"],
    ["the page before", 2, "/orders of nobody"],
  ] as const)("does not show %s with what the guide says", async ([, times, title]) => {
    const account = await Account.open({ header: noStore });
    const tab = await account.visit(await enter());
    await submit(tab, "/logout");
    expect(await account.back(tab, times)).toEqual({ title, isRestored: false });
  });

  test("says goodbye by a flash message, whose cookie Chromium takes beside Clear-Site-Data", async () => {
    const account = await Account.open({ header: noStore });
    const tab = await account.visit(await enter());
    await submit(tab, "/logout");
    expect(await tab.textContent("body")).toBe("You are logged out.");
  });

  test('Clear-Site-Data: "cache" alone hides the pages before, and not the one from which it was pressed', async () => {
    const account = await Account.open();
    const tab = await account.visit(await enter());
    await submit(tab, "/logout");
    const shown = [await account.back(tab, 1), await account.back(tab, 1)];
    expect(shown).toEqual([
      { title: "/account of 1", isRestored: true },
      { title: "/orders of nobody", isRestored: false },
    ]);
  });

  test('Clear-Site-Data: "cookies" makes Chromium ignore the cookies of the same answer', async () => {
    const account = await Account.open({ header: noStore, clear: '"cache", "cookies"' });
    const visitor = await enter();
    const tab = await account.visit(visitor);
    await submit(tab, "/logout");
    expect(await visitor.cookies()).toEqual([]);
    expect(await tab.textContent("body")).toBe("");
  });

  test.for([
    ["no-store, as the guide says", noStore],
    ["private, max-age=600, since the adapter says Vary: Cookie", privately],
  ] as const)("the HTTP cache has no page of the member's either: %s", async ([, header]) => {
    const account = await Account.open({ header });
    const visitor = await enter();
    const tab = await account.visit(visitor);
    await submit(tab, "/logout");
    const other = await visitor.openTab(`${account.site.url}/account`);
    expect(await other.title()).toBe("/account of nobody");
  });

  test("shows a page of no-store once more after a logout elsewhere, unless it looks itself", async () => {
    const html = blocksOf(GUIDE, "html").join("");
    expect(html).toContain("pageshow");
    const backAfterRevocation = async (script: string): Promise<Account> => {
      const account = await Account.open({ header: noStore, html: script });
      const tab = await account.visit(await enter());
      await tab.goto(`${account.site.url}/blank`);
      await account.site.sessions.revokeUser("1");
      await account.back(tab, 1);
      return account;
    };
    expect((await backAfterRevocation("")).shown.at(-1)).toEqual({
      title: "/account of 1",
      isRestored: true,
    });
    const { shown } = await backAfterRevocation(html);
    await expect
      .poll(() => shown.at(-1), { timeout: 10_000 })
      .toEqual({ title: "/account of nobody", isRestored: false });
  });
});
