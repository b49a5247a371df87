import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";

import { createSojourn } from "../../create-sojourn.ts";
import type { RedisSettings } from "../../redis/index.ts";
import type { CrossSite } from "../../session/http/cross-site.ts";
import type { Session } from "../../session/session.ts";
import type { Sessions } from "../../session/sessions.ts";
import type { SessionStoreFactory } from "../../stores/session-store.ts";
import type {
  AdapterTestAnswer,
  AdapterTestApplication,
  AdapterTestData,
  AdapterTestMount,
  AdapterTestRoute,
  StartedAdapterApplication,
} from "./application.ts";
import { type Exchange, TestClient, Visitor } from "./client.ts";
import { HeldStore } from "./held-store.ts";

/** Parts of an application that a test chooses. */
export interface ApplicationOptions {
  readonly crossSite?: CrossSite;
  readonly eager?: boolean;
  readonly trustsProxy?: boolean;
  readonly secure?: boolean | "auto";
  readonly around?: (sessions: Sessions<AdapterTestData>) => AdapterTestApplication["around"];
}

interface CookieOptions {
  readonly secure?: boolean | "auto";
  readonly name?: string;
}

/** Store and start of the applications of a suite. */
export interface ContextParts {
  readonly start: (application: AdapterTestApplication) => Promise<StartedAdapterApplication>;
  readonly store: SessionStoreFactory;
  readonly redis: RedisSettings | undefined;
  readonly protocol: AdapterTestApplication["protocol"];
}

/** Work of a route: uses the session, and chooses the response. */
export type Work = (
  sessions: Sessions<AdapterTestData>,
  request: object,
  session?: Session<AdapterTestData>,
) => Promise<AdapterTestAnswer>;

/** Routes by method and path, such as `GET /page`. */
export type Works = Readonly<Record<string, Work>>;

let names = 0;

/** Applications, store and visitors for a sentence of the suite. */
export class ConformanceContext {
  readonly store: HeldStore = new HeldStore();
  /** Errors that the application's error handler has got. */
  readonly errors: unknown[] = [];
  readonly #parts: ContextParts;
  readonly #closings: (() => Promise<void> | void)[] = [];
  #started: StartedAdapterApplication | undefined = undefined;
  #client: TestClient | undefined = undefined;

  constructor(parts: ContextParts) {
    this.#parts = parts;
  }

  get parts(): ConformanceParts {
    const { store, errors } = this;
    return {
      context: this,
      store,
      errors,
      start: (works, options) => this.start(works, options),
      visitor: () => this.visitor(),
    };
  }

  get port(): number {
    return this.#application.port;
  }

  /** Opens sessions on the store of the suite. */
  openSessions({ secure = false, name = "sessionid" }: CookieOptions = {}): Sessions<AdapterTestData> {
    const { store, redis } = this.#parts;
    const { sessions, close } = createSojourn<AdapterTestData>({
      projectName: `adapter${process.pid}x${++names}`,
      secretKey: "the secret of the conformance suite of adapters",
      ...(redis !== undefined && { redis }),
      // No sentence is about the deadline.
      sessions: { store: this.store.control(store), deadline: "20s", cookie: { name, secure } },
    });
    this.#closings.push(close);
    return sessions;
  }

  /** Starts an application with one mount of the adapter. */
  async start(works: Works, options: ApplicationOptions = {}): Promise<Visitor> {
    const { crossSite = "interrupt", eager = false, secure = false, around } = options;
    const sessions = this.openSessions({ secure });
    const routes = Object.entries(works).map(([title, work]) =>
      routeOf(title, (request, session) => work(sessions, request, session)),
    );
    await this.startWith([{ sessions, crossSite, eager }], routes, {
      trustsProxy: options.trustsProxy ?? false,
      ...(around && { around: around(sessions) }),
    });
    return this.visitor();
  }

  async startWith(
    mounts: readonly AdapterTestMount[],
    routes: readonly AdapterTestRoute[],
    options: Partial<Pick<AdapterTestApplication, "trustsProxy" | "around">> = {},
  ): Promise<void> {
    const started = await this.#parts.start({
      mounts,
      routes,
      trustsProxy: false,
      around: (listener) => listener,
      ...options,
      protocol: this.#parts.protocol,
      answerError: (error) => this.#answerError(error),
    });
    this.#started = started;
    this.#client = new TestClient(started.port, this.#parts.protocol);
  }

  /** Returns a new visitor, without cookies. */
  visitor(): Visitor {
    if (this.#client === undefined) throw new Error("No application has been started.");
    return new Visitor(this.#client);
  }

  get inject(): NonNullable<StartedAdapterApplication["inject"]> {
    const { inject } = this.#application;
    assert.ok(inject, "the application has no `inject`: give it, or a reason in `lacks.injection`");
    return inject;
  }

  async close(): Promise<void> {
    this.store.release();
    this.#client?.close();
    await this.#started?.close();
    for (const close of this.#closings) await close();
  }

  get #application(): StartedAdapterApplication {
    if (this.#started === undefined) throw new Error("No application has been started.");
    return this.#started;
  }

  #answerError(error: unknown): { status: number; body: string } {
    this.errors.push(error);
    const { statusCode } = (error ?? {}) as { statusCode?: unknown };
    return { status: typeof statusCode === "number" ? statusCode : 500, body: ERROR_PAGE };
  }
}

/** Body of the responses of the application's error handler. */
export const ERROR_PAGE = "the error page of the application";

/** Argument of a test of the suite. */
export interface ConformanceParts {
  readonly context: ConformanceContext;
  readonly store: HeldStore;
  /** Errors that the application's error handler has got. */
  readonly errors: readonly unknown[];
  readonly start: ConformanceContext["start"];
  readonly visitor: ConformanceContext["visitor"];
}

/** One sentence of the suite. */
export type ConformanceTest = (parts: ConformanceParts) => Promise<void>;

/** Sentences of the suite by their titles. */
export type ConformanceTests = Readonly<Record<string, ConformanceTest>>;

/** Makes a route. @param title Such as `GET /page`. */
export function routeOf(title: string, handle: AdapterTestRoute["handle"]): AdapterTestRoute {
  const [method, path = "/"] = title.split(" ");
  return { method: method as AdapterTestRoute["method"], path, handle };
}

/** A route that shows the data of the session as JSON. */
export const SHOW: Work = async (sessions, request) => {
  const session = await sessions.from(request);
  return { kind: "json", value: { ...session.data } };
};

/** A route that counts its visits, and shows the number. */
export const COUNT: Work = async (sessions, request) => {
  const session = await sessions.from(request);
  session.data["visits"] = Number(session.data["visits"] ?? 0) + 1;
  return { kind: "text", body: `visit ${String(session.data["visits"])}` };
};

/** A route that shows the id of the logged-in user, or `undefined`. */
export const USER: Work = async (sessions, request) => {
  const { userId } = await sessions.from(request);
  return { kind: "text", body: String(userId) };
};

/** Returns the data that a route with {@link SHOW} shows. */
export async function shown(visitor: Visitor, path = "/show"): Promise<AdapterTestData> {
  const { body } = await visitor.get(path);
  return JSON.parse(body) as AdapterTestData;
}

/** Passes the phases of the event loop, of client and server, many times. */
export async function turns(count = 30): Promise<void> {
  for (let each = 0; each < count; each++) await turn();
}

/** Waits until a held write has begun. @throws When the response ends without it. */
export async function writing(write: Promise<void>, exchange: Exchange): Promise<void> {
  const isWriting = await Promise.race([write.then(() => true), exchange.end().then(() => false)]);
  assert.ok(isWriting, "the response has ended without a write");
}

/** Asserts that a response is an error without the session's cookie and without the page. */
export function assertIsError(reply: Exchange, page: string): void {
  assert.ok(reply.status >= 500, `expected an error response, got status ${reply.status}`);
  assert.deepEqual(reply.setCookie, [], "the error response sets a cookie");
  assert.ok(!reply.body.includes(page), "the error response has the body of the page");
}
