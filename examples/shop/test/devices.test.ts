import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { describeShop, describeShopOnce, expectText, logIn, type Scene, SCREENS } from "./support.ts";

/**
 * Two browsers, each logged in as the same user, on the account page. Those of earlier tests are
 * logged out.
 */
async function logInTwice({ visitor, enterAnother }: Scene): Promise<{ first: Page; second: Page }> {
  const first = await visitor.openTab();
  await logIn(first);
  if ((await first.locator("#end-others").count()) > 0) await press(first, "#end-others");
  const second = await (await enterAnother()).openTab();
  await logIn(second);
  return { first, second };
}

/** Presses a button that leads to another page. */
async function press(tab: Page, selector: string): Promise<void> {
  await Promise.all([tab.waitForEvent("load"), tab.click(selector)]);
}

/** Number of devices that the page lists after its update. */
async function expectDevices(tab: Page, count: number): Promise<void> {
  await expect.poll(() => tab.locator(".device").count(), { timeout: 10_000 }).toBe(count);
}

async function isFitting(tab: Page): Promise<boolean> {
  return tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth");
}

const HELD_BACK = "Field notebook: one more is in your cart.";

describeShopOnce("my devices", (play) => {
  test("a login in a second browser shows up in the first, which marks itself", () =>
    play(async (scene) => {
      const { first, second } = await logInTwice(scene);
      for (const tab of [first, second]) {
        await expectDevices(tab, 2);
        await expectText(tab.locator(".device h3").first(), /\S/);
        expect(await tab.locator(".badge").count()).toBe(1);
        expect(await tab.locator(".device form").count()).toBe(1);
        expect(await isFitting(tab)).toBe(true);
      }
    }));

  test("'log out this one' ends the other browser's session at its next page, and no other", () =>
    play(async (scene) => {
      const { first, second } = await logInTwice(scene);
      await first.click(".device button");
      await expectText(first.locator(".notices"), "That device is logged out.");
      expect(await first.locator(".device").count()).toBe(1);
      await second.goto(`${scene.shop.url}/account`);
      await expectText(second.locator("h1"), "A stranger so far");
      await first.reload();
      await expectText(first.locator("h1"), "Mira Okafor");
    }));

  test("'log out all others' leaves the browser in which it was pressed", () =>
    play(async (scene) => {
      const { first, second } = await logInTwice(scene);
      const third = await (await scene.enterAnother()).openTab();
      await logIn(third);
      await expectDevices(first, 3);
      await first.click("#end-others");
      await expectText(first.locator(".notices"), "2 other devices are logged out.");
      expect(await first.locator(".device").count()).toBe(1);
      expect(await first.locator("#end-others").count()).toBe(0);
      for (const tab of [second, third]) {
        await tab.goto(`${scene.shop.url}/account`);
        await expectText(tab.locator("h1"), "A stranger so far");
      }
    }));

  test("'log out everywhere' ends both, and the cart goes with the session", () =>
    play(async (scene) => {
      const { first, second } = await logInTwice(scene);
      await first.goto(scene.shop.url);
      await first.click("#add-mug");
      await expectText(first.locator("#cart-link .count"), /^1$/);
      await first.goto(`${scene.shop.url}/account`);
      await press(first, "#end-all");
      await expectText(first.locator(".notices"), "You are logged out on every device.");
      for (const tab of [first, second]) {
        await tab.goto(`${scene.shop.url}/account`);
        await expectText(tab.locator("h1"), "A stranger so far");
        expect(await tab.locator("#cart-link").count()).toBe(0);
      }
    }));

  test("no user ends the session of another user", () =>
    play(async (scene) => {
      const { first } = await logInTwice(scene);
      const stranger = await (await scene.enterAnother()).openTab("/login");
      await stranger.fill("#login", "jonas");
      await stranger.fill("#password", "wool and rain");
      await press(stranger, "form[action='/login'] button");
      const action = await first.locator(".device form").getAttribute("action");
      const status = await stranger.evaluate(
        `fetch("${action}", { method: "POST" }).then(({ status }) => status)`,
      );
      expect(status).toBe(200);
      await stranger.reload();
      expect(await stranger.locator(".device").count()).toBe(1);
      await first.reload();
      expect(await first.locator(".device").count()).toBe(2);
    }));
});

describeShopOnce("what is said once", (play) => {
  test("a notice is on the next page and on no later one, without JavaScript", () =>
    play(
      async ({ visitor }) => {
        const tab = await visitor.openTab();
        await tab.click("#add-mug");
        await expectText(tab.locator("[role=status].notices"), "Enamel mug: one more is in your cart.");
        await tab.reload();
        expect(await tab.locator(".notices").count()).toBe(0);
        await logIn(tab);
        await expectText(tab.locator(".notices"), "Welcome, Mira Okafor.");
        await tab.reload();
        expect(await tab.locator(".notices").count()).toBe(0);
      },
      { hasScripts: false },
    ));

  test("a tab that only follows neither takes it nor shows it, and what was added by script leaves none", () =>
    play(async ({ visitor }) => {
      const tab = await visitor.openTab();
      await tab.click("#add-mug");
      await expectText(tab.locator("#count-mug"), "1 in cart");
      // As a form without JavaScript sends it, from which no page was loaded yet.
      await tab.evaluate(`fetch("/cart/notebook/add", { method: "POST", redirect: "manual" })`);
      await expectText(tab.locator("#count-notebook"), "1 in cart");
      await tab.waitForResponse(
        (response) => response.request().headers()["x-requested-with"] === "live.mjs",
      );
      expect(await tab.locator(".notices").count()).toBe(0);
      await tab.reload();
      expect(await tab.locator(".notices").innerText()).toBe(HELD_BACK);
      await tab.reload();
      expect(await tab.locator(".notices").count()).toBe(0);
    }));
});

describeShopOnce("from the workshop", (play) => {
  test("the page shows its age, grows older, and is new after a reload of the data", () =>
    play(async ({ visitor, enterAnother }) => {
      const tab = await visitor.openTab();
      await tab.click(".foot a[href='/news']");
      const age = async (of: Page): Promise<number> => Number(await of.locator("#age strong").innerText());
      const isNew = async (of: Page): Promise<void> => {
        const begin = performance.now();
        await press(of, "form[action='/news/anew'] button");
        expect(await age(of)).toBeLessThanOrEqual((performance.now() - begin) / 1000 + 1);
      };
      await isNew(tab);
      const counts = await tab.locator("#news").innerText();
      await expect.poll(() => age(tab), { timeout: 10_000 }).toBeGreaterThanOrEqual(3);
      const other = await (await enterAnother()).openTab("/news");
      expect(await age(other)).toBeGreaterThanOrEqual(3);
      await isNew(other);
      expect(await other.locator("#news").innerText()).toBe(counts);
      expect(await other.locator("#age").innerText()).toContain("for 30 seconds");
      expect(await isFitting(tab)).toBe(true);
    }));
});

describeShop("how it lies in the store", (play) => {
  test("the page shows the visitor's own record, with its key masked; in memory it says that there is none", () =>
    play(async ({ shop, visitor }) => {
      const tab = await visitor.openTab();
      await tab.click("#add-lamp");
      await expectText(tab.locator("#count-lamp"), "1 in cart");
      await tab.goto(`${visitor.url}/record`);
      if (shop.redis === undefined) return expectText(tab.locator("#record"), "keeps its sessions in memory");
      const { key, text } = await visitor.storedRecord(shop);
      expect(await tab.locator("#raw").innerText()).toBe(text);
      expect(JSON.parse(await tab.locator("#json").innerText())).toMatchObject({ cart: { lamp: 1 } });
      expect(await tab.locator("#record-ttl").innerText()).toMatch(/^13 days 23 hours$|^14 days/);
      expect(await tab.locator("#record-key").innerText()).toContain(
        `sojourn-shop:session:${key.slice(0, 4)}•`,
      );
      expect(await tab.content()).not.toContain(key.slice(0, 5));
      expect(await isFitting(tab)).toBe(true);
    }));

  test("every screen fits what a member sees", () =>
    play(async ({ visitor, screen }) => {
      const tab = await visitor.openTab();
      await logIn(tab);
      await tab.setViewportSize(screen === "phone" ? SCREENS["small phone"] : SCREENS.desk);
      for (const path of ["/account", "/record", "/news"]) {
        await tab.goto(visitor.url + path);
        expect({ path, isFitting: await isFitting(tab) }).toEqual({ path, isFitting: true });
      }
    }));
});
