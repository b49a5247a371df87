import { DjangoCodec, JsonCodec, type RecordCodec, type Secrets } from "../codec/index.ts";
import type { Clock } from "../core/clock.ts";
import { Deadline } from "../core/deadlines.ts";
import { SessionUsageError } from "../core/errors.ts";
import { Events, type Listener } from "../core/events.ts";
import type { RedisRegistry } from "../redis/registry.ts";
import type { SessionStore } from "../stores/session-store.ts";
import { clearCookieHeader, type CookieAttributes, readCookie, setCookieHeader } from "./cookie.ts";
import { RecentLogins } from "./recent-logins.ts";
import { Session, type SessionOrigin } from "./session.ts";
import type { SessionEvents } from "./session-events.ts";
import { SessionRecords } from "./session-records.ts";
import type { SessionServices } from "./session-services.ts";
import { LazySessionScope, type RequestFacts, type SessionScope } from "./session-scope.ts";
import { resolveSessionSettings, type SessionSettings } from "./session-settings.ts";
import { endsWithBrowser, timeToLive } from "./timeouts.ts";
import { TouchThrottle } from "./touch-throttle.ts";

/** What {@link Sessions} shares with the rest of the application. */
export interface SessionsContext extends Secrets {
  readonly projectName: string;
  readonly redis: RedisRegistry;
  readonly clock: Clock;
}

/** The sessions of an application. Made by `createSojourn`; it is the same for all requests. */
export class Sessions<Data extends object = Record<string, unknown>> {
  readonly #store: SessionStore;
  readonly #cookie: CookieAttributes;
  readonly #services: SessionServices;
  readonly #scopes = new WeakMap<object, LazySessionScope<Data>>();
  #hasWarned = false;

  /** @internal Use `createSojourn`. */
  constructor(settings: SessionSettings, context: SessionsContext) {
    const { store, format, cookie, timeouts, touchEvery, deadline, maxBytes } = resolveSessionSettings(settings);
    const { clock, redis, projectName } = context;
    this.#store = store({ projectName, redis, clock });
    this.#cookie = cookie;
    const codec = makeCodec(format, maxBytes, context);
    this.#services = {
      records: new SessionRecords({ store: this.#store, codec, clock, timeouts, maxBytes }),
      clock,
      timeouts,
      deadline,
      cookieName: cookie.name,
      secretKey: context.secretKey,
      throttle: new TouchThrottle(touchEvery, clock),
      recentLogins: new RecentLogins(clock),
      events: new Events(),
    };
  }

  /** Name of the engine that keeps the records, such as `redis`. */
  get storeName(): string {
    return this.#store.name;
  }

  /**
   * The session of a request. The first call in a request loads it, and nothing else does: a page that does not call
   * this does not need the store.
   *
   * @param request The object that the adapter has seen: Express's `req`, Node's `IncomingMessage`.
   * @throws {SessionUsageError} When no adapter has seen the request.
   */
  from(request: object): Promise<Session<Data>> {
    const scope = this.#scopes.get(request);
    if (scope) return scope.load();
    return Promise.reject(
      new SessionUsageError(
        "sessions.from() was given a request that no adapter has seen. Mount one before the handlers that use sessions, " +
          "for example app.use(expressSessions(sessions)), and pass the request object itself.",
      ),
    );
  }

  /**
   * Opens the session of a Cookie header where there is no response to carry changes: WebSockets, jobs. Changes are
   * saved by `session.save()` and `session.update()` only.
   */
  async open(cookieHeader: string | undefined): Promise<Session<Data>> {
    const { records, clock, deadline, events } = this.#services;
    const cookie = readCookie(cookieHeader, this.#cookie.name);
    const hasCookie = cookie.kind !== "absent";
    if (cookie.kind === "rejected") events.emit("rejected", { reason: cookie.reason });
    if (cookie.kind !== "key") return this.#session({ hasCookie, presentedKey: undefined, version: undefined });
    const loaded = await records.load(cookie.key, new Deadline(deadline, clock));
    if (loaded.status === "undecodable") events.emit("undecodable", { reason: loaded.reason });
    if (loaded.status === "absent") events.emit("rejected", { reason: "unknown" });
    if (loaded.status === "expired") events.emit("rejected", { reason: "expired" });
    const version = loaded.status === "live" ? loaded.version : undefined;
    return this.#session({ hasCookie, presentedKey: cookie.key, version });
  }

  /** Begins a session that belongs to no request, and saves it: for tests and jobs, with {@link Session.cookieHeader}. */
  async create(data: Partial<Data> = {}): Promise<Session<Data>> {
    const session = this.#session({ hasCookie: false, presentedKey: undefined, version: undefined });
    Object.assign(session.data, data);
    await session.save();
    return session;
  }

  /**
   * Deletes expired records where the engine does not do so itself (Redis does).
   *
   * @returns How many there were.
   */
  clearExpired(): Promise<number> {
    return this.#store.clearExpired(() => this.#deadline());
  }

  /** Resolves when the store answers. */
  ping(): Promise<void> {
    return this.#store.ping(this.#deadline());
  }

  /** Calls a listener on each event of a kind. @returns A function that removes it. */
  on<Name extends keyof SessionEvents>(name: Name, listener: Listener<SessionEvents[Name]>): () => void {
    return this.#services.events.on(name, listener);
  }

  /** Lets go of what the store has opened. Connections belong to the registry. */
  close(): Promise<void> {
    return this.#store.close();
  }

  /** For adapters: makes the scope of a request, or finds the one that was made already. */
  scope(request: object, facts: RequestFacts): SessionScope {
    const known = this.#scopes.get(request);
    if (known) return known;
    const scope = new LazySessionScope<Data>(
      () => this.open(facts.cookieHeader),
      (session) => this.#setCookie(session, facts),
    );
    this.#scopes.set(request, scope);
    return scope;
  }

  #deadline(): Deadline {
    return new Deadline(this.#services.deadline, this.#services.clock);
  }

  #session(origin: SessionOrigin): Session<Data> {
    return new Session<Data>(this.#services, origin);
  }

  #setCookie(session: Session<Data>, facts: RequestFacts): readonly string[] {
    const { cookieChange, key, record } = session;
    if (cookieChange === "clear") return [clearCookieHeader(this.#cookie, facts.isSecure())];
    if (cookieChange !== "set" || key === undefined) return [];
    this.#warnIfDropped(facts);
    const { clock, timeouts } = this.#services;
    const now = clock.now();
    const maxAge = endsWithBrowser(record, timeouts) ? undefined : timeToLive(record, timeouts, now);
    return [setCookieHeader(this.#cookie, key, { maxAge, now, isSecure: facts.isSecure() })];
  }

  /** Browsers drop a Secure cookie that comes over http, but for localhost, and say so in their console at best. */
  #warnIfDropped(facts: RequestFacts): void {
    if (this.#hasWarned || this.#cookie.secure !== true || facts.isSecure() || isLocalhost(facts.host())) return;
    this.#hasWarned = true;
    process.emitWarning(
      "A Secure session cookie was sent over plain http, where browsers drop it. Serve https; behind a proxy, let the " +
        'adapter trust it; or set sessions.cookie.secure to "auto".',
      { type: "SojournWarning", code: "SOJOURN_SECURE_COOKIE" },
    );
  }
}

function makeCodec(format: "django" | "json", maxBytes: number, { clock, ...context }: SessionsContext): RecordCodec {
  if (format === "json") return new JsonCodec();
  const { secretKey, secretKeyFallbacks } = context;
  return new DjangoCodec({ secretKey, secretKeyFallbacks, clock, maxInflatedBytes: inflatedLimit(maxBytes) });
}

// Escaping makes at most six bytes of one (DEL: `\u007f`), so what was once accepted can always be read; 16 MiB let a
// limit that was lowered, and larger records of Django, be read too.
function inflatedLimit(maxBytes: number): number {
  return Math.max(6 * maxBytes, 16 * 1024 * 1024);
}

// RFC 6761 section 6.3: localhost and the names under it. Browsers count the loopback addresses as secure too.
function isLocalhost(host: string | undefined): boolean {
  const name = host?.replace(/:\d+$/, "").toLowerCase() ?? "";
  return name === "localhost" || name.endsWith(".localhost") || /^127(?:\.\d+){3}$/.test(name) || name === "[::1]";
}
