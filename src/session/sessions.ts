import type { Secrets } from "../codec/index.ts";
import type { Clock, Milliseconds } from "../core/clock.ts";
import { Deadline } from "../core/deadlines.ts";
import { ImproperlyConfigured, InsecureRequestError, SessionUsageError } from "../core/errors.ts";
import type { Listener } from "../core/events.ts";
import { hashSessionKey, isSessionKey, type SessionKey } from "../core/ids.ts";
import { defineMember } from "../json/index.ts";
import type { RedisRegistry } from "../redis/registry.ts";
import { SessionCarrier } from "../stores/session-carrier.ts";
import type { ClearProgress, SessionStore } from "../stores/session-store.ts";
import { checkUserId, type UserId } from "./auth.ts";
import { isShortEnough } from "./carried-codec.ts";
import { CarriedRecords } from "./carried-records.ts";
import { CookieCarrier, warnOfLostUpdates } from "./cookie-carrier.ts";
import { clearCookieHeader, type CookieAttributes, type CookieReading, readCookie, setCookieHeader } from "./cookie.ts";
import { applySchema, type DataSchema, isOnInvalid, type OnInvalid } from "./data-schema.ts";
import { PlainHttp } from "./plain-http.ts";
import { policyOf, type SessionPolicy } from "./policy.ts";
import { RecentLogins } from "./recent-logins.ts";
import { makeCodec } from "./record-codec.ts";
import { Session } from "./session.ts";
import { type SessionOrigin, SessionState } from "./session-state.ts";
import { SessionEventEmitter, type SessionEvents } from "./session-events.ts";
import { SessionRecord } from "./session-record.ts";
import { type LoadResult, SessionRecords } from "./session-records.ts";
import type { RequestFacts, SessionScope } from "./request-contract.ts";
import { LazySessionScope } from "./session-scope.ts";
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
  /** Where the cookies carry the records themselves. */
  readonly #carrier: CookieCarrier | undefined;
  readonly #cookie: CookieAttributes;
  readonly #plainHttp: PlainHttp;
  readonly #services: SessionServices;
  readonly #dataSchema: DataSchema;
  readonly #users: UserSessions | undefined;
  /** What the settings come to, to document it. */
  readonly policy: SessionPolicy;
  readonly #scopes = new WeakMap<object, LazySessionScope<Data>>();

  /** @internal Use `createSojourn`. */
  constructor(settings: SessionSettings<Data>, context: SessionsContext) {
    const resolved = resolveSessionSettings(settings);
    const { store, cookie, onInsecure, timeouts, touchEvery, renewEvery, deadline, dataSchema } = resolved;
    const { clock, redis, projectName, secretKey } = context;
    const isCarried = store instanceof SessionCarrier;
    this.#store = isCarried ? new CarriedRecords() : store({ projectName, redis, clock, format: resolved.format });
    if (!isCarried) checkFormat(resolved, this.#store);
    this.#cookie = cookie;
    this.policy = policyOf(resolved, this.#store);
    this.#plainHttp = new PlainHttp({ secure: cookie.secure, onInsecure });
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
    if (!isCarried) return;
    this.#carrier = new CookieCarrier(this.#services, resolved, context);
    warnOfLostUpdates(store);
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
   * @param options.onInvalid Takes the place of `sessions.onInvalid` for this load: a logout, for example, has to work
   *   with any data. A session that was loaded before in this request stays as it is.
   * @throws {SessionUsageError} When no adapter has seen the request.
   * @throws {SessionSchemaError} When the data does not fit the schema, and `onInvalid` is `"throw"`.
   * @throws {InsecureRequestError} When the request came over plain http, and `sessions.cookie.onInsecure` is `"refuse"`.
   */
  from(request: object, { onInvalid }: { readonly onInvalid?: OnInvalid } = {}): Promise<Session<Data>> {
    if (onInvalid !== undefined && !isOnInvalid(onInvalid)) {
      return Promise.reject(new SessionUsageError('sessions.from() expected onInvalid "throw", "reset" or "keep".'));
    }
    const scope = this.#scopes.get(request);
    if (scope) return scope.load(onInvalid);
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
    const session = await this.#open({ cookieHeader });
    session.noteNoResponse();
    return session;
  }

  /** Begins a session that belongs to no request, and saves it: for tests and jobs, with {@link Session.cookieHeader}. */
  async create(data: Partial<Data> = {}): Promise<Session<Data>> {
    const origin = { hasCookie: false, userAgent: undefined, presentedKey: undefined, stored: undefined };
    const session = await this.#session(this.#carrier?.begin(undefined).services ?? this.#services, origin);
    for (const [key, value] of Object.entries(data)) defineMember(session.data, key, value);
    await session.save();
    return session;
  }

  /**
   * Takes over a session that was kept elsewhere, under the key that its browser has: for those who move sessions here.
   *
   * @param key 32 characters of `[a-z0-9]`.
   * @param payload The data, as the text of a JSON object.
   * @param ttl What is left of its time to live, in milliseconds; more than 0.
   * @returns Whether it was stored: a session that is there already stays.
   * @throws {SessionUsageError} For another key, text or time, or sessions that have no key.
   */
  async restore(key: string, payload: string, ttl: Milliseconds): Promise<boolean> {
    if (this.#carrier || !isSessionKey(key) || !(ttl > 0)) {
      throw new SessionUsageError(
        "sessions.restore() expected a session key, a store that keeps sessions, and a time to live.",
      );
    }
    return this.#services.records.restore(key, parsePayload(payload), ttl, this.#deadline());
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
    const ended = await this.#demandUsers().revoke(id, ref, this.#deadline());
    if (ended.length > 0) this.#emitRevoked(id, ended);
    return ended.length > 0;
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
    const ended = scan ? [...listed, ...(await this.#revokeByScan(id, exceptRef))] : listed;
    this.#emitRevoked(id, ended);
    return ended.length;
  }

  /**
   * Deletes expired records where the engine does not do so itself (Redis does, but for buckets), in short steps.
   *
   * @param options.onProgress Called after each step, with how many there were so far.
   * @returns How many there were.
   */
  clearExpired({ onProgress }: { readonly onProgress?: (progress: ClearProgress) => void } = {}): Promise<number> {
    return this.#store.clearExpired(() => this.#deadline(), onProgress);
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
      (onInvalid) => this.#openFor(facts, onInvalid),
      (session) => this.#setCookie(session, facts),
      (session) => this.#services.events.emit("lateChange", this.#nameOf(session)),
    );
    this.#scopes.set(request, scope);
    return scope;
  }

  async #revokeByScan(userId: string, exceptRef: string | undefined): Promise<SessionKey[]> {
    const ended: SessionKey[] = [];
    for await (const at of this.#store.scan(() => this.#deadline())) {
      const deadline = this.#deadline();
      if (refOf(at) === exceptRef || !(await this.#services.records.isUsers(at, userId, deadline))) continue;
      if (await this.#store.delete(at, deadline)) ended.push(at);
    }
    return ended;
  }

  #emitRevoked(userId: string, ended: readonly SessionKey[]): void {
    const { events } = this.#services;
    events.emit("revoked", { userId, count: ended.length, sessions: ended.map((at) => events.nameOf(at)) });
  }

  #demandUsers(): UserSessions {
    if (this.#users) return this.#users;
    throw new ImproperlyConfigured("sessions.store", noIndex(this.#store));
  }

  #deadline(): Deadline {
    return new Deadline(this.#services.deadline, this.#services.clock);
  }

  #nameOf({ storedAt }: Session<Data>): { readonly session?: string } {
    return storedAt === undefined ? {} : { session: this.#services.events.nameOf(storedAt) };
  }

  async #openFor(facts: RequestFacts, onInvalid: OnInvalid | undefined): Promise<Session<Data>> {
    if (this.#plainHttp.isRefused(facts)) this.#refuse(facts);
    // Asked for before loading: while it loads, the response waits for it.
    const areHeadersSent = facts.areHeadersSent?.() ?? false;
    const session = await this.#open(facts, onInvalid);
    if (areHeadersSent) session.noteHeadersSent();
    return session;
  }

  #refuse({ cookieHeader }: RequestFacts): never {
    const hasCookie = this.#readCookie(cookieHeader).kind !== "absent";
    if (hasCookie) this.#services.events.emit("rejected", { reason: "insecure" });
    throw new InsecureRequestError();
  }

  async #open(
    facts: Pick<RequestFacts, "cookieHeader" | "userAgent" | "mayBeginSession">,
    onInvalid?: OnInvalid,
  ): Promise<Session<Data>> {
    const { cookieHeader, userAgent } = facts;
    const mayBegin = (): boolean => facts.mayBeginSession?.(this.#cookie.sameSite) ?? true;
    const cookie = this.#readCookie(cookieHeader);
    const origin = {
      hasCookie: cookie.kind !== "absent",
      userAgent,
      mayBegin,
      presentedKey: undefined,
      stored: undefined,
    };
    if (cookie.kind === "rejected") this.#services.events.emit("rejected", { reason: cookie.reason });
    const value = cookie.kind === "value" ? cookie.value : undefined;
    const { services, key } = this.#carrier?.begin(value) ?? { services: this.#services, key: value };
    if (value === undefined || key === undefined) return this.#session(services, origin, onInvalid);
    const loaded = await services.records.load(key, this.#deadline());
    this.#emitFailedLoad(loaded);
    const stored = loaded.status === "live" ? loaded.stored : undefined;
    return this.#session(services, { ...origin, presentedKey: key, stored }, onInvalid);
  }

  #readCookie(header: string | undefined): CookieReading {
    return readCookie(header, this.#cookie.name, this.#carrier ? isShortEnough : isSessionKey);
  }

  #emitFailedLoad(loaded: LoadResult): void {
    const { events } = this.#services;
    if (loaded.status === "undecodable") events.emit("undecodable", { reason: loaded.reason });
    if (loaded.status !== "absent" && loaded.status !== "expired") return;
    const reason = loaded.status === "absent" ? "unknown" : "expired";
    events.emit("rejected", { reason, session: events.nameOf(loaded.at) });
  }

  async #session(
    services: SessionServices,
    origin: SessionOrigin,
    onInvalid: OnInvalid = this.#dataSchema.onInvalid,
  ): Promise<Session<Data>> {
    const session = new Session<Data>(new SessionState<Data>(services, origin));
    await applySchema(session.sessionData, session.record, { ...this.#dataSchema, onInvalid });
    return session;
  }

  #setCookie(session: Session<Data>, facts: RequestFacts): readonly string[] {
    const { cookieChange, cookieValue, record } = session;
    if (cookieChange === "clear") return [clearCookieHeader(this.#cookie, facts.isSecure())];
    if (cookieChange !== "set" || cookieValue === undefined) return [];
    this.#plainHttp.warnOfCookie(facts);
    const { clock, timeouts } = this.#services;
    const now = clock.now();
    const maxAge = endsWithBrowser(record, timeouts) ? undefined : timeToLive(record, timeouts, now);
    return [setCookieHeader(this.#cookie, cookieValue, { maxAge, now, isSecure: facts.isSecure() })];
  }
}

function parsePayload(payload: string): SessionRecord {
  try {
    return SessionRecord.parse(payload);
  } catch (cause) {
    throw new SessionUsageError("sessions.restore() expected the text of a JSON object.", { cause });
  }
}

function checkFormat({ format }: ResolvedSessionSettings, { name, comparesWholeRecords = false }: SessionStore): void {
  if (format !== "dict" || comparesWholeRecords) return;
  const message = `expected "django" or "json" with the store "${name}": only cacheSessionStore() compares whole records.`;
  throw new ImproperlyConfigured("sessions.format", message);
}

function makeRecords(
  store: SessionStore,
  users: UserSessions | undefined,
  settings: ResolvedSessionSettings,
  context: SessionsContext,
): SessionRecords {
  const { maxBytes, hashKeys, timeouts, dataSchema } = settings;
  const codec = makeCodec(settings, context);
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
  return `the store "${store.name}" keeps no index of users, which this needs. Use redisSessionStore(), memorySessionStore(), or sqlSessionStore() with users: true.`;
}
