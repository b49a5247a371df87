import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeInBrowser } from "../../../test/support/chromium.ts";
import { OpenShop, SCREENS, Visitor } from "./support.ts";

const PAGES = ["/", "/cart", "/login", "/account", "/race", "/news", "/record"];
// WCAG 2.2, success criterion 1.4.3, for text of normal size.
const MIN_CONTRAST = 4.5;

describeInBrowser("the pages", (browser) => {
  let shop: OpenShop;
  beforeAll(async () => {
    shop = await OpenShop.start("memory");
  });
  afterAll(() => shop.stop());

  test.for([
    ["small phone", false],
    ["phone", false],
    ["phone", true],
    ["desk", false],
    ["desk", true],
  ] as const)(
    "fit on a %s without scrolling sideways and without a complaint, dark: %s",
    async ([screen, isDark]) => {
      const visitor = await Visitor.enter(browser(), shop.url, { screen, isDark });
      const tab = await visitor.openTab();
      await fillCart(tab);
      for (const path of PAGES) {
        await tab.goto(visitor.url + path);
        await tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
        expect({ path, width: await tab.evaluate("document.documentElement.scrollWidth") }).toEqual({
          path,
          width: SCREENS[screen].width,
        });
      }
      expect(visitor.complaints).toEqual([]);
      await visitor.leave();
    },
  );

  // WCAG 2.2, success criterion 2.5.5: 44 by 44 CSS pixels; words in a sentence are exempt.
  test("touch targets are at least 44 pixels high", async () => {
    const visitor = await Visitor.enter(browser(), shop.url, { screen: "phone" });
    const tab = await visitor.openTab();
    await fillCart(tab);
    for (const path of PAGES) {
      await tab.goto(visitor.url + path);
      expect(await tooSmall(tab)).toEqual([]);
    }
    await visitor.leave();
  });

  test("every field has a label, every button a name, and a page one main heading", async () => {
    const visitor = await Visitor.enter(browser(), shop.url, { screen: "desk" });
    const tab = await visitor.openTab();
    await fillCart(tab);
    for (const path of PAGES) {
      await tab.goto(visitor.url + path);
      expect(await tab.locator("h1").count()).toBe(1);
      for (const field of await tab.locator("input").all()) {
        expect(await tab.locator(`label[for="${await field.getAttribute("id")}"]`).count()).toBe(1);
      }
      for (const button of await tab.locator("button:visible").all())
        expect(await button.innerText()).not.toBe("");
    }
    await visitor.leave();
  });

  test("a login that fails says so, keeps the name, and goes on in the password", async () => {
    const visitor = await Visitor.enter(browser(), shop.url, { screen: "phone" });
    const tab = await visitor.openTab("/login");
    await tab.fill("#login", "jonas");
    await tab.fill("#password", "not this one");
    await tab.press("#password", "Enter");
    await tab.locator("[role=alert]").waitFor();
    expect(await tab.inputValue("#login")).toBe("jonas");
    expect(await tab.inputValue("#password")).toBe("");
    expect(await tab.evaluate("document.activeElement.id")).toBe("password");
    await visitor.leave();
  });

  test("the keyboard focus stays when a line of the cart changes", async () => {
    const visitor = await Visitor.enter(browser(), shop.url, { screen: "desk" });
    const tab = await visitor.openTab();
    await fillCart(tab);
    await tab.goto(`${visitor.url}/cart`);
    await tab.focus("#more-mug");
    await tab.keyboard.press("Enter");
    await expect.poll(() => tab.locator(".total").innerText()).toContain("3 things");
    expect(await tab.evaluate("document.activeElement.id")).toBe("more-mug");
    expect(await tab.locator("#announcement").innerText()).toBe("Cart, 3 things");
    await visitor.leave();
  });
});

describe("the colours", () => {
  const pairs = [
    ["ink", "paper"],
    ["ink-soft", "paper"],
    ["ink-soft", "sheet"],
    ["accent", "paper"],
    ["accent", "sheet"],
    ["on-accent", "accent"],
    ["on-accent", "accent-strong"],
    ["lost", "paper"],
    ["lost", "lost-tint"],
  ] as const;

  test.for(["light", "dark"] as const)("of text have enough contrast, %s", (scheme) => {
    const colours = readColours()[scheme];
    for (const [text, ground] of pairs) {
      expect
        .soft(contrast(colours.get(text), colours.get(ground)), `${text} on ${ground}`)
        .toBeGreaterThan(MIN_CONTRAST);
    }
  });
});

async function fillCart(tab: Page): Promise<void> {
  for (const id of ["mug", "kettle"]) {
    await tab.click(`#add-${id}`);
    await tab.locator(`#count-${id}:has-text("1 in cart")`).waitFor();
  }
}

async function tooSmall(tab: Page): Promise<string[]> {
  const small: string[] = [];
  for (const target of await tab
    .locator("button:visible, .button:visible, nav a:visible, input:visible")
    .all()) {
    const { height = 0 } = (await target.boundingBox()) ?? {};
    if (height < 44) small.push(`${tab.url()}: ${await target.innerText()} (${height})`);
  }
  return small;
}

function readColours(): Record<"light" | "dark", Map<string, string>> {
  const style = readFileSync(new URL("../../shared/public/style.css", import.meta.url), "utf8");
  const [light, dark] = style.matchAll(/:root \{([^}]*)\}/g);
  return { light: tokensOf(light?.[1]), dark: tokensOf(dark?.[1]) };
}

function tokensOf(block = ""): Map<string, string> {
  return new Map(
    [...block.matchAll(/--([\w-]+): (#[\da-f]{6});/g)].map(([, name = "", value = ""]) => [name, value]),
  );
}

// WCAG 2.2, "contrast ratio" and "relative luminance".
function contrast(one = "", other = ""): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(colour: string): number {
  const channels = [1, 3, 5].map((start) => Number.parseInt(colour.slice(start, start + 2), 16) / 255);
  const [red = 0, green = 0, blue = 0] = channels.map((c) =>
    c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
