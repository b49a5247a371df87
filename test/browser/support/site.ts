import { once } from "node:events";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import express, { type Express } from "express";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { type Cache, createSojourn, type Sessions, type SessionSettings, type Sojourn } from "sojourn";
import { type ExpressSessionsOptions, expressSessions } from "sojourn/adapters/express";
import { memoryCacheStore, memorySessionStore } from "sojourn/stores/memory";
import { redisSessionStore } from "sojourn/stores/redis";
import { ManualClock } from "sojourn/testing";
import { expect, onTestFinished } from "vitest";
import { describeInBrowser } from "../../support/chromium.ts";
import { serverForTest } from "../../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../../support/redis-server.ts";
import { makeCertificate } from "./certificate.ts";
import { Gates } from "./gates.ts";

/**
 * Hosts that lead to this machine in the browser of the tests. Each is a site of its own, but for those of
 * shop.test.
 */
export const HOSTS = ["shop.test", "www.shop.test", "evil.test", "provider.test"] as const;
export type Host = (typeof HOSTS)[number];

const certificate = makeCertificate(HOSTS);
const FLAGS = [
  `--host-resolver-rules=${HOSTS.map((host) => `MAP ${host} 127.0.0.1`).join(",")}`,
  // The certificate counts as a good one: with one that is merely ignored, Chromium keeps nothing in its caches.
  `--ignore-certificate-errors-spki-list=${certificate.fingerprint}`,
];

/** Data of a session of the test sites. */
export interface SiteData {
  note?: string;
  payment?: string;
  messages?: number;
}

export interface SiteOptions {
  readonly host?: Host;
  /** @defaultValue `"https"` */
  readonly scheme?: "http" | "https";
  readonly sessions?: SessionSettings<SiteData>;
  readonly adapter?: ExpressSessionsOptions;
  /** Connection to Redis; without it, sessions are in memory. */
  readonly redis?: RedisServer | undefined;
  /** The clock of another process with the same sessions. */
  readonly clock?: ManualClock;
  /** Mounted before the sessions. */
  readonly before?: (app: Express, site: Site) => void;
  /** Mounted behind the sessions. */
  readonly routes?: (app: Express, site: Site) => void;
}

/**
 * A site with sessions, at a host and port of its own. `/login/USER`, `/logout`, `/cycle`, `/write/TEXT` and
 * `/who` do what they say; `?before=NAME` and `?after=NAME` let them wait at a gate before or after it,
 * `?wire=NAME` keeps the answer back.
 */
export class Site {
  readonly url: string;
  readonly sessions: Sessions<SiteData>;
  readonly cache: Cache;
  readonly clock: ManualClock;
  readonly gates = new Gates();
  /** Cookie names that each request to the site brought, by path. */
  readonly requests: { readonly path: string; readonly cookies: string; readonly setCookie: string[] }[] = [];

  /** For sockets. */
  readonly server: Server;

  private constructor(
    url: string,
    server: Server,
    { sessions, caches }: Sojourn<SiteData>,
    clock: ManualClock,
  ) {
    this.url = url;
    this.server = server;
    this.sessions = sessions;
    this.cache = caches.default;
    this.clock = clock;
  }

  static async open(options: SiteOptions = {}): Promise<Site> {
    const { host = "shop.test", scheme = "https", redis, clock = new ManualClock(Date.now()) } = options;
    const sojourn = createSojourn<SiteData>({
      projectName: "site",
      secretKey: "a secret for the tests in browsers",
      redis: redis ? { default: redis.url } : {},
      sessions: { store: redis ? redisSessionStore() : memorySessionStore(), ...options.sessions },
      caches: { default: { store: memoryCacheStore(), keyPrefix: "site" } },
      clock,
    });
    const app = express();
    const server = scheme === "https" ? createHttpsServer(certificate, app) : createHttpServer(app);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const site = new Site(`${scheme}://${host}:${port}`, server, sojourn, clock);
    site.#build(app, options);
    onTestFinished(async () => {
      site.gates.openAll();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await sojourn.close();
    });
    return site;
  }

  get port(): string {
    return new URL(this.url).port;
  }

  /** How many sessions are listed under a user's devices. */
  async devicesOf(userId: string): Promise<number> {
    const { sessions } = await this.sessions.pageOfUser(userId);
    return sessions.length;
  }

  #build(app: Express, { before, routes, adapter }: SiteOptions): void {
    app.use((req, res, next) => {
      res.on("finish", () =>
        this.requests.push({
          path: req.path,
          cookies: req.get("Cookie") ?? "",
          setCookie: [res.getHeader("Set-Cookie") ?? []].flat().map(String),
        }),
      );
      next();
    });
    // Stands for a slow network: what the server has sent stays on its way.
    app.use((req, res, next) => {
      const { wire } = req.query;
      next();
      if (typeof wire !== "string") return;
      res.socket?.cork();
      void this.gates.pass(wire).then(() => res.socket?.uncork());
    });
    app.get("/blank", (_req, res) => void res.send("<title>blank</title>"));
    before?.(app, this);
    app.use(expressSessions(this.sessions, adapter));
    app.use(express.urlencoded({ extended: false }));
    routes?.(app, this);
    this.#act(app, "/login/:value", async (req, user) => (await this.sessions.from(req)).login(user));
    this.#act(app, "/logout", async (req) => (await this.sessions.from(req)).logout());
    this.#act(app, "/cycle", async (req) => (await this.sessions.from(req)).cycleKey());
    this.#act(app, "/write/:value", async (req, text) => {
      const session = await this.sessions.from(req);
      session.data.note = text;
      await session.save();
    });
    this.#act(app, "/set/:value", async (req, text) => {
      (await this.sessions.from(req)).data.note = text;
    });
    this.#act(app, "/who", async () => {});
    app.use((error: unknown, _req: express.Request, res: express.Response, _next: express.NextFunction) => {
      const {
        statusCode = 500,
        code = "",
        message,
      } = error as Error & { statusCode?: number; code?: string };
      res
        .status(statusCode)
        .type("html")
        .send(`<title>${code}</title>${statusCode === 500 ? message : ""}`);
    });
  }

  #act(app: Express, path: string, act: (req: express.Request, value: string) => Promise<void>): void {
    app.all(path, async (req, res) => {
      const { before, after } = req.query;
      const session = await this.sessions.from(req);
      if (typeof before === "string") await this.gates.pass(before);
      await act(req, String(req.params["value"]));
      if (typeof after === "string") await this.gates.pass(after);
      const name = session.userId === undefined ? "nobody" : `user ${session.userId}`;
      res.type("html").send(`<title>${name}</title>${session.data.note ?? "-"}`);
    });
  }
}

/** Somebody with a browser of their own: tabs share its cookies. */
export class Visitor {
  readonly context: BrowserContext;

  private constructor(context: BrowserContext) {
    this.context = context;
  }

  static async enter(browser: Browser): Promise<Visitor> {
    const context = await browser.newContext();
    context.setDefaultTimeout(10_000);
    onTestFinished(() => context.close());
    return new Visitor(context);
  }

  async openTab(url: string): Promise<Page> {
    const tab = await this.context.newPage();
    await tab.goto(url);
    return tab;
  }

  /** Returns who is logged in, as a new tab sees it. */
  async who(site: Site): Promise<string> {
    const tab = await this.openTab(`${site.url}/who`);
    const title = await tab.title();
    await tab.close();
    return title;
  }

  /** Values of the session cookies that the browser has, whatever host and path they are for. */
  async cookies(name = "sessionid"): Promise<string[]> {
    const cookies = await this.context.cookies();
    return cookies.filter((cookie) => cookie.name === name).map(({ value }) => value);
  }
}

/** Sends a request from a page, as its script would. @returns Its status, and who it was for. */
export async function send(
  tab: Page,
  path: string,
  method = "POST",
): Promise<{ status: number; who: string }> {
  const script = `fetch(${JSON.stringify(path)}, { method: ${JSON.stringify(method)} })
    .then(async (answer) => ({ status: answer.status, who: /<title>(.*)<.title>/.exec(await answer.text())?.[1] ?? "" }))`;
  return tab.evaluate(script);
}

/** Waits until a page has a title, for 10 seconds. */
export async function expectTitle(tab: Page, title: string): Promise<void> {
  await expect.poll(() => tab.title(), { timeout: 10_000 }).toBe(title);
}

/** Presses the button of a form that leads elsewhere. */
export async function submit(tab: Page, action: string, method = "post", fields = ""): Promise<void> {
  await tab.evaluate(`document.body.insertAdjacentHTML("beforeend",
    ${JSON.stringify(`<form id="sent" method="${method}" action="${action}">${fields}</form>`)})`);
  await Promise.all([tab.waitForEvent("load"), tab.evaluate("document.getElementById('sent').submit()")]);
}

/** `describe` for tests with sites in a real browser. */
export function describeSites(title: string, define: (enter: () => Promise<Visitor>) => void): void {
  describeInBrowser(title, (browser) => define(() => Visitor.enter(browser())), FLAGS);
}

/** A function that opens two sites on ports of their own, which cookies do not tell apart. */
export type OpenSites = (options?: SiteOptions) => Promise<{ readonly site: Site; readonly other: Site }>;

/** The same, with one process that keeps its sessions in memory, and with two processes that share Redis. */
export function describeSitesOnStores(
  title: string,
  define: (enter: () => Promise<Visitor>, open: OpenSites) => void,
): void {
  describeSites(`${title}, in memory`, (enter) =>
    define(enter, async (options) => {
      const site = await Site.open(options);
      return { site, other: site };
    }),
  );
  describeWithRedis(`${title}, in Redis`, () => {
    describeSites("with two processes", (enter) =>
      define(enter, async (options) => {
        const redis = await serverForTest();
        const site = await Site.open({ ...options, redis });
        return { site, other: await Site.open({ ...options, redis, clock: site.clock }) };
      }),
    );
  });
}
