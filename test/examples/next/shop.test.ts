import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { driveShop } from "../../../examples/shared/test/drive-shop.ts";
import {
  type ExampleEnvironment,
  type StartedExample,
  startProgram,
} from "../../../examples/shared/test/start-example.ts";
import { buildNextExample } from "../../../scripts/next-example.mjs";
import { describeInBrowser } from "../../support/chromium.ts";
import { describeWithRedis, freePort, RedisServer } from "../../support/redis-server.ts";
import { BUILD_TIMEOUT } from "./next-server.ts";

let folder: string;

beforeAll(async () => {
  folder = await buildNextExample();
}, BUILD_TIMEOUT);

/** Starts a process of the shop, as `next start` does. */
async function start(env: ExampleEnvironment): Promise<StartedExample> {
  const next = join(folder, "node_modules", "next", "dist", "bin", "next");
  const port = await freePort();
  return startProgram([next, "start", "-p", `${port}`], {
    cwd: folder,
    env: { NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1", ...env },
  });
}

driveShop({ name: "Next", start });

describeWithRedis("the shop of Next, with two processes", () => {
  let redis: RedisServer;
  let [first, second]: string[] = [];
  const replicas: StartedExample[] = [];

  beforeAll(async () => {
    redis = await RedisServer.start();
    const env = { SECRET_KEY: "a secret for the tests of the examples", REDIS_URL: redis.url };
    replicas.push(await start(env), await start(env));
    [first, second] = replicas.map(({ url }) => url);
  });

  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await redis.stop();
  });

  describeInBrowser("in a browser", (browser) => {
    const enter = () => enterBy(browser());

    test("two tabs at two processes fill one cart by a client component, and lose nothing", async () => {
      const visitor = await enter();
      const tabs = [await open(visitor, `${first}/`), await open(visitor, `${second}/`)] as const;
      await addToCart(tabs[0], "mug");
      await Promise.all([addToCart(tabs[0], "mug"), addToCart(tabs[1], "bag")]);
      await Promise.all([addToCart(tabs[0], "mug"), addToCart(tabs[1], "bag")]);
      const cart = await open(visitor, `${second}/cart`);
      expect(await cart.textContent("#quantity-mug")).toBe("3");
      expect(await cart.textContent("#quantity-bag")).toBe("2");
    });

    test("an action changes the cart, and the page shows it", async () => {
      const visitor = await enter();
      await addToCart(await open(visitor, `${first}/`), "kettle");
      const cart = await open(visitor, `${first}/cart`);
      await cart.click("#more-kettle");
      await cart.waitForFunction("document.querySelector('#quantity-kettle').textContent === '2'");
      expect(await (await open(visitor, `${second}/cart`)).textContent("#quantity-kettle")).toBe("2");
    });

    test("a login in an action keeps the cart, and a wrong password logs nobody in", async () => {
      const visitor = await enter();
      await addToCart(await open(visitor, `${first}/`), "lamp");
      const before = await cookieOf(visitor);
      const page = await open(visitor, `${first}/login`);
      await page.fill("#password", "wrong");
      await page.click("#log-in");
      await page.waitForSelector("#login-error");
      expect(await cookieOf(visitor)).toBe(before);
      const account = await logIn(visitor, first);
      expect(await account.textContent("#user")).toBe("Mira Okafor");
      expect(await account.getAttribute("#cart-link", "aria-label")).toBe("Cart, 1 thing");
      expect(await cookieOf(visitor)).not.toBe(before);
    });

    test("a logout everywhere in one browser ends the session of another, at the other process", async () => {
      const [here, there] = [await enter(), await enter()];
      const other = await logIn(there, second);
      const page = await logIn(here, first);
      await page.click("#log-out-everywhere");
      await page.waitForURL(`${first}/`);
      expect(await page.textContent("#account-link")).toBe("Log in");
      expect(await cookieOf(here)).toBeUndefined();
      await other.click("#cart-link");
      await other.waitForURL(`${second}/cart`);
      await other.click("#account-link");
      await other.waitForURL(`${second}/login`);
    });
  });

  describe("the proxy", () => {
    test("extends the session of a page: the cookie goes out once, with a new age", async () => {
      const cookie = await cookieOfNewVisitor(first);
      const page = await fetch(`${second}/`, { headers: { cookie } });
      const [refreshed = ""] = page.headers.getSetCookie();
      expect(refreshed).toMatch(/^sessionid=.*Max-Age=1209600/);
      expect(refreshed.split(";")[0]).toBe(cookie);
      expect(page.headers.get("cache-control")).toMatch(/private.*no-store/);
      const next = await fetch(`${second}/`, { headers: { cookie } });
      expect(next.headers.getSetCookie()).toEqual([]);
    });

    test("leads strangers from the account to the login", async () => {
      const response = await fetch(`${first}/account`, { redirect: "manual" });
      expect([response.status, response.headers.get("location")]).toEqual([307, "/login"]);
    });
  });

  test("a page reads its session by one command, and the proxy by another", async () => {
    const cookie = await cookieOfNewVisitor(first);
    const monitor = await redis.monitor();
    onTestFinished(() => monitor.stop());
    await fetch(`${first}/`, { headers: { cookie } });
    expect(await monitor.take()).toHaveLength(2);
    await fetch(`${first}/`);
    expect(await monitor.take()).toEqual([]);
  });
});

async function enterBy(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext();
  context.setDefaultTimeout(10_000);
  onTestFinished(() => context.close());
  return context;
}

async function open(visitor: BrowserContext, url: string): Promise<Page> {
  const page = await visitor.newPage();
  await page.goto(url);
  return page;
}

/** Presses the button, and waits until the page shows the new cart. */
async function addToCart(page: Page, id: string): Promise<void> {
  const before = await page.textContent(`#count-${id}`);
  await page.click(`#add-${id}`);
  await page.waitForFunction(
    `document.querySelector("#count-${id}").textContent !== ${JSON.stringify(before)}`,
  );
}

async function logIn(visitor: BrowserContext, url = ""): Promise<Page> {
  const page = await open(visitor, `${url}/login`);
  await page.click("#log-in");
  await page.waitForURL(`${url}/account`);
  await page.waitForSelector("#user");
  return page;
}

async function cookieOf(visitor: BrowserContext): Promise<string | undefined> {
  const cookies = await visitor.cookies();
  return cookies.find(({ name }) => name === "sessionid")?.value;
}

async function cookieOfNewVisitor(url = ""): Promise<string> {
  const body = new URLSearchParams({ product: "mug", by: "1" });
  const added = await fetch(`${url}/api/cart`, { method: "POST", body });
  return added.headers.getSetCookie()[0]?.split(";")[0] ?? "";
}
