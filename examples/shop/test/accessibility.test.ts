import axe, { type AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { describeInBrowser } from "../../../test/support/chromium.ts";
import { describeWithRedis } from "../../../test/support/redis-server.ts";
import { logIn, OpenShop, SCREENS, Visitor } from "./support.ts";

const PAGES = ["/", "/cart", "/login", "/account", "/race", "/news", "/record", "/nowhere", "/cart/%ff"];
// A name, a product, a device: what has no place to break in it. The users' table has room for as
// many letters.
const LONG_WORD = "Konstantinopolitanischedudelsackpfeifenmachergesellenbruderschaft".repeat(2);

describeInBrowser("for everybody", (browser) => {
  let shop: OpenShop;
  beforeAll(async () => {
    shop = await OpenShop.start("memory", { log: () => {} });
  });
  afterAll(() => shop.stop());

  const enter = async (options: Partial<Parameters<typeof Visitor.enter>[2]> = {}): Promise<Page> => {
    const visitor = await Visitor.enter(browser(), shop.url, { screen: "desk", ...options });
    const tab = await visitor.openTab();
    await tab.click("#add-mug");
    await tab.locator(`#count-mug:has-text("1 in cart")`).waitFor();
    return tab;
  };

  const onEachPage = async (tab: Page, look: (path: string) => Promise<unknown>): Promise<void> => {
    for (const path of PAGES) {
      await tab.goto(shop.url + path);
      await tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
      await look(path);
    }
    await tab.context().close();
  };

  test.for([
    ["a stranger on a desk", { screen: "desk" }, false],
    ["a member on a desk, dark", { screen: "desk", isDark: true }, true],
    ["a member on a phone", { screen: "phone" }, true],
    ["a stranger on a phone, dark", { screen: "phone", isDark: true }, false],
  ] as const)("axe-core finds nothing on any page, for %s", async ([, options, isMember]) => {
    const tab = await enter(options);
    if (isMember) await logIn(tab);
    await onEachPage(tab, async (path) => {
      expect({ path, findings: await findings(tab) }).toEqual({ path, findings: [] });
    });
  });

  test("axe-core finds nothing after a failed login, and detects a fault", async () => {
    const tab = await enter();
    await tab.goto(`${shop.url}/login`);
    await tab.fill("#password", "not this one");
    await Promise.all([tab.waitForEvent("load"), tab.press("#password", "Enter")]);
    expect(await findings(tab)).toEqual([]);
    await tab.evaluate("document.querySelector('label').remove()");
    expect(await findings(tab)).toContainEqual(expect.stringMatching(/^label: /));
    await tab.context().close();
  });

  // WCAG 2.2, success criterion 1.4.4.
  test.for(["small phone", "phone", "desk"] as const)("text alone at 200 % fits on a %s", async (screen) => {
    const tab = await enter({ screen });
    await logIn(tab);
    await onEachPage(tab, async (path) => {
      await tab.evaluate(`document.documentElement.style.fontSize = "200%"`);
      const faults = {
        out: await stickingOut(tab),
        cut: await cutOff(tab),
        overlapping: await overlapping(tab),
      };
      expect({ path, ...faults }).toEqual({ path, out: [], cut: [], overlapping: [] });
      expect(await widthOf(tab)).toBe(SCREENS[screen].width);
    });
  });

  test.for(["small phone", "phone", "desk"] as const)(
    "a long word in a name widens no page on a %s",
    async (screen) => {
      const tab = await enter({ screen });
      await logIn(tab);
      await onEachPage(tab, async (path) => {
        await tab.evaluate(`for (const element of document.querySelectorAll("h1, h2, h3, dd, td, .notices p, .line, nav li:last-child span"))
        element.textContent = ${JSON.stringify(LONG_WORD)};`);
        expect({ path, out: await stickingOut(tab) }).toEqual({ path, out: [] });
        expect(await widthOf(tab)).toBe(SCREENS[screen].width);
      });
    },
  );

  test.for(["phone", "desk"] as const)("nothing on a page moves while it loads, on a %s", async (screen) => {
    const tab = await enter({ screen });
    await onEachPage(tab, async (path) => {
      await tab.waitForLoadState("networkidle");
      const shift = await tab.evaluate(`new Promise((resolve) => {
        let sum = 0;
        new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => { sum += value; }))
          .observe({ type: "layout-shift", buffered: true });
        setTimeout(() => resolve(sum), 100);
      })`);
      // 0.1 is what counts as good (web.dev/cls). A scroll bar that comes or goes is a little.
      expect({ path, isStill: Number(shift) < 0.005, shift }).toMatchObject({ path, isStill: true });
    });
  });

  test("each page has a one-sentence description, for search engines and previews", async () => {
    const tab = await enter();
    await onEachPage(tab, async () => {
      expect(await tab.getAttribute("meta[name=description]", "content")).toMatch(/^[A-Z].{40,160}\.$/);
    });
  });
});

describeWithRedis("for everybody, in Redis", () => {
  describeInBrowser("as long as it is there, and afterwards", (browser) => {
    test("axe-core finds nothing on the page of the record, nor on that of an outage", async () => {
      const shop = await OpenShop.start("Redis", { log: () => {} });
      onTestFinished(() => shop.stop());
      for (const isDark of [false, true]) {
        const visitor = await Visitor.enter(browser(), shop.url, { screen: "phone", isDark });
        const tab = await visitor.openTab();
        await logIn(tab);
        await tab.goto(`${shop.url}/record`);
        await tab.locator("#raw").waitFor();
        expect(await findings(tab)).toEqual([]);
        if (isDark) await shop.redis?.kill();
        const response = await tab.goto(`${shop.url}/account`);
        expect({ status: response?.status(), findings: await findings(tab) }).toEqual({
          status: isDark ? 503 : 200,
          findings: [],
        });
        await visitor.leave();
      }
    });
  });
});

/** Findings of axe-core on a page: rules, and where they are broken. */
async function findings(tab: Page): Promise<string[]> {
  await tab.evaluate(axe.source);
  const { violations } = await tab.evaluate<AxeResults>("axe.run()");
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(", ")}`);
}

function widthOf(tab: Page): Promise<number> {
  return tab.evaluate("document.documentElement.scrollWidth");
}

/** Elements that stick out of the window, the innermost first. */
function stickingOut(tab: Page): Promise<string[]> {
  return tab.evaluate(`[...document.body.querySelectorAll(":not(.unseen)")]
    .filter((element) => element.getBoundingClientRect().right > innerWidth && !element.closest(".unseen, .skip, pre, [class=unseen]"))
    .map((element) => element.outerHTML.slice(0, 80)).reverse()`);
}

/** Texts that their boxes cut off. */
function cutOff(tab: Page): Promise<string[]> {
  return tab.evaluate(`[...document.querySelectorAll("a, button, h1, h2, h3, p, dt, dd, th, td, label")]
    .filter((element) => !element.closest(".unseen, pre") && element.scrollWidth > element.clientWidth + 1)
    .filter((element) => getComputedStyle(element).display !== "inline" && element.clientWidth > 1)
    .map((element) => element.tagName + ": " + element.textContent.trim().slice(0, 40))`);
}

/** Pairs of targets that one thumb could press at once. */
function overlapping(tab: Page): Promise<string[]> {
  return tab.evaluate(`[...document.querySelectorAll("main button, .nav a")]
    .map((element) => ({ element, box: element.getBoundingClientRect() }))
    .filter(({ element, box }, index, all) => all.some(({ element: other, box: its }, at) => at > index
      && box.left < its.right - 1 && its.left < box.right - 1 && box.top < its.bottom - 1 && its.top < box.bottom - 1))
    .map(({ element }) => element.textContent.trim())`);
}
