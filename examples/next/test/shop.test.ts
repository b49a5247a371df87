import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { buildNextExample } from "../../../scripts/next-example.mjs";
import { describeInBrowser } from "../../../test/support/chromium.ts";
import { describeWithRedis, freePort, RedisServer } from "../../../test/support/redis-server.ts";
import { endServer, untilReady } from "../../../test/support/server-process.ts";

/** Time for `npm ci` and `next build`. */
const BUILD_TIMEOUT = 300_000;
const SECRET_KEY = "a secret of the shop's tests, long enough";

/** One of the processes of the shop, as `next start` runs it. */
class Replica {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.url = `http://localhost:${port}`;
    this.#child = child;
  }

  static async start(folder: string, redis: RedisServer): Promise<Replica> {
    const port = await freePort();
    const command = [join(folder, "node_modules", "next", "dist", "bin", "next"), "start", "-p", `${port}`];
    const { PATH, HOME } = process.env;
    const child = spawn(process.execPath, command, {
      cwd: folder,
      env: {
        PATH,
        HOME,
        NODE_ENV: "production",
        NEXT_TELEMETRY_DISABLED: "1",
        SECRET_KEY,
        REDIS_URL: redis.url,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    await untilReady(child, "Ready in", child.stdout);
    return new Replica(port, child);
  }

  stop(): Promise<void> {
    return endServer(this.#child, "SIGTERM");
  }
}

describeWithRedis("the shop of Next, with two processes", () => {
  let redis: RedisServer;
  let first: Replica;
  let second: Replica;

  beforeAll(async () => {
    const folder = await buildNextExample();
    redis = await RedisServer.start();
    [first, second] = [await Replica.start(folder, redis), await Replica.start(folder, redis)];
  }, BUILD_TIMEOUT);

  afterAll(async () => {
    await Promise.all([first.stop(), second.stop()]);
    await redis.stop();
  });

  describeInBrowser("in a browser", (browser) => {
    const enter = (options?: Parameters<Browser["newContext"]>[0]) => enterBy(browser(), options);

    test("two tabs on two processes fill one cart by a client component, and lose nothing", async () => {
      const visitor = await enter();
      const tabs = [await open(visitor, first.url), await open(visitor, second.url)] as const;
      await addToCart(tabs[0], "mug");
      for (let round = 1; round <= 3; round++) {
        await Promise.all([addToCart(tabs[0], "mug"), addToCart(tabs[1], "bag")]);
      }
      const cart = await open(visitor, `${first.url}/cart`);
      expect(await cart.textContent("#quantity-mug")).toBe("4");
      expect(await cart.textContent("#quantity-bag")).toBe("3");
    });

    test("an action changes the cart, and the page shows it", async () => {
      const visitor = await enter();
      await addToCart(await open(visitor, first.url), "kettle");
      const cart = await open(visitor, `${first.url}/cart`);
      await cart.click("#more-kettle");
      await cart.waitForFunction("document.querySelector('#quantity-kettle').textContent === '2'");
      expect(await (await open(visitor, `${second.url}/cart`)).textContent("#quantity-kettle")).toBe("2");
    });

    test("a login in an action keeps the cart, and the old cookie opens nothing", async () => {
      const visitor = await enter();
      await addToCart(await open(visitor, first.url), "lamp");
      const before = await cookieOf(visitor);
      const page = await logIn(visitor, first);
      expect(await page.textContent("h1")).toBe("Mira Okafor");
      expect(await page.getAttribute("#cart-link", "aria-label")).toBe("Cart, 1 thing");
      const stolen = await enter({ extraHTTPHeaders: { cookie: `sessionid=${before}` } });
      const stranger = await open(stolen, second.url);
      expect(await stranger.textContent("#account-link")).toBe("Log in");
      expect(await cookieOf(visitor)).not.toBe(before);
    });

    test("a wrong password logs nobody in", async () => {
      const visitor = await enter();
      const page = await open(visitor, `${first.url}/login`);
      await page.fill("#password", "wrong");
      await page.click("form.fields button");
      await page.waitForSelector("#login-error");
      expect(await page.textContent("#account-link")).toBe("Log in");
      expect(await cookieOf(visitor)).toBeUndefined();
    });

    test("a logout everywhere in one browser ends the session of another, at the other process", async () => {
      const [here, there] = [await enter(), await enter()];
      const other = await logIn(there, second);
      const page = await logIn(here, first);
      await page.click("#end-all");
      await page.waitForURL(`${first.url}/`);
      expect(await page.textContent("#account-link")).toBe("Log in");
      await other.goto(`${second.url}/account`);
      expect(new URL(other.url()).pathname).toBe("/login");
      expect(await cookieOf(here)).toBeUndefined();
    });

    test("a logout of one device leaves the others", async () => {
      const [here, there] = [await enter(), await enter()];
      const other = await logIn(there, second);
      const page = await logIn(here, first);
      await page.click("#devices .link");
      await page.waitForFunction("document.querySelectorAll('#devices .link').length === 0");
      await other.goto(`${second.url}/account`);
      expect(new URL(other.url()).pathname).toBe("/login");
      expect(await (await open(here, first.url)).textContent("#account-link")).toBe("Mira");
    });

    test("without JavaScript, the forms of actions log in and out", async () => {
      const visitor = await enter({ javaScriptEnabled: false });
      const page = await logIn(visitor, first);
      expect(await page.textContent("h1")).toBe("Mira Okafor");
      await page.click("#logout");
      await page.waitForURL(`${first.url}/`);
      expect(await page.textContent("#account-link")).toBe("Log in");
    });
  });

  test("the proxy extends the session of a page: the cookie goes out once, with a new age", async () => {
    const added = await fetch(`${first.url}/api/cart/mug`, { method: "POST" });
    const [cookie = ""] = added.headers.getSetCookie()[0]?.split(";") ?? [];
    const page = await fetch(second.url, { headers: { cookie } });
    const [refreshed = ""] = page.headers.getSetCookie();
    expect(refreshed).toMatch(/^sessionid=.*Max-Age=1209600/);
    expect(refreshed.split(";")[0]).toBe(cookie);
    expect(page.headers.get("cache-control")).toMatch(/private.*no-store/);
    const next = await fetch(second.url, { headers: { cookie } });
    expect(next.headers.getSetCookie()).toEqual([]);
  });

  test("the proxy leads strangers from the account to the login", async () => {
    const response = await fetch(`${first.url}/account`, { redirect: "manual" });
    expect([response.status, response.headers.get("location")]).toEqual([307, "/login"]);
  });

  test("a page reads its session by one command, and a page without a cookie by none", async () => {
    const added = await fetch(`${first.url}/api/cart/mug`, { method: "POST" });
    const [cookie = ""] = added.headers.getSetCookie()[0]?.split(";") ?? [];
    await fetch(first.url, { headers: { cookie } });
    const monitor = await redis.monitor();
    onTestFinished(() => monitor.stop());
    await fetch(first.url, { headers: { cookie } });
    // The proxy is another bundle of the application, and reads it as well.
    expect(await monitor.take()).toHaveLength(2);
    await fetch(first.url);
    expect(await monitor.take()).toEqual([]);
  });
});

async function enterBy(
  browser: Browser,
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(10_000);
  onTestFinished(() => context.close());
  return context;
}

async function open(visitor: BrowserContext, url: string): Promise<Page> {
  const page = await visitor.newPage();
  await page.goto(url, { waitUntil: "load" });
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

async function logIn(visitor: BrowserContext, { url }: Replica): Promise<Page> {
  const page = await open(visitor, `${url}/login`);
  await page.click("form.fields button");
  await page.waitForURL(`${url}/account`);
  await page.waitForSelector("#devices");
  return page;
}

async function cookieOf(visitor: BrowserContext): Promise<string | undefined> {
  const cookies = await visitor.cookies();
  return cookies.find(({ name }) => name === "sessionid")?.value;
}
