import { request as sendRequest } from "node:http";
import { type Fault, type FaultyMethod, faultySessionStore } from "sojourn/testing";
import { expect, test } from "vitest";
import type { SessionStoreFactory } from "../../../../src/stores/session-store.ts";
import type { StartApplication } from "../../adapters/support/start-application.ts";
import { Browser, startApp } from "../app.ts";
import type { Open } from "./open.ts";

type Faults = (method: FaultyMethod) => Fault | undefined;

function faulty(inner: SessionStoreFactory, faults: { current: Faults }): SessionStoreFactory {
  return (context) => faultySessionStore(inner(context), ({ method }) => faults.current(method));
}

interface Stage {
  readonly faults: { current: Faults };
  readonly browser: Browser;
  readonly url: string;
}

/** Adds the promises of what is stored before the response tells it, tested through an application in a framework. */
export function describeDurability(open: Open, start?: StartApplication): void {
  async function stage(): Promise<Stage> {
    const faults: { current: Faults } = { current: () => undefined };
    const { store, redis, format } = await open();
    const app = await startApp({
      ...(start && { start }),
      settings: { redis, sessions: { store: faulty(store, faults), format, deadline: "5s" } },
    });
    return { faults, browser: new Browser(app.url), url: app.url };
  }

  test("no byte of the response, and so no cookie, leaves before the record is in the store", async () => {
    const { faults, url } = await stage();
    let isStored = false;
    const delay = new Promise<void>((resolve) => {
      setTimeout(() => {
        isStored = true;
        resolve();
      }, 400);
    });
    faults.current = (method) => (method === "create" ? { delay } : undefined);
    const head = await firstByte(`${url}/set/a`, "POST");
    expect(isStored).toBe(true);
    expect(head).toMatch(/^HTTP\/1\.1 200 /);
    expect(head).toMatch(/set-cookie: sessionid=[a-z0-9]{32};/i);
  });

  test("a redirect that is followed as soon as its head arrives finds the session", async () => {
    const { browser } = await stage();
    const response = await browser.send("POST", "/login/7");
    expect(response.status).toBe(303);
    expect((await browser.get("/read")).userId).toBe("7");
  });

  test.each(["create", "commit"] as const)(
    "a failing %s never gives a 2xx, and no cookie",
    async (method) => {
      const { faults, browser } = await stage();
      if (method === "commit") await browser.post("/set/a");
      faults.current = (called) => (called === method ? { fail: "not-sent" } : undefined);
      const response = await browser.send("POST", "/set/b");
      expect(response.status).toBe(500);
      expect(response.headers.getSetCookie()).toStrictEqual([]);
      expect(await response.text()).not.toContain("{}");
      faults.current = () => undefined;
      expect(Object.keys((await browser.get("/read")).data)).toStrictEqual(method === "commit" ? ["a"] : []);
    },
  );

  test("a store that cannot be read: 500 where the session is used, 200 where it is not", async () => {
    const { faults, browser } = await stage();
    await browser.post("/set/a");
    faults.current = () => ({ fail: "not-sent" });
    expect((await browser.send("GET", "/read")).status).toBe(500);
    expect((await browser.send("GET", "/static")).status).toBe(200);
    expect(await browser.post("/logout")).toBe(500);
    faults.current = () => undefined;
    expect((await browser.get("/read")).data).toStrictEqual({ a: true });
  });

  test("a commit whose answer is lost counts once", async () => {
    const { faults, browser } = await stage();
    await browser.post("/increment");
    let lost = 0;
    faults.current = (method) =>
      method === "commit" && ++lost === 1 ? { fail: "unknown-after" } : undefined;
    expect(await browser.post("/increment")).toBe(200);
    expect((await browser.get("/read")).data["n"]).toBe(2);
  });
}

/** The first chunk of the raw response. */
function firstByte(url: string, method: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = sendRequest(url, { method, agent: false });
    request.on("socket", (socket) =>
      socket.once("data", (chunk: Buffer) => resolve(chunk.toString("latin1"))),
    );
    request.on("error", reject);
    request.end();
  });
}
