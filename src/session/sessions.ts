import { DjangoCodec, EncryptedCodec, JsonCodec, type RecordCodec, type Secrets } from "../codec/index.ts";
import type { Clock } from "../core/clock.ts";
import { Deadline } from "../core/deadlines.ts";
import { ImproperlyConfigured, SessionUsageError } from "../core/errors.ts";
import type { Listener } from "../core/events.ts";
import { hashSessionKey, type SessionKey } from "../core/ids.ts";
import { defineMember } from "../json/index.ts";
import type { RedisRegistry } from "../redis/registry.ts";
import type { SessionStore } from "../stores/session-store.ts";
import { checkUserId, type UserId } from "./auth.ts";
import { clearCookieHeader, type CookieAttributes, readCookie, setCookieHeader } from "./cookie.ts";
import { applySchema, type DataSchema } from "./data-schema.ts";
import { RecentLogins } from "./recent-logins.ts";
import { Session } from "./session.ts";
import { SessionState } from "./session-state.ts";
import { SessionEventEmitter, type SessionEvents } from "./session-events.ts";
import { SessionRecords, type StoredSession } from "./session-records.ts";
import { LazySessionScope, type RequestFacts, type SessionScope } from "./session-scope.ts";
import type { SessionServices } from "./session-services.ts";
import {
  type ResolvedSessionSettings,
  resolveSessionSettings,
  type SessionSettings,
  type UntypedData,
} from "./session-settings.ts";
import { endsWithBrowser, timeToLive } from "./timeouts.ts";
import { TouchThrottle } from "./touch-throttle.ts";
import { refOf, type UserSession, UserSessions } from "./user-sessions.ts";
import { Versions } from "./versions.ts";

// Where reading does not extend a session, this is how often the list of devices hears that it was seen.
const SEEN_EVERY = 3_600_000;

/** What {@link Sessions} shares with the rest of the application. */
export interface SessionsContext extends Secrets {
  readonly projectName: string;
  readonly redis: RedisRegistry;
  readonly clock: Clock;
}

/** The sessions of an application. Made by `createSojourn`; it is the same for all requests. */
export class Sessions<Data extends object = UntypedData> {
  readonly #store: SessionStore;
  readonly #cookie: CookieAttributes;
  readonly #services: SessionServices;
  readonly #dataSchema: DataSchema;
  readonly #users: UserSessions | undefined;
  readonly #scopes = new WeakMap<object, LazySessionScope<Data>>();
  #hasWarned = false;

  /** @internal Use `createSojourn`. */
  constructor(settings: SessionSettings<Data>, context: SessionsContext) {
    const resolved = resolveSessionSettings(settings);
    const { cookie, timeouts, touchEvery, renewEvery, deadline, dataSchema } = resolved;
    const { clock, redis, projectName, secretKey } = context;
    this.#store = resolved.store({ projectName, redis, clock });
    this.#cookie = cookie;
    this.#dataSchema = dataSchema;
    this.#users = makeUserSessions(this.#store, clock, resolved.maxPerUser);
    this.#services = {
      records: makeRecords(this.#store, this.#users, resolved, context),
      clock,
      timeouts,
      deadline,
      renewEvery,
      cookieName: cookie.name,
      secretKey,
      extendsOnRead: touchEvery !== null,
      throttle: new TouchThrottle(touchEvery ?? SEEN_EVERY, clock),
      recentLogins: new RecentLogins(clock),
      events: new SessionEventEmitter(secretKey),
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
    return this.#open(cookieHeader, undefined);
  }

  /** Begins a session that belongs to no request, and saves it: for tests and jobs, with {@link Session.cookieHeader}. */
  async create(data: Partial<Data> = {}): Promise<Session<Data>> {
    const session = await this.#session(false, undefined);
    for (const [key, value] of Object.entries(data)) defineMember(session.data, key, value);
    await session.save();
    return session;
  }

  /**
   * The sessions of a user, the one seen last first. Each is looked up, so none of them is gone already.
   *
   * @param current Marks this one in the list.
   * @throws {ImproperlyConfigured} When the store has no index of users.
   */
  async *ofUser(
    userId: UserId,
    { current }: { readonly current?: Session<Data> } = {},
  ): AsyncGenerator<UserSession, void, undefined> {
    const { records } = this.#services;
    const id = checkUserId(userId, "sessions.ofUser");
    const deadline = this.#deadline();
    const listed = await this.#demandUsers().list(id, deadline, (at) => records.isUsers(at, id, deadline));
    for (const { key, entry } of listed) {
      const ref = refOf(key);
      yield {
        ref,
        createdAt: new Date(entry.createdAt),
        lastSeenAt: new Date(entry.lastSeenAt),
        device: entry.device === "" ? undefined : entry.device,
        current: ref === current?.ref,
      };
    }
  }

  /**
   * Ends one session of a user. It is dead once this returns.
   *
   * @param ref As `ofUser` tells it, or `session.ref`.
   * @returns Whether there was such a session.
   */
  async revoke(userId: UserId, ref: string): Promise<boolean> {
    const id = checkUserId(userId, "sessions.revoke");
    const wasThere = await this.#demandUsers().revoke(id, ref, this.#deadline());
    if (wasThere) this.#services.events.emit("revoked", { userId: id, count: 1 });
    return wasThere;
  }

  /**
   * Ends all sessions of a user: on a stolen password, when the account is closed, or because the user asks for it.
   * Every session whose creation had begun before the call is dead once it returns.
   *
   * @param options.except A session that stays, or its `ref`.
   * @param options.scan Also walks through all sessions, for those that Django has made and Node has not seen yet. It
   *   takes as long as there are sessions; each step has a deadline of its own.
   * @returns How many there were.
   */
  async revokeUser(
    userId: UserId,
    { except, scan = false }: { readonly except?: Session<Data> | string; readonly scan?: boolean } = {},
  ): Promise<number> {
    const id = checkUserId(userId, "sessions.revokeUser");
    const exceptRef = typeof except === "object" ? except.ref : except;
    const listed = await this.#demandUsers().revokeAll(id, exceptRef, this.#deadline());
    const count = listed + (scan ? await this.#revokeByScan(id, exceptRef) : 0);
    this.#services.events.emit("revoked", { userId: id, count });
    return count;
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
      () => this.#open(facts.cookieHeader, facts.userAgent),
      (session) => this.#setCookie(session, facts),
    );
    this.#scopes.set(request, scope);
    return scope;
  }

  async #revokeByScan(userId: string, exceptRef: string | undefined): Promise<number> {
    let count = 0;
    for await (const at of this.#store.scan(() => this.#deadline())) {
      const deadline = this.#deadline();
      if (refOf(at) === exceptRef || !(await this.#services.records.isUsers(at, userId, deadline))) continue;
      if (await this.#store.delete(at, deadline)) count++;
    }
    return count;
  }

  #demandUsers(): UserSessions {
    if (this.#users) return this.#users;
    throw new ImproperlyConfigured("sessions.store", noIndex(this.#store));
  }

  #deadline(): Deadline {
    return new Deadline(this.#services.deadline, this.#services.clock);
  }

  async #open(cookieHeader: string | undefined, userAgent: string | undefined): Promise<Session<Data>> {
    const { records, events } = this.#services;
    const cookie = readCookie(cookieHeader, this.#cookie.name);
    if (cookie.kind === "rejected") events.emit("rejected", { reason: cookie.reason });
    if (cookie.kind !== "key") return this.#session(cookie.kind !== "absent", userAgent);
    const loaded = await records.load(cookie.key, this.#deadline());
    if (loaded.status === "undecodable") events.emit("undecodable", { reason: loaded.reason });
    if (loaded.status === "absent") events.emit("rejected", { reason: "unknown" });
    if (loaded.status === "expired") events.emit("rejected", { reason: "expired" });
    return this.#session(true, userAgent, cookie.key, loaded.status === "live" ? loaded.stored : undefined);
  }

  async #session(
    hasCookie: boolean,
    userAgent: string | undefined,
    presentedKey?: SessionKey,
    stored?: StoredSession,
  ): Promise<Session<Data>> {
    const session = new Session<Data>(
      new SessionState<Data>(this.#services, { hasCookie, userAgent, presentedKey, stored }),
    );
    await applySchema(session.sessionData, session.record, this.#dataSchema);
    return session;
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

function makeRecords(
  store: SessionStore,
  users: UserSessions | undefined,
  { format, maxBytes, encrypt, hashKeys, timeouts, dataSchema }: ResolvedSessionSettings,
  context: SessionsContext,
): SessionRecords {
  const plain = makeCodec(format, maxBytes, context);
  const codec = encrypt ? new EncryptedCodec(plain, context) : plain;
  const { clock } = context;
  const versions = new Versions({ codec, clock, timeouts, maxBytes, dataVersion: dataSchema.version });
  return new SessionRecords({ store, versions, users, storedKeyOf: hashKeys ? hashSessionKey : (key) => key });
}

function makeUserSessions(store: SessionStore, clock: Clock, maxPerUser: number | undefined): UserSessions | undefined {
  if (store.users) return new UserSessions({ store, index: store.users, clock, maxPerUser });
  if (maxPerUser === undefined) return undefined;
  throw new ImproperlyConfigured("sessions.maxPerUser", noIndex(store));
}

function noIndex(store: SessionStore): string {
  return `the store "${store.name}" keeps no index of users, which this needs. Use redisSessionStore() or memorySessionStore().`;
}

function makeCodec(format: "django" | "json", maxBytes: number, context: SessionsContext): RecordCodec {
  if (format === "json") return new JsonCodec();
  const { secretKey, secretKeyFallbacks, clock } = context;
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
