import { expect, test } from "vitest";
import { Deadline } from "../../../../src/core/deadlines.ts";
import type { SessionStore, SessionStoreFactory } from "../../../../src/stores/session-store.ts";
import type { OpenedEngine } from "../../../support/engines/open-engine.ts";
import type { StartApplication } from "../../adapters/support/start-application.ts";
import { type App, Browser, startApp } from "../app.ts";
import type { Open } from "./open.ts";

interface CountedApp extends App {
  /** Returns how many sessions there are in the store. */
  readonly countSessions: () => Promise<number>;
}

const indexes = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Adds the promises of concurrent requests, tested through an application in a framework. */
export function describePromises(open: Open, startApplication?: StartApplication): void {
  const start = async (): Promise<CountedApp> => startOn(await open(), startApplication);

  async function visitor(): Promise<{ app: CountedApp; browser: Browser }> {
    const app = await start();
    const browser = new Browser(app.url);
    await browser.post("/set/first");
    return { app, browser };
  }

  test("20 parallel requests that write 20 different keys: 20 of 20", async () => {
    const { app, browser } = await visitor();
    const requests = indexes(20).map((index) => browser.post(`/slow-set/k${index}`));
    await app.gate.holds(20);
    app.gate.open();
    expect(await Promise.all(requests)).toStrictEqual(indexes(20).map(() => 200));
    expect(Object.keys((await browser.get("/read")).data)).toHaveLength(21);
  });

  test("20 parallel requests that write 20 parts of one nested object: 20 of 20", async () => {
    const { app, browser } = await visitor();
    const requests = indexes(20).map((index) => browser.post(`/slow-part/p${index}`));
    await app.gate.holds(20);
    app.gate.open();
    await Promise.all(requests);
    expect(Object.keys((await browser.get("/read")).data["cart"])).toHaveLength(20);
  });

  test("100 parallel update(d => d.n++): 100", async () => {
    const { browser } = await visitor();
    const statuses = await Promise.all(indexes(100).map(() => browser.post("/increment")));
    expect(new Set(statuses)).toStrictEqual(new Set([200]));
    expect((await browser.get("/read")).data["n"]).toBe(100);
  });

  test("a slow reader erases nothing", async () => {
    const { app, browser } = await visitor();
    const slow = browser.get<{ data: object }>("/slow-read");
    await app.gate.holds(1);
    await browser.post("/set/second");
    app.gate.open();
    expect(await slow).toStrictEqual({ data: { first: true } });
    expect((await browser.get("/read")).data).toStrictEqual({ first: true, second: true });
  });

  test("logout while a slow reader and a slow writer are in flight: the session stays dead", async () => {
    const { app, browser } = await visitor();
    await browser.post("/login/7");
    const { cookie } = browser;
    const [reader, writer] = [browser.send("GET", "/slow-read"), browser.send("POST", "/slow-set/late")];
    await app.gate.holds(2);
    expect(await browser.post("/logout")).toBe(200);
    expect(browser.cookie).toBe("");
    app.gate.open();
    expect((await reader).status).toBe(200);
    expect((await writer).status).toBe(400);
    for (const response of [await reader, await writer])
      expect(response.headers.getSetCookie()).toStrictEqual([]);
    expect(await new Browser(app.url, cookie).get("/read")).toStrictEqual({ data: {}, userId: null });
  });

  test("a double-clicked login leaves one live session, with the visitor's data", async () => {
    const { app, browser } = await visitor();
    const { cookie } = browser;
    const clicks = [new Browser(app.url, cookie), new Browser(app.url, cookie)];
    const statuses = clicks.map((click) => click.post("/slow-login/7"));
    await app.gate.holds(2);
    app.gate.open();
    expect(await Promise.all(statuses)).toStrictEqual([200, 200]);
    expect(clicks[0]?.cookie).toBe(clicks[1]?.cookie);
    expect(clicks[0]?.cookie).not.toBe(cookie);
    const read = await new Browser(app.url, clicks[0]?.cookie).get("/read");
    expect(read).toMatchObject({ data: { first: true }, userId: "7" });
    expect(await new Browser(app.url, cookie).get("/read")).toStrictEqual({ data: {}, userId: null });
    expect(await app.countSessions()).toBe(1);
  });

  test("a write after a login that raced it is interrupted, not lost without a word", async () => {
    const { app, browser } = await visitor();
    const slow = browser.send("POST", "/slow-set/late");
    await app.gate.holds(1);
    expect(await browser.post("/login/7")).toBe(303);
    app.gate.open();
    expect((await slow).status).toBe(400);
    expect((await browser.get("/read")).userId).toBe("7");
  });

  test("Vary names Cookie where the session was read, and only there", async () => {
    const { browser } = await visitor();
    expect((await browser.send("GET", "/read")).headers.get("vary")).toContain("Cookie");
    expect((await browser.send("GET", "/static")).headers.get("vary") ?? "").not.toContain("Cookie");
  });
}

async function startOn(
  { redis, store: factory, format }: Omit<OpenedEngine, "close">,
  start: StartApplication | undefined,
): Promise<CountedApp> {
  let countSessions: () => Promise<number> = () => Promise.resolve(Number.NaN);
  const store: SessionStoreFactory = (context) => {
    const made = factory(context);
    countSessions = () => countKeys(made);
    return made;
  };
  const app = await startApp({
    ...(start && { start }),
    settings: { redis, sessions: { store, format, deadline: "10s" } },
  });
  return { ...app, countSessions: () => countSessions() };
}

async function countKeys(store: SessionStore): Promise<number> {
  let keys = 0;
  for await (const _ of store.scan(() => new Deadline(60_000))) keys++;
  return keys;
}
