import { throwUnknown } from "../stores/partial-failures.ts";
import { checkOptions, describeGiven } from "../core/calls.ts";
import { Deadline } from "../core/deadlines.ts";
import { describeKind } from "../core/descriptions.ts";
import type { Duration } from "../core/durations.ts";
import { ImproperlyConfigured, SessionUsageError } from "../core/errors.ts";
import type { Listener } from "../core/events.ts";
import type { SessionKey } from "../core/ids.ts";
import { linkTargetOf, makeObjectLinks } from "../core/object-links.ts";
import { isPlainObject } from "../json/index.ts";
import { type KeySpace, keySpacesOf } from "../stores/key-spaces.ts";
import type { ClearProgress } from "../stores/session-store.ts";
import {
  type IndexedSession,
  MAX_PAGE,
  type UserIndexPage,
  type UserIndexRange,
} from "../stores/user-index.ts";
import { checkUserId, type UserId } from "./login/auth.ts";
import { isOnInvalid, type OnInvalid } from "./data/data-schema.ts";
import { PolledRecords } from "./endings/polled-records.ts";
import { explainAwait } from "./explain-await.ts";
import { noIndex } from "./stored/make-session-records.ts";
import type { SessionPolicy } from "./policy.ts";
import type { SetCookie } from "./http/cookie.ts";
import type { RequestInfo, SessionScope } from "./http/request-contract.ts";
import { RevocationWalks } from "./users/revocation-walks.ts";
import type { SessionEvents } from "./session-events.ts";
import { SessionRecord } from "./record/session-record.ts";
import { LazySessionScope } from "./session-scope.ts";
import type { SessionSettings, UntypedData } from "./session-settings.ts";
import type { Session } from "./session.ts";
import {
  checkCookieHeader,
  checkPollEvery,
  checkRef,
  checkRestore,
  CLEAR_OPTIONS,
  COOKIES_FOR_OPTIONS,
  describeUnseen,
  FROM_OPTIONS,
  OF_USER_OPTIONS,
  PAGE_OPTIONS,
  REVOKE_ALL_OPTIONS,
  refToExcept,
  REVOKE_USER_OPTIONS,
  TAKE_OVER_OPTIONS,
  WATCH_OPTIONS,
} from "./sessions-calls.ts";
import { endEarlier } from "./take-over/end-earlier.ts";
import { takeOverAll, type TakeOverCounts } from "./take-over/take-over-all.ts";
import { UserCursors } from "./users/user-cursors.ts";
import {
  type ListedStateOf,
  refOf,
  type RevocationSteps,
  type UserSession,
  type UserSessions,
} from "./users/user-sessions.ts";
import { type SessionsContext, type SessionsParts, wireSessions } from "./wire-sessions.ts";

/** Default number of sessions in a page. */
const PAGE_SIZE = 100;

const IN_COOKIES =
  "the cookies carry the records, so no server can end them. To end all sessions, replace secretKey and take the old one out " +
  "of secretKeyFallbacks.";

const NO_ENDS_IN_COOKIES =
  "the cookies carry the records, so no process can end a session that another one has opened. Take a store for them.";

const NO_TAKE_OVER = "expected { from } with a source such as expressSessionSource(), got none.";
const NO_MOVES = "expected true: without it, sessions stay in the earlier library's records.";

/** Options of {@link Sessions.from}. */
interface FromOptions {
  readonly onInvalid?: OnInvalid | undefined;
}

const NO_OPTIONS: FromOptions = {};

/** Options of {@link Sessions.watch}. */
export interface WatchOptions {
  readonly pollEvery?: Duration | undefined;
}

/** Options of {@link Sessions.cookiesFor}. */
export interface CookiesForOptions {
  readonly isSecure?: boolean | undefined;
}

/** Progress of a revocation. */
export interface RevokeProgress {
  /** Sessions ended so far. */
  readonly ended: number;
}

/** Options of {@link Sessions.takeOverAll}. */
export interface TakeOverAllOptions {
  readonly dryRun?: boolean | undefined;
  readonly onProgress?: ((counts: TakeOverCounts) => void) | undefined;
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

/** A page of a user's sessions. */
export interface UserSessionPage {
  readonly sessions: readonly UserSession[];
  /**
   * Cursor of the next page; `undefined` on the last one. It reveals nothing and may be shown to
   * the user.
   */
  readonly next: string | undefined;
}

/** The sessions of an application. Made by `createSojourn`; all requests share it. */
export class Sessions<Data extends object = UntypedData> {
  readonly #parts: SessionsParts<Data>;
  readonly #cursors: UserCursors;
  readonly #walks: RevocationWalks;
  /** The effective session policy, for documentation and audits. */
  readonly policy: SessionPolicy;
  readonly #scopes = makeObjectLinks<LazySessionScope<Data>>();

  /** @internal Use `createSojourn`. */
  constructor(settings: SessionSettings<Data>, context: SessionsContext) {
    const parts = wireSessions<Data>(settings, context);
    this.#parts = parts;
    this.policy = parts.policy;
    this.#cursors = new UserCursors(context);
    this.#walks = new RevocationWalks(parts.store, parts.records, context.clock);
  }

  /** @internal Key spaces of the store. */
  get keySpaces(): readonly KeySpace[] {
    return keySpacesOf(this.#parts.store);
  }

  /** Name of the engine that keeps the records, such as `redis`. */
  get storeName(): string {
    return this.#parts.store.name;
  }

  /**
   * Returns the session of a request. Only the first call in a request loads it: a page without
   * this call does not use the store.
   *
   * @param request The object that the adapter was given: Express's `req`, Node's
   *   `IncomingMessage`.
   * @param options.onInvalid Replaces `sessions.onInvalid` for this load: a logout, for example,
   *   has to work with any data. It does not affect a session that this request has already loaded.
   * @throws {SessionUsageError} When no adapter has seen the request.
   * @throws {SessionSchemaError} When the data does not fit the schema, and `onInvalid` is
   *   `"throw"`.
   * @throws {InsecureRequestError} When the request came over plain http, and
   *   `sessions.cookie.onInsecure` is `"refuse"`.
   */
  from(request: object, options: FromOptions = NO_OPTIONS): Promise<Session<Data>> {
    const scope = this.#scopes.get(linkTargetOf(request));
    if (scope !== undefined && options === NO_OPTIONS) return scope.load();
    return this.#from(request, options);
  }

  /**
   * Opens the session of a Cookie header without a response: for WebSockets and jobs. Only
   * `session.save()` and `session.update()` save changes. Without a session they begin none and
   * throw a {@link SessionUsageError}, since no browser could get its cookie. See {@link create}.
   */
  open(cookieHeader: string | null | undefined): Promise<Session<Data>> {
    return explainAwait(this.#open(cookieHeader));
  }

  /**
   * Returns the cookies that a response has to set for a session of {@link open} or {@link create},
   * as text and in parts: after a `login` in a WebSocket's handshake, in a server action, in a job.
   * The session's calls are awaited. Adapters send the cookies of {@link from} themselves.
   *
   * @param options.isSecure Whether the request came over TLS, where `sessions.cookie.secure` is
   *   `"auto"`. @defaultValue `true`
   * @returns None, if the browser's cookie is right as it is.
   */
  async cookiesFor(session: Session<Data>, options: CookiesForOptions = {}): Promise<readonly SetCookie[]> {
    checkOptions(options, COOKIES_FOR_OPTIONS);
    const { isSecure = true } = options;
    if (typeof isSecure !== "boolean") {
      const got = describeGiven(isSecure);
      throw new SessionUsageError(`sessions.cookiesFor() expected isSecure as a boolean, got ${got}.`);
    }
    await session.confirmCookie();
    const info = { cookieHeader: undefined, isSecure: () => isSecure, host: () => undefined };
    return this.#parts.cookies.cookiesFor(session, info);
  }

  /**
   * Begins a session that belongs to no request, and saves it: for tests and jobs, with
   * {@link Session.cookieHeader}.
   */
  create(data: Partial<Data> = {}): Promise<Session<Data>> {
    return explainAwait(this.#create(data));
  }

  /**
   * Imports a session from another session store under the key that its browser has.
   *
   * @param key 32 characters of `[a-z0-9]`.
   * @param payload The data, as the text of a JSON object.
   * @param ttl Remaining time to live: seconds, or text such as `"14d"`; more than 0, capped at 1000
   *   years.
   * @returns Whether it was stored: an existing session is not replaced.
   * @throws {SessionUsageError} For an invalid key, text or time, or sessions that have no key.
   */
  async restore(key: string, payload: string, ttl: Duration): Promise<boolean> {
    const span = checkRestore(key, payload, ttl, this.#parts.areInCookies);
    return this.#parts.records.restore(key, parsePayload(payload), span, this.#deadline());
  }

  /**
   * Iterates over the sessions of a user. Each is looked up, so no session that has already ended
   * is listed.
   *
   * They are read in pages of 100 as the loop proceeds. Pages are ordered by expiry, the latest
   * first; sessions within a page by last activity, the most recent first. Up to 100 sessions are
   * therefore ordered by activity alone.
   *
   * @param options.current The session to mark in the list.
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
   * Returns one page of the sessions of a user, in the order of {@link ofUser}.
   *
   * @param options.cursor `next` of the previous page. @defaultValue the beginning
   * @param options.limit Maximum number of sessions, from 1 to 200. A page has fewer if some have
   *   ended. @defaultValue 100
   * @param options.current The session to mark in the list.
   * @throws {SessionUsageError} For an invalid limit, or a cursor that this application did not
   *   make for this user.
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
   * @param ref As returned by `ofUser`, or `session.ref`.
   * @returns Whether the session existed.
   */
  async revoke(userId: UserId, ref: string): Promise<boolean> {
    const id = checkUserId(userId, "sessions.revoke");
    checkRef(ref, "sessions.revoke()");
    const { records } = this.#parts;
    const listed = await this.#requireUsers().revoke(id, ref, () => this.#deadline());
    const hasEnded = listed.length > 0;
    // Another request may have given it a new key after it was listed.
    const ending = records.endMoved(ref, id, this.#deadline());
    const moved = await (hasEnded ? ending.catch(throwUnknown) : ending);
    if (hasEnded) await records.endSuccessors(ref, "revoked", this.#deadline()).catch(throwUnknown);
    const ended = [...listed, ...moved];
    if (ended.length > 0) this.#emitRevoked(id, ended);
    return ended.length > 0;
  }

  /**
   * Ends all sessions of a user: after a stolen password, when the account is closed, or at the
   * user's request. Every session whose creation had begun before the call is dead once it returns,
   * as long as the clocks of all processes are less than a minute apart. A session that begins
   * while it runs may be ended too.
   *
   * It works in steps, each with its own deadline. After a failure, another call continues with the
   * remaining sessions.
   *
   * @param options.except A session to keep, or its `ref`.
   * @param options.scan Also scans the whole store for sessions that are on no list: made by Django
   *   and not yet seen by Node, dropped from the list by Redis, or not yet taken over from another
   *   library. The time grows with the number of all sessions.
   * @param options.onProgress Called after each step.
   * @returns The number of ended sessions.
   * @throws {StoreConnectionError} With the outcome `unknown` when a step has failed and some may
   *   have ended.
   */
  async revokeUser(userId: UserId, options: RevokeUserOptions<Data> = {}): Promise<number> {
    checkOptions(options, REVOKE_USER_OPTIONS);
    const { except, scan = false, onProgress } = options;
    const id = checkUserId(userId, "sessions.revokeUser");
    const exceptRef = refToExcept(except);
    const users = this.#requireUsers();
    return this.#revokeInSteps(id, onProgress, async (steps) => {
      const { takeOver } = this.#parts;
      if (scan && takeOver) await endEarlier(takeOver, { userId: id, exceptRef }, steps);
      await users.revokeAll(id, exceptRef, steps);
      if (scan) await this.#walks.endThoseOf(id, exceptRef, steps);
    });
  }

  /**
   * Ends all sessions of all users, anonymous ones and those of `sessions.takeOver` included, on any
   * store except the one whose cookies carry the records. Every session whose creation had begun before the call is dead once
   * it returns, as long as all processes have the same `sessions.deadline` and their clocks are
   * less than a minute apart. A session that begins while it runs may be ended too.
   *
   * It scans the store in steps, each with its own deadline, waits until `sessions.deadline` has
   * passed since the call, for creations that were in progress, and scans again. After a failure it
   * can be called again.
   *
   * @param options.onProgress Called after each step.
   * @returns The number of ended sessions.
   * @throws {ImproperlyConfigured} When the cookies carry the records: replace the secret key
   *   instead.
   * @throws {StoreConnectionError} With the outcome `unknown` when a step has failed and some may
   *   have ended.
   */
  async revokeAll(options: RevokeOptions = {}): Promise<number> {
    checkOptions(options, REVOKE_ALL_OPTIONS);
    const { onProgress } = options;
    if (this.#parts.areInCookies) throw new ImproperlyConfigured("sessions.store", IN_COOKIES);
    const { takeOver, services } = this.#parts;
    return this.#revokeInSteps(undefined, onProgress, async (steps) => {
      if (takeOver) await endEarlier(takeOver, { userId: undefined, exceptRef: undefined }, steps);
      await this.#walks.endAll(services.deadline, steps);
    });
  }

  /**
   * Deletes expired records, in short steps, if the engine does not do so itself (Redis does,
   * except in buckets).
   *
   * @param options.onProgress Called after each step, with the number of records deleted so far.
   * @returns The number of deleted records.
   */
  async clearExpired(
    options: { readonly onProgress?: (progress: ClearProgress) => void } = {},
  ): Promise<number> {
    checkOptions(options, CLEAR_OPTIONS);
    const { onProgress } = options;
    return this.#parts.store.clearExpired(() => this.#deadline(), onProgress);
  }

  /**
   * Takes over all sessions of the earlier libraries in `sessions.takeOver`, in short steps, each
   * with its own deadline. A request finds its session by the earlier cookie, as before. After a
   * failure or an interruption, another call goes on.
   *
   * @param options.dryRun Only counts; nothing is written. @defaultValue `false`
   * @param options.onProgress Called after each page of about 1000 keys.
   * @throws {ImproperlyConfigured} Without `sessions.takeOver`, or while it moves nothing.
   */
  async takeOverAll(options: TakeOverAllOptions = {}): Promise<TakeOverCounts> {
    checkOptions(options, TAKE_OVER_OPTIONS);
    const { dryRun = false, onProgress } = options;
    if (typeof dryRun !== "boolean") {
      const got = describeGiven(dryRun);
      throw new SessionUsageError(`sessions.takeOverAll() expected dryRun as a boolean, got ${got}.`);
    }
    const { takeOver } = this.#parts;
    if (takeOver === undefined) throw new ImproperlyConfigured("sessions.takeOver", NO_TAKE_OVER);
    if (!takeOver.moves && !dryRun) throw new ImproperlyConfigured("sessions.takeOver.moves", NO_MOVES);
    return takeOverAll(takeOver, { isDry: dryRun, pageDeadline: () => this.#deadline(), onProgress });
  }

  /** Resolves when the store answers. */
  ping(): Promise<void> {
    return this.#parts.store.ping(this.#deadline());
  }

  /**
   * Has the listeners of `session.onEnded` told of ends by other processes as well, and of expiry.
   *
   * It opens no connection before the first listener. A request sends no command more. The guide
   * `docs/guides/sockets.md` has its promises for each store.
   *
   * @param options.pollEvery Interval at which the watched records are read, where Redis refuses to
   *   report ends, and on stores that do not report them: all but `redisSessionStore()`, `redisBucketSessionStore()` and
   *   `memorySessionStore()`. At least 1 ms. @defaultValue `"10s"`
   * @returns A function that ends it.
   * @throws {SessionUsageError} For a wrong option, or when it is on already.
   * @throws {ImproperlyConfigured} When the cookies carry the records: no other process can end
   *   them.
   */
  watch(options: WatchOptions = {}): () => Promise<void> {
    checkOptions(options, WATCH_OPTIONS);
    const { store, areInCookies, services } = this.#parts;
    const { endings } = services;
    if (areInCookies) throw new ImproperlyConfigured("sessions.store", NO_ENDS_IN_COOKIES);
    const every = checkPollEvery(options.pollEvery);
    if (endings.isWatching)
      throw new SessionUsageError("sessions.watch() was called already. Call it once, at start.");
    const newDeadline = (): Deadline => this.#deadline();
    endings.start(store.watch?.(endings), () => new PolledRecords({ store, every, newDeadline }, endings));
    return () => endings.stop();
  }

  /** Adds a listener for events of a kind. @returns A function that removes it. */
  on<Name extends keyof SessionEvents>(name: Name, listener: Listener<SessionEvents[Name]>): () => void {
    return this.#parts.events.on(name, listener);
  }

  /** Closes the resources that the store has opened. Connections belong to the registry. */
  async close(): Promise<void> {
    await this.#parts.services.endings.stop();
    await this.#parts.store.close();
  }

  /** For adapters: returns the scope of a request, and makes it on the first call. */
  scope(request: object, info: RequestInfo): SessionScope {
    const target = linkTargetOf(request);
    const known = this.#scopes.get(target);
    if (known) return known;
    const scope = new LazySessionScope<Data>(info, this.#parts);
    this.#scopes.set(target, scope);
    return scope;
  }

  async #from(request: object, options: FromOptions): Promise<Session<Data>> {
    checkOptions(options, FROM_OPTIONS);
    const { onInvalid } = options;
    if (onInvalid !== undefined && !isOnInvalid(onInvalid)) {
      const expected = 'sessions.from() expected onInvalid "throw", "reset" or "keep"';
      throw new SessionUsageError(`${expected}, got ${describeGiven(onInvalid)}.`);
    }
    const scope = this.#scopes.get(linkTargetOf(request));
    if (scope) return scope.load(onInvalid);
    throw new SessionUsageError(describeUnseen(request));
  }

  async #open(cookieHeader: string | null | undefined): Promise<Session<Data>> {
    checkCookieHeader(cookieHeader);
    const session = await this.#parts.opener.open(cookieHeader ?? undefined);
    session.noteNoResponse();
    return session;
  }

  async #create(data: Partial<Data>): Promise<Session<Data>> {
    if (!isPlainObject(data)) {
      throw new SessionUsageError(
        `sessions.create() expected the data as an object, got ${describeKind(data)}.`,
      );
    }
    const session = await this.#parts.opener.begin();
    session.sessionData.take(data);
    await session.save();
    return session;
  }

  async #pageOf(userId: string, range: UserIndexRange): Promise<UserIndexPage> {
    const { records } = this.#parts;
    const stateOf: ListedStateOf = (at, deadline) => records.listedState(at, userId, deadline);
    return this.#requireUsers().page(userId, range, () => this.#deadline(), stateOf);
  }

  /**
   * Counts the sessions that each step ends, and emits them.
   *
   * @param userId `undefined`: all users.
   */
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
    const { events } = this.#parts;
    events.emit("revoked", { userId, count: ended.length, sessions: ended.map((at) => events.nameOf(at)) });
  }

  #requireUsers(): UserSessions {
    if (this.#parts.users) return this.#parts.users;
    throw new ImproperlyConfigured("sessions.store", noIndex(this.#parts.store));
  }

  #deadline(): Deadline {
    return new Deadline(this.#parts.services.deadline, this.#parts.services.clock);
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
    isCurrent: ref === currentRef,
  };
}
