import type { RequestListener } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { afterAll, beforeAll, vi } from "vitest";
import { buildNextExample } from "../../../scripts/next-example.mjs";

/** A handler of the built application's route `/conformance/[path]`. */
export type RouteHandler = (request: Request) => Promise<Response>;

interface Next {
  prepare(): Promise<void>;
  getRequestHandler(): RequestListener;
  close(): Promise<void>;
}

/** Functions of `next/navigation`, which throw, and of `next/server`. */
export interface NextFunctions {
  redirect(url: string): never;
  notFound(): never;
  forbidden(): never;
  unauthorized(): never;
  after(work: () => Promise<void>): void;
}

/** Time for `npm ci` and `next build`. */
export const BUILD_TIMEOUT = 300_000;

const hook = globalThis as {
  sojournConformance?: RouteHandler;
  sojournComponent?: () => Promise<string>;
};

/** The built application, in the process of the tests that use it. */
export class NextServer {
  #server: Next | undefined;
  #functions: NextFunctions | undefined;

  /** Starts it before the tests of a file, and closes it after them. */
  static forFile(): NextServer {
    const application = new NextServer();
    beforeAll(() => application.#start(), BUILD_TIMEOUT);
    afterAll(() => application.#close());
    return application;
  }

  get functions(): NextFunctions {
    if (this.#functions === undefined) throw new Error("The application has not been started.");
    return this.#functions;
  }

  /** Returns a listener for which the route calls a handler. */
  listener(handler: RouteHandler): RequestListener {
    hook.sojournConformance = handler;
    const handle = this.#handler();
    return (request, response) => {
      request.url = `/conformance${request.url}`;
      return handle(request, response);
    };
  }

  /** Returns a listener for the page whose component shows what a function returns. */
  pageListener(component: () => Promise<string>): RequestListener {
    hook.sojournComponent = component;
    const handle = this.#handler();
    return (request, response) => {
      request.url = "/conformance";
      return handle(request, response);
    };
  }

  #handler(): RequestListener {
    if (this.#server === undefined) throw new Error("The application has not been started.");
    return this.#server.getRequestHandler();
  }

  async #start(): Promise<void> {
    vi.stubEnv("NODE_ENV", "production");
    vi.stubEnv("SECRET_KEY", "a secret of the proxy, which has no request here");
    // The build puts it in place for the application's own code.
    vi.stubEnv("__NEXT_EXPERIMENTAL_AUTH_INTERRUPTS", "true");
    const dir = await buildNextExample();
    const load = createRequire(join(dir, "package.json"));
    this.#server = (load("next") as (options: object) => Next)({ dev: false, dir });
    await this.#server.prepare();
    // They need a global that the server has set.
    const { after } = load("next/server") as NextFunctions;
    this.#functions = { ...(load("next/navigation") as NextFunctions), after };
  }

  async #close(): Promise<void> {
    await this.#server?.close();
    vi.unstubAllEnvs();
  }
}
