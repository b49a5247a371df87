import { createSojourn } from "../../src/create-sojourn.ts";
import type { SessionEvents } from "../../src/session/session-events.ts";
import type { SessionSettings } from "../../src/session/session-settings.ts";
import type { Session } from "../../src/session/session.ts";
import type { Sessions } from "../../src/session/sessions.ts";
import type { SessionStore, SessionStoreFactory } from "../../src/stores/session-store.ts";
import { memorySessionStore } from "../../src/stores/memory/index.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { anyDeadline } from "./any-deadline.ts";
import { recordCalls } from "./recorded-calls.ts";

export { anyDeadline } from "./any-deadline.ts";

export type Data = Record<string, any>;

/** Sessions on a store that the test can look into, with a clock that it moves. */
export interface Harness {
  readonly sessions: Sessions<Data>;
  readonly store: SessionStore;
  readonly clock: ManualClock;
  /** The emitted events, in order. */
  readonly events: { readonly name: keyof SessionEvents; readonly event: unknown }[];
  /** Names of the store's methods in the order of their calls. */
  readonly calls: string[];
  keys(): Promise<string[]>;
  /** Sessions of another process, on the same store. */
  otherProcess(secrets?: { secretKey: string; secretKeyFallbacks?: string[] }): Sessions<Data>;
  /** Sessions of an application that has no schema yet, on the same store. */
  withoutSchema(): Sessions<Data>;
}

const EVENT_NAMES = ["conflict", "rejected", "undecodable", "touchFailed"] as const;

/** @param wrap Puts a store of the test's own around the memory store. */
export function openHarness(
  settings: Omit<SessionSettings, "store"> & {
    wrap?: (store: SessionStore) => SessionStore;
    secretKey?: string;
  } = {},
): Harness {
  const { wrap = (inner) => inner, secretKey = "a secret of the tests, long enough", ...rest } = settings;
  const clock = new ManualClock();
  const calls: string[] = [];
  let store: SessionStore | undefined;
  const factory: SessionStoreFactory = (context) => {
    store = memorySessionStore()(context);
    return recordCalls(wrap(store), calls);
  };
  const open = (make: SessionStoreFactory, secrets = { secretKey }, options = rest) =>
    createSojourn<Data>({ projectName: "test", ...secrets, clock, sessions: { ...options, store: make } })
      .sessions;
  const sessions = open(factory);
  if (store === undefined) throw new Error("createSojourn made no store");
  const events: Harness["events"] = [];
  for (const name of EVENT_NAMES) sessions.on(name, (event) => events.push({ name, event }));
  const inner = store;
  const otherProcess: Harness["otherProcess"] = (secrets) => open(() => inner, secrets);
  const { schema: _schema, version: _version, migrate: _migrate, ...plain } = rest;
  const withoutSchema = () => open(() => inner, { secretKey }, plain);
  return {
    sessions,
    store: inner,
    clock,
    events,
    calls,
    keys: () => keysOf(inner),
    otherProcess,
    withoutSchema,
  };
}

/** A store that shares no tombstones between processes, as one of an application's own may be. */
export function withoutTombstones(store: SessionStore): SessionStore {
  return withMembers(store, { tombstones: undefined });
}

/** A store with other members in place of its own. */
export function withMembers<Store extends object>(
  store: Store,
  members: { [Name in keyof Store]?: unknown },
): Store {
  return new Proxy(store, {
    get: (target, name) => {
      if (name in members) return members[name as keyof Store];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

async function keysOf(store: SessionStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.scan(anyDeadline)) keys.push(key);
  return keys;
}

/** Returns two views of one stored session, as two requests have them. */
export async function twoViews(sessions: Sessions<Data>, data: Data) {
  const mine = await sessions.create(data);
  return [mine, await sessions.open(mine.cookieHeader)] as const;
}

/** Opens a stored session in two requests of its visitor. */
export async function openTwo(stored: Data, settings: Parameters<typeof openHarness>[0] = {}) {
  const harness = openHarness(settings);
  const { cookieHeader } = await harness.sessions.create(stored);
  const open = () => harness.sessions.open(cookieHeader);
  return { ...harness, open, mine: await open(), theirs: await open() };
}

/** A browser with one cookie jar, whose requests run without HTTP. */
export class Browser {
  cookie: string | undefined;
  readonly userAgent: string | undefined;
  readonly #sessions: Sessions<Data>;

  constructor(sessions: Sessions<Data>, cookie?: string, userAgent?: string) {
    this.#sessions = sessions;
    this.cookie = cookie;
    this.userAgent = userAgent;
  }

  /** Begins a request; its handler and its response are the test's to run. */
  begin(): PendingRequest {
    return new PendingRequest(this.#sessions, this);
  }

  /** A whole request. @returns What the handler returned. */
  async request<Result>(
    handler: (session: Session<Data>) => Result | Promise<Result>,
    status = 200,
  ): Promise<Result> {
    const request = this.begin();
    const result = await handler(await request.session());
    await request.finish(status);
    return result;
  }
}

export class PendingRequest {
  readonly setCookie: string[] = [];
  readonly #browser: Browser;
  readonly #sessions: Sessions<Data>;
  readonly #request = {};

  constructor(sessions: Sessions<Data>, browser: Browser) {
    this.#browser = browser;
    this.#sessions = sessions;
    const { cookie: cookieHeader, userAgent } = browser;
    sessions.scope(this.#request, {
      cookieHeader,
      userAgent,
      isSecure: () => true,
      host: () => "shop.example",
    });
  }

  session(): Promise<Session<Data>> {
    return this.#sessions.from(this.#request);
  }

  async finish(status = 200, headersSent = false, isClientGone = false, isExtending = true): Promise<void> {
    const scope = this.#sessions.scope(this.#request, {
      cookieHeader: undefined,
      isSecure: () => true,
      host: () => "",
    });
    try {
      await scope.finish({ status, headersSent, isClientGone, isExtending });
    } finally {
      if (!headersSent) this.setCookie.push(...scope.headers().setCookie);
      for (const header of this.setCookie) this.#browser.cookie = readSetCookie(header);
    }
  }
}

function readSetCookie(header: string): string | undefined {
  return /Max-Age=0/.test(header) ? undefined : header.split(";")[0];
}
