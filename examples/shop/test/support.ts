import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Express } from "express";
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { describeInBrowser } from "../../../test/support/chromium.ts";
import { isSoak } from "../../../test/support/scale.ts";
import { describeWithRedis, RedisServer } from "../../../test/support/redis-server.ts";
import { createShop, type ShopOptions } from "../app.ts";

// The small one is what WCAG 2.2, success criterion 1.4.10, asks for.
export const SCREENS = {
  "small phone": { width: 320, height: 640 },
  phone: { width: 390, height: 844 },
  desk: { width: 1280, height: 860 },
} as const;
export type Screen = keyof typeof SCREENS;

/** Lets an application listen on a free port. */
export async function serve(app: Express): Promise<{ url: string; stop: () => Promise<void> }> {
  const server = createServer(app).listen(0);
  await once(server, "listening");
  const stop = async (): Promise<void> => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return { url: `http://localhost:${(server.address() as AddressInfo).port}`, stop };
}

/** A shop that listens on a free port. */
export class OpenShop {
  readonly url: string;
  readonly redis: RedisServer | undefined;
  /** Ends it, and Redis. */
  readonly stop: () => Promise<void>;

  private constructor(url: string, redis: RedisServer | undefined, stop: () => Promise<void>) {
    this.url = url;
    this.redis = redis;
    this.stop = stop;
  }

  static async start(store: "memory" | "Redis", options: Partial<ShopOptions> = {}): Promise<OpenShop> {
    const redis = store === "Redis" ? await RedisServer.start() : undefined;
    const shop = createShop({
      secretKey: "a secret for the tests of the shop",
      redisUrl: redis?.url,
      ...options,
    });
    const { url, stop } = await serve(shop.app);
    return new OpenShop(url, redis, async () => {
      await stop();
      await shop.close();
      await redis?.stop();
    });
  }

  /** Number of sessions in Redis; `undefined` in memory, which tests cannot inspect. */
  async countSessions(): Promise<number | undefined> {
    const keys = await this.redis?.command("KEYS", "sojourn-shop:session:*");
    return (keys as string[] | undefined)?.length;
  }
}

export interface VisitorOptions {
  readonly screen: Screen;
  readonly hasScripts?: boolean;
  readonly isDark?: boolean;
}

/** A visitor with a separate browser, whose tabs share its cookies. */
export class Visitor {
  /** Complaints of the browser's console. */
  readonly complaints: string[] = [];
  readonly url: string;
  readonly #context: BrowserContext;

  private constructor(url: string, context: BrowserContext) {
    this.url = url;
    this.#context = context;
  }

  static async enter(browser: Browser, url: string, options: VisitorOptions): Promise<Visitor> {
    const { screen, hasScripts = true, isDark = false } = options;
    const context = await browser.newContext({
      viewport: SCREENS[screen],
      hasTouch: screen === "phone",
      javaScriptEnabled: hasScripts,
      colorScheme: isDark ? "dark" : "light",
      reducedMotion: "reduce",
    });
    context.setDefaultTimeout(10_000);
    return new Visitor(url, context);
  }

  async openTab(path = "/"): Promise<Page> {
    const tab = await this.#context.newPage();
    tab.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.complaints.push(message.text());
    });
    tab.on("pageerror", (error) => this.complaints.push(error.message));
    await tab.goto(this.url + path);
    return tab;
  }

  /** Record of the visitor's session in Redis. */
  async storedRecord({ redis }: OpenShop): Promise<{ key: string; text: unknown }> {
    const cookies = await this.#context.cookies();
    const key = cookies.find(({ name }) => name === "sessionid")?.value ?? "";
    return { key, text: await redis?.command("GET", `sojourn-shop:session:${key}`) };
  }

  /** Keeps a picture of each tab in a new folder among the system's temporary ones. */
  async takePictures(): Promise<string[]> {
    const folder = mkdtempSync(join(tmpdir(), "sojourn-shop-"));
    const pictures = this.#context
      .pages()
      .map((tab, index) => ({ tab, path: join(folder, `tab-${index + 1}.png`) }));
    await Promise.all(pictures.map(({ tab, path }) => tab.screenshot({ path, fullPage: true })));
    return pictures.map(({ path }) => path);
  }

  async leave(): Promise<void> {
    await this.#context.close();
  }
}

/** Arguments of a test of {@link describeShop}. */
export interface Scene {
  readonly shop: OpenShop;
  readonly visitor: Visitor;
  readonly screen: Screen;
  /** Another visitor with a browser of the same kind. */
  readonly enterAnother: () => Promise<Visitor>;
}

/**
 * Runs the body of a test with a new visitor, and fails it when a browser's console has complained.
 */
export type Play = (
  body: (scene: Scene) => Promise<void>,
  options?: Partial<VisitorOptions>,
) => Promise<void>;

interface Stage {
  readonly store: "memory" | "Redis";
  readonly screen: "phone" | "desk";
}

const ALL_STAGES: readonly Stage[] = (["memory", "Redis"] as const).flatMap((store) =>
  (["phone", "desk"] as const).map((screen) => ({ store, screen })),
);

/** Each store and each screen once in the gate, with each other in the soak. */
const STAGES: readonly Stage[] = isSoak
  ? ALL_STAGES
  : [
      { store: "memory", screen: "desk" },
      { store: "Redis", screen: "phone" },
    ];

/** `describe` for tests in a real browser: in memory and in Redis, on a phone and on a desk. */
export function describeShop(title: string, define: (play: Play) => void): void {
  for (const stage of STAGES) describeOnStage(title, stage, define);
}

/**
 * Like {@link describeShop}, for tests that depend on neither: one stage in the gate, all of them
 * in the soak.
 */
export function describeShopOnce(title: string, define: (play: Play) => void): void {
  for (const stage of isSoak ? ALL_STAGES : STAGES.slice(-1)) describeOnStage(title, stage, define);
}

function describeOnStage(title: string, stage: Stage, define: (play: Play) => void): void {
  const describeIt = stage.store === "Redis" ? describeWithRedis : describe;
  describeIt(`${title}, in ${stage.store}`, () => describeOnScreen(stage, define));
}

function describeOnScreen({ store, screen }: Stage, define: (play: Play) => void): void {
  describeInBrowser(`on a ${screen}`, (browser) => {
    let shop: OpenShop;
    beforeAll(async () => {
      shop = await OpenShop.start(store);
    });
    afterAll(() => shop.stop());
    define(async (body, options) => {
      const enter = (): Promise<Visitor> => Visitor.enter(browser(), shop.url, { screen, ...options });
      await playScene({ shop, screen }, enter, body);
    });
  });
}

async function playScene(
  place: Pick<Scene, "shop" | "screen">,
  enter: () => Promise<Visitor>,
  body: (scene: Scene) => Promise<void>,
): Promise<void> {
  const visitors: Visitor[] = [];
  const enterAnother = async (): Promise<Visitor> => {
    const visitor = await enter();
    visitors.push(visitor);
    return visitor;
  };
  try {
    await body({ ...place, visitor: await enterAnother(), enterAnother });
    expect(visitors.flatMap(({ complaints }) => complaints)).toEqual([]);
  } catch (error) {
    const pictures = await Promise.all(visitors.map((visitor) => visitor.takePictures()));
    console.error(`How it looked: ${pictures.flat().join(", ")}`);
    throw error;
  } finally {
    await Promise.all(visitors.map((visitor) => visitor.leave()));
  }
}

/** Logs in as the user whom the login page suggests: Mira Okafor. */
export async function logIn(tab: Page): Promise<void> {
  await tab.goto(new URL("/login", tab.url()).href);
  await tab.click("form[action='/login'] button");
  await tab.waitForURL("**/account");
}

/** Waits up to 5 seconds until a locator shows the expected text. */
export async function expectText(locator: Locator, expected: string | RegExp): Promise<void> {
  await expect
    .poll(async () => (await locator.allInnerTexts()).join(" ").trim(), { timeout: 5000 })
    .toMatch(expected);
}
