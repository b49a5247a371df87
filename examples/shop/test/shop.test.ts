import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { describeShop, expectText, logIn } from "./support.ts";

/**
 * Presses buttons of several tabs at the same time, and waits until the shop has answered all of
 * them.
 */
async function pressTogether(...presses: readonly (readonly [tab: Page, selector: string])[]): Promise<void> {
  await Promise.all(
    presses.map(async ([tab, selector]) => {
      const answered = tab.waitForResponse((response) => response.request().method() === "POST");
      // A tab in the background paints once a second, and click() waits for two frames: that would
      // not be together.
      await Promise.all([tab.dispatchEvent(selector, "click"), answered]);
    }),
  );
}

describeShop("the shop", (play) => {
  test("an added product is in the cart, and its quantity can be raised, lowered and removed", () =>
    play(async ({ visitor }) => {
      const tab = await visitor.openTab();
      await pressTogether([tab, "#add-mug"]);
      await pressTogether([tab, "#add-kettle"]);
      await expectText(tab.locator("#cart-link .count"), /^2$/);
      await expectText(tab.locator("#count-mug"), "1 in cart");
      await tab.click("#cart-link");
      await tab.click("#more-kettle");
      await expectText(tab.locator(".total"), /3 things\s+€99\.00/);
      await tab.click("#less-kettle");
      await expectText(tab.locator(".total"), /2 things\s+€56\.50/);
      await tab.click("#remove-mug");
      await expectText(tab.locator(".total"), /1 thing\s+€42\.50/);
      await tab.click("#less-kettle");
      await expectText(tab.locator("#cart"), "There is nothing in it yet.");
    }));

  test("two tabs that add at the same time both keep what they add", () =>
    play(async ({ visitor }) => {
      const [one, other] = await Promise.all([visitor.openTab(), visitor.openTab()]);
      await pressTogether([one, "#add-bag"]);
      for (let round = 0; round < 3; round++) {
        await pressTogether([one, "#add-mug"], [other, "#add-mug"]);
        await pressTogether([one, "#add-lamp"], [other, "#add-blanket"]);
      }
      const cart = await visitor.openTab("/cart");
      const names = await cart.locator(".cart-line h2").allInnerTexts();
      const quantities = await cart.locator(".quantity").allInnerTexts();
      expect(names.map((name, index) => `${name}: ${quantities[index]?.replace(/\D/g, "")}`)).toEqual([
        "Enamel mug: 6",
        "Wool blanket: 3",
        "Reading lamp: 3",
        "Canvas bag: 1",
      ]);
    }));

  test("two tabs of a new visitor that begin at the same time share one cart", () =>
    play(async ({ visitor }) => {
      const [one, other] = await Promise.all([visitor.openTab(), visitor.openTab()]);
      await pressTogether([one, "#add-mug"], [other, "#add-blanket"]);
      await expectText(one.locator("#cart-link .count"), /^2$/);
      await expectText(other.locator("#cart-link .count"), /^2$/);
    }));

  test("a tab shows what another one has added", () =>
    play(async ({ visitor }) => {
      const [shelf, cart] = await Promise.all([visitor.openTab(), visitor.openTab("/cart")]);
      await expectText(cart.locator("#cart"), "There is nothing in it yet.");
      await pressTogether([shelf, "#add-notebook"]);
      await expectText(cart.locator("#cart .cart-line h2"), "Field notebook");
      await expectText(cart.locator("#pulse-text"), "In step at");
    }));

  test("a login keeps the cart, and a logout logs the other tab out too", () =>
    play(async ({ visitor }) => {
      const tab = await visitor.openTab();
      await pressTogether([tab, "#add-lamp"]);
      await logIn(tab);
      await expectText(tab.locator("h1"), "Mira Okafor");
      await expectText(tab.locator(".facts dd").first(), "1 thing");
      const other = await visitor.openTab("/account");
      await expectText(other.locator("h1"), "Mira Okafor");
      await tab.click("form[action='/logout'] button");
      await tab.waitForURL("**/");
      await expectText(tab.locator(".notices"), "You are logged out.");
      await expectText(other.locator("h1"), "A stranger so far");
      await other.reload();
      await expectText(other.locator("h1"), "A stranger so far");
      await expectText(other.locator("#nav"), "Log in");
    }));

  for (const hasScripts of [true, false]) {
    const manner = hasScripts ? "" : ", also without JavaScript";
    test(`a double-clicked login leaves the cart and one session${manner}`, () =>
      play(
        async ({ visitor, shop }) => {
          await shop.redis?.command("FLUSHDB");
          const tab = await visitor.openTab();
          await tab.click("#add-bag");
          await expectText(tab.locator("#cart-link .count"), /^1$/);
          await tab.goto(`${visitor.url}/login`);
          await tab.dblclick("form[action='/login'] button");
          // Not waitForURL: it gives up when the second click aborts the first one's navigation.
          await expectText(tab.locator("h1"), "Mira Okafor");
          await expectText(tab.locator("#cart-link .count"), /^1$/);
          expect(await shop.countSessions()).toBe(shop.redis && 1);
        },
        { hasScripts },
      ));
  }

  test("twenty requests at once keep twenty notes, and last write wins fewer", () =>
    play(async ({ visitor }) => {
      const tab = await visitor.openTab("/race");
      await tab.click("#start");
      await tab.locator("#verdict[data-done]").waitFor();
      expect(await tab.locator("#sojourn [data-kept]").innerText()).toBe("20");
      expect(await tab.locator("#sojourn .cell[data-state=kept]").count()).toBe(20);
      expect(await tab.locator("#sojourn [data-count]").innerText()).toBe("20");
      const kept = Number(await tab.locator("#last-write-wins [data-kept]").innerText());
      expect(kept).toBeGreaterThanOrEqual(1);
      expect(kept).toBeLessThan(20);
      expect(await tab.locator("#last-write-wins .cell[data-state=kept]").count()).toBe(kept);
      expect(await tab.locator("#last-write-wins .cell[data-state=lost]").count()).toBe(20 - kept);
      expect(Number(await tab.locator("#last-write-wins [data-count]").innerText())).toBeLessThan(20);
      await expectText(tab.locator("#verdict"), "This shop kept 20 of 20 notes");
      await expectText(tab.locator("#verdict"), `Last write wins kept ${kept} of 20 notes`);
    }));

  test("without JavaScript the shop sells, logs in and out, and the race says why it cannot run", () =>
    play(
      async ({ visitor }) => {
        const tab = await visitor.openTab();
        await tab.click("#add-mug");
        await tab.click("#add-mug");
        await expectText(tab.locator("#count-mug"), "2 in cart");
        await logIn(tab);
        await tab.click("#cart-link");
        await tab.click("#more-mug");
        await expectText(tab.locator(".total"), "3 things");
        await tab.goto(`${visitor.url}/race`);
        await expectText(tab.locator("noscript"), "JavaScript is off");
        expect(await tab.locator("#start").isVisible()).toBe(false);
        await tab.goto(`${visitor.url}/account`);
        await tab.click("form[action='/logout'] button");
        await expectText(tab.locator("#nav"), "Log in");
      },
      { hasScripts: false },
    ));
});
