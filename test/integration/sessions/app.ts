import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import express5, { type Express, type NextFunction, type Request, type Response } from "express";
import { createSojourn, type Sessions, type SojournSettings } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import { onTestFinished } from "vitest";
import { express4 } from "../adapters/support/express.ts";

export const EXPRESS = { "Express 5": express5, "Express 4": express4 } as const;

export type Data = Record<string, any>;

/** The application of the tests: what its routes do to the session is all it does. */
export interface App {
  readonly sessions: Sessions<Data>;
  readonly url: string;
  /** Handlers that wait for the gate wait for this. */
  readonly gate: Gate;
  /** How long the requests have taken, in milliseconds, from their head to the end of the response. */
  readonly times: number[];
}

/** Holds handlers until the test opens it, and tells how many wait. */
export class Gate {
  readonly #waiting: (() => void)[] = [];
  #onArrival: () => void = () => {};

  /** To be called by handlers. */
  pass(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#onArrival();
    });
  }

  /** Resolves when so many handlers wait. */
  holds(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#onArrival = () => {
        if (this.#waiting.length >= count) resolve();
      };
      this.#onArrival();
    });
  }

  open(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

export interface AppOptions {
  readonly settings: Pick<SojournSettings, "redis" | "sessions">;
  readonly framework?: typeof express5;
}

export async function startApp({ settings, framework = express5 }: AppOptions): Promise<App> {
  const { sessions, close } = createSojourn<Data>({
    projectName: "shop",
    secretKey: "the secret of the integration tests",
    ...settings,
    sessions: { ...settings.sessions, cookie: { secure: "auto", ...settings.sessions?.cookie } },
  });
  const gate = new Gate();
  const app = framework();
  app.use(expressSessions(sessions));
  addRoutes(app, sessions, gate);
  const times: number[] = [];
  const url = await listen(app, (time) => times.push(time));
  onTestFinished(close);
  return { sessions, url, gate, times };
}

export async function listen(
  listener: RequestListener,
  onTime?: (milliseconds: number) => void,
): Promise<string> {
  const server = createServer((request, response) => {
    const begin = performance.now();
    response.once("close", () => onTime?.(performance.now() - begin));
    listener(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type Handler = (request: Request, response: Response) => Promise<void>;

/** Express 4 does not take a handler's rejection for an error. */
function forward(handler: Handler) {
  return (request: Request, response: Response, next: NextFunction) => {
    handler(request, response).catch(next);
  };
}

function addRoutes(app: Express, sessions: Sessions<Data>, gate: Gate): void {
  app.get("/static", (_request, response) => void response.send("no session here"));
  app.get(
    "/read",
    forward(async (request, response) => {
      const { data, userId } = await sessions.from(request);
      response.json({ data, userId: userId ?? null });
    }),
  );
  app.get(
    "/slow-read",
    forward(async (request, response) => {
      const { data } = await sessions.from(request);
      await gate.pass();
      response.json({ data });
    }),
  );
  app.post(
    "/set/:key",
    forward(async (request, response) => {
      const session = await sessions.from(request);
      session.data[String(request.params["key"])] = true;
      response.json({});
    }),
  );
  app.post(
    "/slow-set/:key",
    forward(async (request, response) => {
      const session = await sessions.from(request);
      session.data[String(request.params["key"])] = true;
      await gate.pass();
      response.json({});
    }),
  );
  app.post(
    "/slow-part/:key",
    forward(async (request, response) => {
      const { data } = await sessions.from(request);
      data["cart"] ??= {};
      data["cart"][String(request.params["key"])] = true;
      await gate.pass();
      response.json({});
    }),
  );
  app.post(
    "/increment",
    forward(async (request, response) => {
      const session = await sessions.from(request);
      response.json({ n: await session.update((data) => (data["n"] = (data["n"] ?? 0) + 1)) });
    }),
  );
  app.post(
    "/login/:id",
    forward(async (request, response) => {
      const session = await sessions.from(request);
      await session.login(String(request.params["id"]));
      response.redirect(303, "/read");
    }),
  );
  app.post(
    "/slow-login/:id",
    forward(async (request, response) => {
      const session = await sessions.from(request);
      await gate.pass();
      await session.login(String(request.params["id"]));
      response.json({});
    }),
  );
  app.post(
    "/logout",
    forward(async (request, response) => {
      await (await sessions.from(request)).logout();
      response.json({});
    }),
  );
}

/** A browser: one cookie, parallel requests. */
export class Browser {
  cookie = "";
  readonly #url: string;

  constructor(url: string, cookie = "") {
    this.#url = url;
    this.cookie = cookie;
  }

  async get<Body = { data: Data; userId: string | null }>(path: string): Promise<Body> {
    const response = await this.send("GET", path);
    if (!response.ok) throw new Error(`GET ${path} was answered with ${response.status}`);
    return (await response.json()) as Body;
  }

  async post(path: string): Promise<number> {
    const response = await this.send("POST", path);
    await response.arrayBuffer();
    return response.status;
  }

  async send(method: string, path: string): Promise<globalThis.Response> {
    const headers = this.cookie === "" ? {} : { cookie: this.cookie };
    const response = await fetch(this.#url + path, { method, headers, redirect: "manual" });
    for (const header of response.headers.getSetCookie()) {
      this.cookie = header.includes("Max-Age=0") ? "" : (header.split(";")[0] ?? "");
    }
    return response;
  }
}
