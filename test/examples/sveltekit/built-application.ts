import { AsyncLocalStorage } from "node:async_hooks";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, vi } from "vitest";
import type { SvelteKitEvent, SvelteKitHandle } from "sojourn/adapters/sveltekit";
import { buildTestApplication } from "../../../scripts/sveltekit-example.mjs";

/** The part of an event that tests use beside that of the adapter. */
export interface TestEvent extends SvelteKitEvent {
  readonly url: URL;
  readonly fetch: typeof fetch;
  readonly cookies: SvelteKitEvent["cookies"] & { get(name: string): string | undefined };
}

/** Functions of SvelteKit, which throw. */
export interface Kit {
  error(status: number, message: string): never;
  redirect(status: number, location: string): never;
}

/** Functions of an action and of the `load` of a page. */
export interface PageKit {
  fail(status: number, data: object): unknown;
  redirect(status: number, location: string): never;
}

type HandleInput = Parameters<SvelteKitHandle>[0];

/** Hooks and routes of the built application. */
export interface TestHooks {
  handle(input: HandleInput, kit: Kit): Promise<Response>;
  handleError(input: { error: unknown }): { message: string };
  /** An endpoint for all paths. */
  route(event: TestEvent, kit: Kit): Promise<Response>;
  /** `load` and the action of `/rendered`. */
  load(event: TestEvent, kit: PageKit): Promise<object>;
  action(event: TestEvent, kit: PageKit): Promise<unknown>;
}

const unused = () => {
  throw new Error("The test has no such hook.");
};

const DEFAULTS: TestHooks = {
  handle: async ({ event, resolve }) => resolve(event),
  handleError: () => ({ message: "Internal Error" }),
  route: unused,
  load: unused,
  action: unused,
};

/** Time for `npm ci` and `vite build`. */
const BUILD_TIMEOUT = 300_000;

/** The built application, in the process of the tests. */
export class BuiltApplication {
  /** Those of the listener that got the request. */
  readonly #hooks = new AsyncLocalStorage<TestHooks>();
  #handler: RequestListener | undefined;

  /** Loads it before the tests of a file. */
  static forFile(): BuiltApplication {
    const application = new BuiltApplication();
    beforeAll(() => application.#load(), BUILD_TIMEOUT);
    return application;
  }

  /**
   * Returns a listener that is a proxy in front: it tells the application the protocol and the host.
   *
   * @param trustsProxy Whether it believes a proxy in front of it.
   */
  listener(hooks: Partial<TestHooks>, { trustsProxy } = { trustsProxy: false }): RequestListener {
    const handler = this.#handler;
    if (handler === undefined) throw new Error("The application has not been loaded.");
    const all = { ...DEFAULTS, ...hooks };
    return (request, response) => {
      const { headers } = request;
      const forwarded = trustsProxy ? headers : {};
      headers["x-test-proto"] = forwarded["x-forwarded-proto"] ?? "http";
      headers["x-test-host"] = forwarded["x-forwarded-host"] ?? headers.host ?? headers[":authority"];
      return this.#hooks.run(all, () => handler(request, response));
    };
  }

  get #current(): TestHooks {
    const hooks = this.#hooks.getStore();
    if (hooks === undefined) throw new Error("SvelteKit calls a hook outside a request.");
    return hooks;
  }

  async #load(): Promise<void> {
    vi.stubEnv("PROTOCOL_HEADER", "x-test-proto");
    vi.stubEnv("HOST_HEADER", "x-test-host");
    (globalThis as { sojournTest?: TestHooks }).sojournTest = {
      handle: async (...args) => this.#current.handle(...args),
      handleError: (...args) => this.#current.handleError(...args),
      route: async (...args) => this.#current.route(...args),
      load: async (...args) => this.#current.load(...args),
      action: async (...args) => this.#current.action(...args),
    };
    const folder = await buildTestApplication();
    const url = pathToFileURL(join(folder, "handler.js")).href;
    const { handler } = (await import(/* @vite-ignore */ url)) as { handler: RequestListener };
    this.#handler = handler;
  }
}
