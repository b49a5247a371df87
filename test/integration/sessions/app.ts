import type { RequestListener } from "node:http";
import { createSojourn, type Session, type Sessions, type SojournSettings } from "sojourn";
import type { AdapterTestAnswer, AdapterTestRoute } from "sojourn/testing";
import { onTestFinished } from "vitest";
import { startExpress5 } from "../adapters/support/express-application.ts";
import type { StartApplication } from "../adapters/support/start-application.ts";
import { routeArgument, withArguments } from "../adapters/support/route-argument.ts";

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
  /** Expresses the application in a framework. @defaultValue Express 5 */
  readonly start?: StartApplication;
}

export async function startApp({ settings, start = startExpress5 }: AppOptions): Promise<App> {
  const { sessions, close } = createSojourn<Data>({
    projectName: "shop",
    secretKey: "the secret of the integration tests",
    ...settings,
    sessions: { ...settings.sessions, cookie: { secure: "auto", ...settings.sessions?.cookie } },
  });
  const gate = new Gate();
  const times: number[] = [];
  const app = await start({
    mounts: [{ sessions, eager: false, crossSite: "interrupt" }],
    routes: makeRoutes(sessions, gate),
    trustsProxy: false,
    protocol: "HTTP/1.1",
    answerError: (error) => ({
      status: (error as { statusCode?: number }).statusCode ?? 500,
      body: "failed",
    }),
    around: (listener) => timed(withArguments(listener), (time) => times.push(time)),
  });
  onTestFinished(async () => app.close());
  onTestFinished(close);
  return { sessions, url: `http://127.0.0.1:${app.port}`, gate, times };
}

function timed(listener: RequestListener, onTime: (milliseconds: number) => void): RequestListener {
  return (request, response) => {
    const begin = performance.now();
    response.once("close", () => onTime(performance.now() - begin));
    listener(request, response);
  };
}

type Handler = (session: Session<Data>, argument: string) => Promise<AdapterTestAnswer>;

const answerJson = (value: object): AdapterTestAnswer => ({ kind: "json", value });

function makeRoutes(sessions: Sessions<Data>, gate: Gate): AdapterTestRoute[] {
  const route = (method: "GET" | "POST", path: string, handle: Handler): AdapterTestRoute => ({
    method,
    path,
    handle: async (request) => handle(await sessions.from(request), routeArgument()),
  });
  return [
    {
      method: "GET",
      path: "/static",
      handle: async () => ({ kind: "text", body: "no session here" }),
    },
    route("GET", "/read", async ({ data, userId }) => answerJson({ data, userId: userId ?? null })),
    route("GET", "/slow-read", async ({ data }) => {
      await gate.pass();
      return answerJson({ data });
    }),
    route("POST", "/set", async ({ data }, key) => {
      data[key] = true;
      return answerJson({});
    }),
    route("POST", "/slow-set", async ({ data }, key) => {
      data[key] = true;
      await gate.pass();
      return answerJson({});
    }),
    route("POST", "/slow-part", async ({ data }, key) => {
      data["cart"] ??= {};
      data["cart"][key] = true;
      await gate.pass();
      return answerJson({});
    }),
    route("POST", "/increment", async (session) =>
      answerJson({ n: await session.update((data) => (data["n"] = (data["n"] ?? 0) + 1)) }),
    ),
    route("POST", "/login", async (session, id) => {
      await session.login(id);
      return { kind: "redirect", location: "/read", status: 303 };
    }),
    route("POST", "/slow-login", async (session, id) => {
      await gate.pass();
      await session.login(id);
      return answerJson({});
    }),
    route("POST", "/logout", async (session) => {
      await session.logout();
      return answerJson({});
    }),
  ];
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
