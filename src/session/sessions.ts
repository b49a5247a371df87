import { throwUnknown } from "../stores/partial-failures.ts";
import type { Secrets } from "../codec/index.ts";
import type { Clock, Milliseconds } from "../core/clock.ts";
import { checkOptions, describeGiven } from "../core/calls.ts";
import { Deadline } from "../core/deadlines.ts";
import { describeKind } from "../core/descriptions.ts";
import { ImproperlyConfigured, SessionUsageError } from "../core/errors.ts";
import type { Listener } from "../core/events.ts";
import type { SessionKey } from "../core/ids.ts";
import { isPlainObject } from "../json/index.ts";
import type { RedisRegistry } from "../redis/registry.ts";
import { type KeySpace, keySpacesOf } from "../stores/key-spaces.ts";
import { makeSessionStore } from "../stores/make-store.ts";
import { SessionCarrier } from "../stores/session-carrier.ts";
import type { ClearProgress, SessionStore } from "../stores/session-store.ts";
import { type IndexedSession, MAX_PAGE, type UserIndexPage, type UserIndexRange } from "../stores/user-index.ts";
import { checkUserId, type UserId } from "./login/auth.ts";
import { CarriedRecords } from "./in-cookie/carried-records.ts";
import { CookieCarrier, warnOfLostUpdates } from "./in-cookie/cookie-carrier.ts";
import { CookieWriter } from "./http/cookie-writer.ts";
import { isOnInvalid, type OnInvalid } from "./data/data-schema.ts";
import { explainAwait } from "./explain-await.ts";
import {
  checkFormat,
  makeMovedKeys,
  makeRecords,
  makeUserSessions,
  noIndex,
  SEEN_EVERY,
} from "./stored/make-session-records.ts";
import { PlainHttp } from "./http/plain-http.ts";
import { policyOf, type SessionPolicy } from "./policy.ts";
import type { RequestFacts, SessionScope } from "./http/request-contract.ts";
import { RevocationWalks } from "./users/revocation-walks.ts";
import { SessionEventEmitter, type SessionEvents } from "./session-events.ts";
import { SessionOpener } from "./session-opener.ts";
import { SessionRecord } from "./record/session-record.ts";
import { LazySessionScope } from "./session-scope.ts";
import type { SessionServices } from "./session-services.ts";
import { resolveSessionSettings, type SessionSettings, type UntypedData } from "./session-settings.ts";
import type { Session } from "./session.ts";
import {
  checkCookieHeader,
  checkRef,
  checkRestore,
  CLEAR_OPTIONS,
  describeUnseen,
  FROM_OPTIONS,
  OF_USER_OPTIONS,
  PAGE_OPTIONS,
  REVOKE_ALL_OPTIONS,
  refToExcept,
  REVOKE_USER_OPTIONS,
} from "./sessions-calls.ts";
import { TouchThrottle } from "./stored/touch-throttle.ts";
import { UserCursors } from "./users/user-cursors.ts";
import {
  type ListedStateOf,
  refOf,
  type RevocationSteps,
  type UserSession,
  type UserSessions,
} from "./users/user-sessions.ts";

/** Of a restored session: 1000 years. Redis can tell of 285 000. */
const MAX_TTL: Milliseconds = 1000 * 365.25 * 86_400_000;

/** How many sessions of a user are looked up for one page. */
const PAGE_SIZE = 100;

const CARRIED =
  "the cookies carry the records, and no server knows of them. To end all sessions, replace secretKey and take the old one out " +
  "of secretKeyFallbacks.";

/** Options of {@link Sessions.from}. */
interface FromOptions {
  readonly onInvalid?: OnInvalid | undefined;
}

const NO_OPTIONS: FromOptions = {};

/** How far a revocation has come. */
export interface RevokeProgress {
  /** Sessions ended so far. */
  readonly ended: number;
}

/** Options of {@link Sessions.revokeAll}. */
export interface RevokeOptions {
  readonly onProgress?: ((progress: RevokeProgress) => void) | undefined;
}

/** Options of {@link Sessions.revokeUser}. */
export interface RevokeUserOptions<Data extends object = UntypedData> extends RevokeOptions {
  readonly except?: Session<Data> | string | undefined;
  readonly scan?: boolean | undefined;
}

/** Options of {@link Sessions.pageOfUser}. */
export interface UserPageOptions<Data extends object = UntypedData> {
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
  readonly current?: Session<Data> | undefined;
}

/** A part of the sessions of a user. */
export interface UserSessionPage {
  readonly sessions: readonly UserSession[];
  /** Leads to the next page; `undefined` after the last one. It tells nothing, and may be shown to the user. */
  readonly next: string | undefined;
}

/** What {@link Sessions} shares with the rest of the application. */
export interface SessionsContext extends Secrets {
  readonly projectName: string;
  readonly redis: RedisRegistry;
  readonly clock: Clock;
  /** Whether the settings are those of a Django site; see `DJANGO_SITE`. @defaultValue `false` */
  readonly isSites?: boolean;
}

/** The sessions of an application. Made by `createSojourn`; it is the same for all requests. */
export class Sessions<Data extends object = UntypedData> {
  readonly #store: SessionStore;
  /** Whether the cookies carry the records themselves. */
  readonly #isCarried: boolean;
  readonly #services: SessionServices;
  readonly #opener: SessionOpener<Data>;
  readonly #cookies: CookieWriter;
  readonly #users: UserSessions | undefined;
  readonly #cursors: UserCursors;
  readonly #walks: RevocationWalks;
  /** What the settings come to, to document it. */
  readonly policy: SessionPolicy;
  readonly #scopes = new WeakMap<object, LazySessionScope<Data>>();

  /** @internal Use `createSojourn`. */
  constructor(settings: SessionSettings<Data>, context: SessionsContext) {
    const resolved = resolveSessionSettings(settings, context);
    const { store, cookie, onInsecure, timeouts, touchEvery, renewEvery, deadline, dataSchema } = resolved;
    const { clock, redis, projectName, secretKey } = context;
    const isCarried = store instanceof SessionCarrier;
    this.#isCarried = isCarried;
    this.#store = isCarried
      ? new CarriedRecords()
      : makeSessionStore(
          store,
          { projectName, redis, clock, format: resolved.format, timeZone: timeouts.zone },
          "sessions.store",
        );
    if (!isCarried) checkFormat(resolved, this.#store);
    this.policy = policyOf(resolved, this.#store);
    const moved = makeMovedKeys(this.#store, clock);
    this.#users = makeUserSessions(this.#store, clock, resolved, moved);
    this.#cursors = new UserCursors(context);
    this.#services = {
      records: makeRecords(this.#store, this.#users, moved, resolved, context),
      clock,
      timeouts,
      deadline,
      renewEvery,
      cookieName: cookie.name,
      secretKey,
      extendsOnRead: touchEvery !== null,
      throttle: new TouchThrottle(touchEvery ?? SEEN_EVERY, timeouts, clock),
      events: new SessionEventEmitter(secretKey),
    };
    this.#walks = new RevocationWalks(this.#store, this.#services.records, clock);
    const services = this.#services;
    const plainHttp = new PlainHttp({ secure: cookie.secure, onInsecure });
    const carrier = isCarried ? new CookieCarrier(services, resolved, context) : undefined;
    this.#opener = new SessionOpener<Data>({ services, carrier, cookie, plainHttp, dataSchema });
    this.#cookies = new CookieWriter(cookie, plainHttp, services);
    if (isCarried) warnOfLostUpdates(store);
  }

  /** @internal Where the store keeps its keys. */
  get keySpaces(): readonly KeySpace[] {
    return keySpacesOf(this.#store);
  }

  /** Name of the engine that keeps the records, such as `redis`. */
  get storeName(): string {
    return this.#store.name;
  }

  /**
   * The session of a request. The first call in a request loads it, and nothing else does: a page that does
   * not call this does not need the store.
   *
   * @param request The object that the adapter has seen: Express's `req`, Node's `IncomingMessage`.
   * @param options.onInvalid Takes the place of `sessions.onInvalid` for this load: a logout, for example,
   *   has to work with any data. A session that was loaded before in this request stays as it is.
   * @throws {SessionUsageError} When no adapter has seen the request.
   * @throws {SessionSchemaError} When the data does not fit the schema, and `onInvalid` is `"throw"`.
   * @throws {InsecureRequestError} When the request came over plain http, and `sessions.cookie.onInsecure` is
   *   `"refuse"`.
   */
  from(request: object, options: FromOptions = NO_OPTIONS): Promise<Session<Data>> {
    const scope = this.#scopes.get(request);
    if (scope !== undefined && options === NO_OPTIONS) return scope.load();
    return this.#from(request, options);
  }

  /**
   * Opens the session of a Cookie header where there is no response to carry changes: WebSockets, jobs.
   * Changes are saved by `session.save()` and `session.update()` only. Where there is no session, they begin
   * none and throw a {@link SessionUsageError}: no browser could get its cookie. See {@link create}.
   */
  open(cookieHeader: string | null | undefined): Promise<Session<Data>> {
    return explainAwait(this.#open(cookieHeader));
  }

  /**
   * Begins a session that belongs to no request, and saves it: for tests and jobs, with
   * {@link Session.cookieHeader}.
   */
  create(data: Partial<Data> = {}): Promise<Session<Data>> {
    return explainAwait(this.#create(data));
  }

  /**
   * Takes over a session that was kept elsewhere, under the key that its browser has: for those who move
   * sessions here.
   *
   * @param key 32 characters of `[a-z0-9]`.
   * @param payload The data, as the text of a JSON object.
   * @param ttl What is left of its time to live, in milliseconds; more than 0. Of more than 1000 years, 1000
   *   count.
   * @returns Whether it was stored: a session that is there already stays.
   * @throws {SessionUsageError} For another key, text or time, or sessions that have no key.
   */
  async restore(key: string, payload: string, ttl: Milliseconds): Promise<boolean> {
    checkRestore(key, payload, ttl, this.#isCarried);
    return this.#services.records.restore(key, parsePayload(payload), Math.min(ttl, MAX_TTL), this.#deadline());
  }

  /**
   * The sessions of a user. Each is looked up, so none of them is gone already.
   *
   * They are read page by page as the loop goes on, 100 at a time. The pages follow the expiry of the
   * sessions, the latest first; within a page, the one seen last comes first. So it is for all of a user with
   * up to 100 sessions.
   *
   * @param options.current Marks this one in the list.
   * @throws {ImproperlyConfigured} When the store has no index of users.
   */
  async *ofUser(
    userId: UserId,
    options: { readonly current?: Session<Data> | undefined } = {},
  ): AsyncGenerator<UserSession, void, undefined> {
    checkOptions(options, OF_USER_OPTIONS);
    const { current } = options;
    const id = checkUserId(userId, "sessions.ofUser");
    let after: string | undefined;
    do {
      const page = await this.#pageOf(id, { after, limit: PAGE_SIZE });
      for (const session of page.sessions) yield describeSession(session, current?.ref);
      after = page.next;
    } while (after !== undefined);
  }

  /**
   * A part of the sessions of a user, for lists that are shown page by page, in the order of {@link ofUser}.
   *
   * @param options.cursor `next` of the page before. @defaultValue the beginning
   * @param options.limit How many sessions at most, from 1 to 200. A page has fewer where some of them are
   *   gone. @defaultValue 100
   * @param options.current Marks this one in the list.
   * @throws {SessionUsageError} For another limit, or a cursor that this application has not made for this user.
   * @throws {ImproperlyConfigured} When the store has no index of users.
   */
  async pageOfUser(userId: UserId, options: UserPageOptions<Data> = {}): Promise<UserSessionPage> {
    checkOptions(options, PAGE_OPTIONS);
    const { cursor, limit = PAGE_SIZE, current } = options;
    const id = checkUserId(userId, "sessions.pageOfUser");
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
      throw new SessionUsageError(
        `sessions.pageOfUser() expected a limit from 1 to ${MAX_PAGE}, got ${describeGiven(limit)}.`,
      );
    }
    const after = cursor === undefined ? undefined : this.#cursors.open(id, cursor);
    const { sessions, next } = await this.#pageOf(id, { after, limit });
    return {
      sessions: sessions.map((session) => describeSession(session, current?.ref)),
      next: next === undefined ? undefined : this.#cursors.seal(id, next),
    };
  }

  /**
   * Ends one session of a user. It is dead once this returns.
   *
   * @param ref As `ofUser` tells it, or `session.ref`.
   * @returns Whether there was such a session.
   */
  async revoke(userId: UserId, ref: string): Promise<boolean> {
    const id = checkUserId(userId, "sessions.revoke");
    checkRef(ref, "sessions.revoke()");
    const { records } = this.#services;
    const listed = await this.#demandUsers().revoke(id, ref, () => this.#deadline());
    const hasEnded = listed.length > 0;
    // Another request may have given it a new key since it was listed.
    const ending = records.endMoved(ref, id, this.#deadline());
    const moved = await (hasEnded ? ending.catch(throwUnknown) : ending);
    if (hasEnded) await records.endSuccessors(ref, "revoked", this.#deadline()).catch(throwUnknown);
    const ended = moved === undefined ? listed : [...listed, moved];
    if (ended.length > 0) this.#emitRevoked(id, ended);
    return ended.length > 0;
  }

  /**
   * Ends all sessions of a user: on a stolen password, when the account is closed, or because the user asks
   * for it. Every session whose creation had begun before the call is dead once it returns, as long as the
   * clocks of all processes are less than a minute apart. A session that begins while it runs may be ended
   * too.
   *
   * It works in steps, each with a deadline of its own. After a failure it can be called again, and goes on
   * with what is left.
   *
   * @param options.except A session that stays, or its `ref`.
   * @param options.scan Also walks through all sessions, for those that are on no list: Django has made them
   *   and Node has not seen them yet, or Redis has dropped the list. It takes as long as there are sessions.
   * @param options.onProgress Called after each step.
   * @returns How many there were.
   * @throws {StoreConnectionError} With the outcome `unknown` when a step has failed and some may have ended.
   */
  async revokeUser(userId: UserId, options: RevokeUserOptions<Data> = {}): Promise<number> {
    checkOptions(options, REVOKE_USER_OPTIONS);
    const { except, scan = false, onProgress } = options;
    const id = checkUserId(userId, "sessions.revokeUser");
    const exceptRef = refToExcept(except);
    const users = this.#demandUsers();
    return this.#revokeInSteps(id, onProgress, async (steps) => {
      await users.revokeAll(id, exceptRef, steps);
      if (scan) await this.#walks.endThoseOf(id, exceptRef, steps);
    });
  }

  /**
   * Ends all sessions of everybody, anonymous ones too, on any engine but the one whose cookies carry the
   * records. Every session whose creation had begun before the call is dead once it returns, as long as all
   * processes have the same `sessions.deadline` and their clocks are less than a minute apart. A session that
   * begins while it runs may be ended too.
   *
   * It walks through the store in steps, each with a deadline of its own, waits until `sessions.deadline` has
   * passed since the call, for creations that were under way, and walks again. After a failure it can be
   * called again.
   *
   * @param options.onProgress Called after each step.
   * @returns How many there were.
   * @throws {ImproperlyConfigured} When the cookies carry the records: take the secret key out instead.
   * @throws {StoreConnectionError} With the outcome `unknown` when a step has failed and some may have ended.
   */
  async revokeAll(options: RevokeOptions = {}): Promise<number> {
    checkOptions(options, REVOKE_ALL_OPTIONS);
    const { onProgress } = options;
    if (this.#isCarried) throw new ImproperlyConfigured("sessions.store", CARRIED);
    return this.#revokeInSteps(undefined, onProgress, (steps) => this.#walks.endAll(this.#services.deadline, steps));
  }

  /**
   * Deletes expired records where the engine does not do so itself (Redis does, but for buckets), in short steps.
   *
   * @param options.onProgress Called after each step, with how many there were so far.
   * @returns How many there were.
   */
  async clearExpired(options: { readonly onProgress?: (progress: ClearProgress) => void } = {}): Promise<number> {
    checkOptions(options, CLEAR_OPTIONS);
    const { onProgress } = options;
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
      (onInvalid) => this.#opener.openFor(facts, onInvalid),
      (session) => this.#cookies.headersFor(session, facts),
      (session) => this.#services.events.emit("lateChange", this.#nameOf(session)),
    );
    this.#scopes.set(request, scope);
    return scope;
  }

  async #from(request: object, options: FromOptions): Promise<Session<Data>> {
    checkOptions(options, FROM_OPTIONS);
    const { onInvalid } = options;
    if (onInvalid !== undefined && !isOnInvalid(onInvalid)) {
      const expected = 'sessions.from() expected onInvalid "throw", "reset" or "keep"';
      throw new SessionUsageError(`${expected}, got ${describeGiven(onInvalid)}.`);
    }
    const scope = this.#scopes.get(request);
    if (scope) return scope.load(onInvalid);
    throw new SessionUsageError(describeUnseen(request));
  }

  async #open(cookieHeader: string | null | undefined): Promise<Session<Data>> {
    checkCookieHeader(cookieHeader);
    const session = await this.#opener.open({ cookieHeader: cookieHeader ?? undefined });
    session.noteNoResponse();
    return session;
  }

  async #create(data: Partial<Data>): Promise<Session<Data>> {
    if (!isPlainObject(data)) {
      throw new SessionUsageError(`sessions.create() expected the data as an object, got ${describeKind(data)}.`);
    }
    const session = await this.#opener.begin();
    session.sessionData.take(data);
    await session.save();
    return session;
  }

  async #pageOf(userId: string, range: UserIndexRange): Promise<UserIndexPage> {
    const { records } = this.#services;
    const stateOf: ListedStateOf = (at, deadline) => records.listedState(at, userId, deadline);
    return this.#demandUsers().page(userId, range, () => this.#deadline(), stateOf);
  }

  /** Counts and tells what each step ends. @param userId `undefined`: everybody. */
  async #revokeInSteps(
    userId: string | undefined,
    onProgress: RevokeOptions["onProgress"],
    revoke: (steps: RevocationSteps) => Promise<void>,
  ): Promise<number> {
    let ended = 0;
    const onEnded = (keys: readonly SessionKey[]): void => {
      ended += keys.length;
      if (keys.length > 0) this.#emitRevoked(userId, keys);
      onProgress?.({ ended });
    };
    await revoke({ pageDeadline: () => this.#deadline(), onEnded });
    if (ended === 0) this.#emitRevoked(userId, []);
    return ended;
  }

  #emitRevoked(userId: string | undefined, ended: readonly SessionKey[]): void {
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
}

function parsePayload(payload: string): SessionRecord {
  try {
    return SessionRecord.parse(payload);
  } catch (cause) {
    throw new SessionUsageError("sessions.restore() expected the text of a JSON object.", { cause });
  }
}

function describeSession({ key, entry }: IndexedSession, currentRef: string | undefined): UserSession {
  const ref = refOf(key);
  return {
    ref,
    createdAt: new Date(entry.createdAt),
    lastSeenAt: new Date(entry.lastSeenAt),
    device: entry.device === "" ? undefined : entry.device,
    current: ref === currentRef,
  };
}
