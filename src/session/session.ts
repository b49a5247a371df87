import { checkFunction, describeGiven } from "../core/calls.ts";
import type { Deadline } from "../core/deadlines.ts";
import { describeKind } from "../core/descriptions.ts";
import { type Duration, DURATION_EXPECTED, toMilliseconds } from "../core/durations.ts";
import { SessionUsageError } from "../core/errors.ts";
import type { SessionKey } from "../core/ids.ts";
import { writeForComparison } from "../json/index.ts";
import { addFlash, type FlashMessage, takeFlash } from "./data/flash.ts";
import type { SessionData } from "./data/session-data.ts";
import { EndListeners } from "./endings/end-listeners.ts";
import type { SessionEndReason } from "./endings/session-endings.ts";
import { explainAssignments, refuseCallbacks } from "./explain-assignments.ts";
import type { ResponseStart, UseListener } from "./http/request-contract.ts";
import type { CookieChange } from "./http/response-cookie.ts";
import {
  checkLoginOptions,
  checkUserId,
  isUserId,
  type LoginOptions,
  type UserId,
  userIdOf,
} from "./login/auth.ts";
import { OperationQueue } from "./operation-queue.ts";
import type { SessionRecord } from "./record/session-record.ts";
import { type Expiry, EXPIRY_KEY, timeToLive, toExpiryMember } from "./record/timeouts.ts";
import { SessionFinisher } from "./session-finisher.ts";
import type { UntypedData } from "./session-settings.ts";
import type { SessionState } from "./session-state.ts";
import { SessionWriter } from "./session-writer.ts";
import type { EarlierCookies } from "./take-over/earlier-sessions.ts";
import { refOf } from "./users/user-sessions.ts";

// Django's names (`SessionBase.TEST_COOKIE_NAME` and `TEST_COOKIE_VALUE`).
const TEST_COOKIE_KEY = "testcookie";
const TEST_COOKIE_VALUE = "worked";

/**
 * A visitor's session, as one request sees it.
 *
 * Changes to {@link data} are saved just before the response is sent, merged with concurrent
 * changes of other requests. `update`, `save`, `cycleKey`, `login` and `logout` act at once.
 *
 * Each of these throws {@link StoreConnectionError} or {@link StoreServiceError} when the store
 * fails, and {@link SessionInterrupted} when the session was ended or given a new key meanwhile. A
 * failure that the handler does not await fails the response.
 */
export class Session<Data extends object = UntypedData> {
  readonly #state: SessionState<Data>;
  readonly #writer: SessionWriter<Data>;
  readonly #queue: OperationQueue;
  #endListeners: EndListeners | undefined = undefined;

  /** @internal */
  constructor(state: SessionState<Data>) {
    this.#state = state;
    this.#writer = new SessionWriter(state);
    this.#queue = new OperationQueue(this.#writer);
  }

  /**
   * The visitor's data: a plain object, changed in place. JSON values only. It includes Django's
   * keys (`_auth_*`).
   */
  get data(): Data {
    this.#state.useListener?.noteUse();
    return this.#state.data.object;
  }

  set data(_data: never) {
    throw new SessionUsageError(
      "session.data cannot be replaced. Assign to its properties, or call session.flush() to empty it.",
    );
  }

  /** Whether the request came without a session that still exists. */
  get isNew(): boolean {
    return this.#state.isNew;
  }

  /** Whether the session has no data. */
  get isEmpty(): boolean {
    return this.#state.data.isEmpty;
  }

  /** The id given to {@link login}, as text; `undefined` for an anonymous visitor. */
  get userId(): string | undefined {
    return userIdOf(this.#state.record);
  }

  get isAuthenticated(): boolean {
    return this.userId !== undefined;
  }

  /**
   * Time of the login; `undefined` for an anonymous visitor, and for a login by Django, which
   * records no time.
   */
  get authenticatedAt(): Date | undefined {
    const { authenticated } = this.#state.record.metadata;
    return this.isAuthenticated && authenticated !== undefined ? new Date(authenticated) : undefined;
  }

  /**
   * Returns whether the login is at most this old: ask for the password again before critical
   * actions.
   *
   * @throws {SessionUsageError} For an invalid duration.
   */
  isFresh(maxAge: Duration): boolean {
    const span = toMilliseconds(maxAge);
    if (span === undefined) {
      throw new SessionUsageError(
        `session.isFresh() expected ${DURATION_EXPECTED}, got ${describeGiven(maxAge)}.`,
      );
    }
    const at = this.authenticatedAt?.getTime() ?? Number.NEGATIVE_INFINITY;
    return this.#state.services.clock.now() - at <= span;
  }

  /**
   * Public name of the session, not its key; see `sessions.ofUser`. `undefined` while it is not
   * stored.
   */
  get ref(): string | undefined {
    return this.#state.stored && refOf(this.#state.stored.storageKey);
  }

  /** Name of the session in events, see `sessions.on`; `undefined` while it is not stored. */
  get eventName(): string | undefined {
    return this.#state.stored && this.#state.services.events.nameOf(this.#state.stored.storageKey);
  }

  /** End of the session if the visitor does not return. Unsaved changes count. */
  get expiryDate(): Date {
    const now = this.#state.services.clock.now();
    return new Date(now + timeToLive(this.#pendingRecord(), this.#state.services.timeouts, now));
  }

  /**
   * The Cookie header that a browser would send for this session, for tests and jobs; `undefined`
   * while it is not stored. It is a secret: its holder is treated as the visitor.
   */
  get cookieHeader(): string | undefined {
    const { cookieValue: value, home, services } = this.#state;
    return value && (home.cookies?.headerOf(value) ?? `${services.cookieName}=${value}`);
  }

  /**
   * Sets the end of this session, in Django's forms: whole seconds without a request (0: when the
   * browser closes), text such as `"30m"` from now, a date, or `null` for the settings' default. It
   * is saved with the data. The end has to lie in the years 1 to 9999, or before 9900 for seconds:
   * Django cannot read others.
   *
   * @throws {SessionUsageError} For any other value.
   */
  setExpiry(expiry: Expiry): void {
    const { clock, timeouts } = this.#state.services;
    const member = toExpiryMember(expiry, clock.now(), timeouts.zone);
    const data = this.data as Record<string, unknown>;
    if (member === undefined) delete data[EXPIRY_KEY];
    else data[EXPIRY_KEY] = member;
  }

  /**
   * Leaves a message for the next page that takes it.
   *
   * @param kind Chosen by the application, such as `success` or `error`.
   */
  flash(kind: string, message: string): void {
    if (typeof kind !== "string" || typeof message !== "string") {
      const got = `${describeKind(kind)} and ${describeKind(message)}`;
      throw new SessionUsageError(`session.flash() expected a kind and a message, both texts, got ${got}.`);
    }
    addFlash(this.data, kind, message);
  }

  /** Returns and removes the messages of one kind, or of all, in the order they were added. */
  takeFlash(kind?: string): FlashMessage[] {
    return takeFlash(this.data, kind);
  }

  /** Django's `set_test_cookie`: the next request shows whether the browser keeps cookies. */
  setTestCookie(): void {
    (this.data as Record<string, unknown>)[TEST_COOKIE_KEY] = TEST_COOKIE_VALUE;
  }

  /** Django's `test_cookie_worked`. */
  testCookieWorked(): boolean {
    return (this.data as Record<string, unknown>)[TEST_COOKIE_KEY] === TEST_COOKIE_VALUE;
  }

  /** Django's `delete_test_cookie`. */
  deleteTestCookie(): void {
    delete (this.data as Record<string, unknown>)[TEST_COOKIE_KEY];
  }

  /**
   * Changes the session's data atomically and saves it at once, with all earlier changes.
   *
   * @param fn Changes the given data. It must be synchronous and pure: when another request wrote
   *   first, it runs again on that request's data.
   * @returns The result of `fn`. Nothing is saved when it throws or changes nothing.
   * @throws {SessionConflictError} When other requests kept writing first until the deadline.
   */
  update<Result>(fn: (data: Data) => Result): Promise<Result> {
    return this.#enqueue((deadline) => this.#writer.update(fn, deadline));
  }

  /**
   * Saves the changes made so far at once instead of with the response. Does nothing without
   * changes.
   */
  save(): Promise<void> {
    return this.#enqueue((deadline) => this.#writer.save(this.#state.data.delta(), deadline));
  }

  /**
   * Extends the session as a request does: for sockets, long streams and jobs, which send no
   * cookie. The browser's cookie keeps its own age. It costs two commands, and one for the list of
   * a logged-in user.
   *
   * @returns Whether the session still exists, as {@link isAlive} reports it. `false` for a session
   *   that is not stored.
   */
  touch(): Promise<boolean> {
    return this.#enqueue((deadline) => this.#writer.touch(deadline));
  }

  /**
   * Asks the store whether the session still exists and its user is still logged in: for sockets
   * and long streams, which outlive a logout or `sessions.revokeUser()`. A session whose key was
   * renewed still exists for callers that ask within a minute.
   */
  isAlive(): Promise<boolean> {
    return this.#enqueue(async (deadline) => (await this.#state.find(deadline)) !== undefined);
  }

  /**
   * Reads the newest record into this object: for each event of a socket, and for long streams.
   * Unsaved changes are kept and merged as `save` would, with an event `conflict` where both sides
   * changed a part. Objects in {@link data} are changed in place. It costs one command.
   *
   * @returns Whether the session still exists, as {@link isAlive} reports it. `false` for a session
   *   that is not stored; nothing is changed then.
   * @throws {NotJsonError} When an unsaved change is not JSON.
   */
  reload(): Promise<boolean> {
    return this.#enqueue((deadline) => this.#writer.reload(deadline));
  }

  /**
   * Calls a listener once this session has ended, or a `login` or `cycleKey` of another request has
   * changed the visitor's rights: for sockets and long streams. A renewed key is followed.
   *
   * Ends by this process are told at once, all others only while `sessions.watch()` is on. The
   * listener is called once, soon after; what this object itself does is told too, but for its own
   * `login` and `cycleKey`. A session that is not stored has no end.
   *
   * @param listener Gets the {@link SessionEndReason}.
   * @returns A function that removes the listener.
   */
  onEnded(listener: (reason: SessionEndReason) => void): () => void {
    checkFunction(listener, "The argument of session.onEnded()", SessionUsageError);
    this.#endListeners ??= new EndListeners(this.#state, (operation) => this.#enqueue(operation));
    return this.#endListeners.add(listener);
  }

  /**
   * Ends the use of this object, as of a socket that was closed: removes all listeners of
   * {@link onEnded}, and waits for the calls that are under way. The session lives on. Unsaved
   * changes are dropped, except in a request, whose response saves them.
   */
  async close(): Promise<void> {
    this.#endListeners?.close();
    await this.#queue.idle;
  }

  /**
   * Gives the session a new key and keeps its data. Call it when the visitor's rights change. The
   * old key is dead once it returns; changes made so far are saved. A late request with the old key
   * is treated as anonymous.
   */
  cycleKey(): Promise<void> {
    const deadline = this.#state.newDeadline();
    const creation = this.#writer.creation(this.userId, deadline);
    return this.#enqueue(() => this.#writer.cycleKey("cycled", { creation, deadline }), deadline);
  }

  /**
   * @internal Gives the session a new key, as `sessions.renewEvery` does. The visitor's rights are
   *   unchanged, so requests with the old key find the session for a minute.
   */
  renewKey(): Promise<void> {
    return this.#enqueue((deadline) => {
      const creation = this.#writer.creation();
      return this.#writer.cycleKey("renewed", { creation, deadline });
    });
  }

  /**
   * Logs the user in. The session gets a new key (an attacker may know the old one: session
   * fixation); the old one is dead once this returns.
   *
   * @param userId Stored as text. Authenticate the user first.
   * @throws {SessionUsageError} For an invalid id, or when the response headers were already sent.
   */
  login(userId: UserId, options: LoginOptions = NO_OPTIONS): Promise<void> {
    const deadline = this.#state.newDeadline();
    const creation = this.#writer.creation(isUserId(userId) ? String(userId) : undefined, deadline);
    return this.#enqueue(async () => {
      const id = checkUserId(userId, "session.login");
      if (options !== NO_OPTIONS) checkLoginOptions(options);
      await this.#writer.login(id, { options, creation, deadline });
    }, deadline);
  }

  /**
   * Ends the login: deletes the session and its data, even if another request has given it a new
   * key. The browser's cookie is cleared. Data that is set afterwards begins a new session.
   */
  logout(): Promise<void> {
    return this.#enqueue((deadline) => this.#writer.end(deadline));
  }

  /** Django's name of {@link logout}. */
  flush(): Promise<void> {
    return this.logout();
  }

  /** @internal */
  get cookieChange(): CookieChange {
    return this.#state.cookie.change;
  }

  /** @internal Resolves when all operations called so far have settled. */
  get settled(): Promise<unknown> {
    return this.#queue.idle;
  }

  /** @internal From here on, operations that need a cookie are refused. */
  noteHeadersSent(): void {
    this.#state.cookie.lock(HEADERS_SENT);
  }

  /** @internal Without a response no session begins, and none in a cookie changes. */
  noteNoResponse(): void {
    this.#state.cookie.noteNoResponse();
    this.#queue.isUnattended = true;
  }

  /**
   * @internal Saves deferred changes, or extends the session, before the response leaves.
   * @returns `undefined` when there is nothing to wait for. Rejects when the response has to become
   *   an error.
   */
  finish(response: ResponseStart): Promise<void> | undefined {
    if (response.headersSent) this.noteHeadersSent();
    if (this.#queue.isBusy) return this.#queue.idle.then(() => this.finish(response));
    const failure = this.#queue.takeFailure();
    if (failure) return failure.then(() => {});
    return new SessionFinisher(this.#state, this.#writer, this.#queue).finish(response);
  }

  /** @internal Asks the store whether the cookie may still be sent, once all operations have settled. */
  async confirmCookie(): Promise<void> {
    await this.#queue.idle;
    await new SessionFinisher(this.#state, this.#writer, this.#queue).confirmCookie();
  }

  /** @internal Value of the cookie. A secret. */
  get cookieValue(): string | undefined {
    return this.#state.cookieValue;
  }

  /** @internal Key under which the session is stored. A secret. */
  get storedAt(): SessionKey | undefined {
    return this.#state.stored?.storageKey;
  }

  /** @internal Cookies of another library, by one of which the session was found. */
  get earlierCookies(): EarlierCookies | undefined {
    return this.#state.origin.earlier;
  }

  /** @internal Cookies of another library, in whose records the session is. */
  get homeCookies(): EarlierCookies | undefined {
    return this.#state.home.cookies;
  }

  /** @internal */
  get hasDuplicateCookies(): boolean {
    return this.#state.origin.hasDuplicates;
  }

  /** @internal */
  get record(): SessionRecord {
    return this.#state.record;
  }

  /** @internal Notifies a listener of each access to the data. */
  watchUse(listener: UseListener): void {
    this.#state.useListener = listener;
  }

  /** @internal Whether there are unsaved changes. Changes that cannot be saved count. */
  get hasChanges(): boolean {
    try {
      return this.#state.data.hasChanges;
    } catch {
      return true;
    }
  }

  /** @internal For the schema of the settings. */
  get sessionData(): SessionData<Data> {
    return this.#state.data;
  }

  /** @param deadline Starts at the call: time spent in the queue counts. */
  #enqueue<Result>(
    operation: (deadline: Deadline) => Promise<Result>,
    deadline: Deadline = this.#state.newDeadline(),
  ): Promise<Result> {
    return this.#queue.run(() => operation(deadline));
  }

  #pendingRecord(): SessionRecord {
    const expiry = (this.data as Record<string, unknown>)[EXPIRY_KEY];
    const text = expiry === undefined ? undefined : writeForComparison(expiry, EXPIRY_KEY).text;
    return this.#state.record.with(new Map([[EXPIRY_KEY, text]]));
  }
}

explainAssignments(Session);
refuseCallbacks(Session.prototype, [
  "save",
  "touch",
  "reload",
  "close",
  "isAlive",
  "cycleKey",
  "flush",
  "logout",
]);

const NO_OPTIONS: LoginOptions = {};

const HEADERS_SENT =
  "the response headers were already sent. " +
  "Do it before the response starts (before writeHead, write, flushHeaders or the first chunk of a stream).";
