import { checkFunction } from "../core/calls.ts";
import { Deadline } from "../core/deadlines.ts";
import {
  isStoreError,
  SessionConflictError,
  SessionInterrupted,
  SessionTooLargeError,
  SessionUsageError,
  type StoreConnectionError,
  type StoreServiceError,
} from "../core/errors.ts";
import type { SessionKey } from "../core/ids.ts";
import { throwUnknown } from "../stores/partial-failures.ts";
import { checkLoginOptions, checkUserId, isUserId, type LoginOptions, type UserId } from "./login/auth.ts";
import { Conflicts } from "./data/conflicts.ts";
import { explainAssignments, refuseCallbacks } from "./explain-assignments.ts";
import { logIn } from "./login/login.ts";
import { mergeDelta, type OnConflict } from "./data/merge.ts";
import type { MoveReason } from "./stored/moved-keys.ts";
import { OperationQueue } from "./operation-queue.ts";
import type { StoredSession } from "./stored/record-writer.ts";
import type { ResponseStart } from "./http/request-contract.ts";
import { type CookieChange, type KeySource, ResponseCookie } from "./http/response-cookie.ts";
import { SessionData } from "./data/session-data.ts";
import { type Delta, type Facts, SessionRecord } from "./record/session-record.ts";
import type { UntypedData } from "./session-settings.ts";
import type { SessionState } from "./session-state.ts";
import { SessionView } from "./session-view.ts";
import { endsWithBrowser, EXPIRY_KEY } from "./record/timeouts.ts";
import type { Creation } from "./users/user-sessions.ts";

/**
 * A visitor's session, as one request sees it.
 *
 * Changes to {@link data} are saved just before the response is sent, merged with concurrent
 * changes of other requests. `update`, `save`, `cycleKey`, `flush`, `login` and `logout` act at
 * once.
 *
 * Each of these throws {@link StoreConnectionError} or {@link StoreServiceError} when the store
 * fails, and {@link SessionInterrupted} when the session was ended or given a new key meanwhile. A
 * failure that the handler does not await fails the response.
 */
export class Session<Data extends object = UntypedData> extends SessionView<Data> {
  readonly #state: SessionState<Data>;
  readonly #queue: OperationQueue;
  readonly #cookie: ResponseCookie;
  /** Reason why the browser's cookie can no longer be set; `undefined` while it can. */
  #whyNoCookie: string | undefined;
  #hasResponse = true;
  #isInterrupted = false;
  /** The last key that this request gave the session. */
  #ownKey: SessionKey | undefined;
  /** This request itself has ended the session that it came with. */
  #hasEnded = false;

  /** @internal */
  constructor(state: SessionState<Data>) {
    super(state);
    this.#state = state;
    this.#queue = new OperationQueue(() => this.#noteInterruption());
    this.#cookie = new ResponseCookie(state);
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
    return this.#enqueue(async (deadline) => {
      checkFunction(fn, "The argument of session.update()", SessionUsageError);
      const pending = this.#state.data.delta();
      let result: Result | undefined;
      const change = (newest: SessionRecord, onConflict: OnConflict) => {
        const base = mergeDelta(pending, this.#state.data, newest, onConflict);
        const draft = new SessionData<Data>(base);
        draft.applyDefaults(withoutKeysOf(base, this.#state.data.defaults));
        result = fn(draft.object);
        if (isThenable(result)) {
          throw new SessionUsageError(
            "session.update() expected a synchronous function, got one that returns a promise. Await first, then update.",
          );
        }
        const delta = draft.delta();
        return pending.size === 0 && delta.size === 0 ? undefined : base.with(delta);
      };
      await this.#commit(pending, change, deadline, { absorb: true });
      return result as Result;
    });
  }

  /**
   * Saves the changes made so far at once instead of with the response. Does nothing without
   * changes.
   */
  save(): Promise<void> {
    return this.#enqueue((deadline) => this.#save(this.#state.data.delta(), deadline));
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
    return this.#enqueue(async (deadline) => {
      const found = await this.#cookie.lookUp(deadline);
      if (found === undefined) return false;
      await this.#noteSeen(deadline);
      return this.#state.services.records.touch(found, deadline);
    });
  }

  /**
   * Asks the store whether the session still exists and its user is still logged in: for sockets
   * and long streams, which outlive a logout or `sessions.revokeUser()`. A session whose key was
   * renewed still exists for callers that ask within a minute.
   */
  isAlive(): Promise<boolean> {
    return this.#enqueue(async (deadline) => (await this.#cookie.lookUp(deadline)) !== undefined);
  }

  /**
   * Gives the session a new key and keeps its data. Call it when the visitor's rights change. The
   * old key is dead once it returns; changes made so far are saved. A late request with the old key
   * is treated as anonymous.
   */
  cycleKey(): Promise<void> {
    const deadline = this.#newDeadline();
    const creation = this.#creation(this.userId, deadline);
    return this.#enqueue(() => this.#cycleKey("cycled", {}, creation, deadline), deadline);
  }

  /**
   * @internal Gives the session a new key, as `sessions.renewEvery` does. The visitor's rights are
   *   unchanged, so requests with the old key find the session for a minute.
   */
  renewKey(): Promise<void> {
    return this.#enqueue((deadline) => this.#cycleKey("renewed", {}, this.#creation(), deadline));
  }

  /**
   * Deletes the session and its data, even if another request has given it a new key. The browser's
   * cookie is cleared. Data that is set afterwards begins a new session.
   */
  flush(): Promise<void> {
    return this.#enqueue(async (deadline) => {
      const { records, throttle, events } = this.#state.services;
      this.#demandCookieToCarry("Ending a session");
      const { stored, origin } = this.#state;
      if (stored) {
        await records.delete(stored, deadline);
        throttle.forget(stored.key);
        events.emit("flushed", { session: events.nameOf(stored.storageKey) });
      }
      let isPartDone = stored !== undefined;
      for (const key of origin.presentedKeys.filter((each) => each !== stored?.key)) {
        await (isPartDone
          ? records.endKey(key, deadline).catch(throwUnknown)
          : records.endKey(key, deadline));
        isPartDone = true;
      }
      this.#end();
    });
  }

  /** Ends the login: {@link flush}, as in Django. */
  logout(): Promise<void> {
    return this.flush();
  }

  /**
   * Logs the user in. The session gets a new key (an attacker may know the old one: session
   * fixation); the old one is dead once this returns.
   *
   * @param userId Stored as text. Authenticate the user first.
   * @throws {SessionUsageError} For an invalid id, or when the response headers were already sent.
   */
  login(userId: UserId, options: LoginOptions = NO_OPTIONS): Promise<void> {
    const deadline = this.#newDeadline();
    const creation = this.#creation(isUserId(userId) ? String(userId) : undefined, deadline);
    return this.#enqueue(async () => {
      const id = checkUserId(userId, "session.login");
      if (options !== NO_OPTIONS) checkLoginOptions(options);
      this.#demandCookie("login");
      if (this.#state.stored === undefined) this.#demandBeginning();
      const pending = this.#state.data.delta();
      const { kind, stored } = await logIn(this.#state.services, {
        userId: id,
        options,
        stored: this.#state.stored,
        presentedKey: this.#state.origin.presentedKeys[0],
        pending,
        seen: this.#state.data,
        creation,
        deadline,
      });
      if (kind === "begun") this.#forget();
      if (kind === "moved") this.#state.data.markSaved(pending);
      this.#adopt(stored, "login");
      const { events } = this.#state.services;
      if (kind !== "joined") events.emit("login", { session: events.nameOf(stored.storageKey), userId: id });
    }, deadline);
  }

  /** @internal */
  get cookieChange(): CookieChange {
    return this.#cookie.change;
  }

  /** @internal Resolves when all operations called so far have settled. */
  get settled(): Promise<unknown> {
    return this.#queue.idle;
  }

  /** @internal From here on, operations that need a cookie are refused. */
  noteHeadersSent(): void {
    this.#whyNoCookie ??= HEADERS_SENT;
  }

  /**
   * @internal Without a response no session begins, and none whose cookie carries the record
   *   changes.
   */
  noteNoResponse(): void {
    this.#hasResponse = false;
    if (this.#state.services.carried) this.#whyNoCookie = NO_RESPONSE;
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
    const saving = this.#finishData(response);
    return saving
      ? saving.then(
          () => this.#confirmCookie(),
          (error: unknown) => this.#fail(error),
        )
      : this.#confirmCookie();
  }

  /** A failed save sets no cookie for a key made by another request; the next response sets it. */
  #fail(error: unknown): never {
    if (this.#hasOthersKey) this.#cookie.decide("none");
    throw error;
  }

  #finishData({ status, isClientGone = false }: ResponseStart): Promise<void> | undefined {
    // RFC 9110 section 15.6: the server has failed, so the handler's changes cannot be relied on.
    if (status >= 500) return undefined;
    // The error page of an interruption that the handler has handled: another save would be
    // interrupted too.
    if (status >= 400 && this.#isInterrupted) return undefined;
    const renewal = isClientGone ? undefined : this.#finishRenewal();
    return renewal ?? this.#finishChanges() ?? this.#finishRewrite() ?? this.#finishTouch();
  }

  async #cycleKey(reason: MoveReason, facts: Facts, creation: Creation, deadline: Deadline): Promise<void> {
    const pending = this.#state.data.delta();
    const { records, events } = this.#state.services;
    const stored = this.#state.stored;
    if (stored === undefined) return this.#save(pending, deadline);
    this.#demandCookie("cycleKey");
    const conflicts = new Conflicts();
    const change = (newest: SessionRecord) =>
      conflicts.merge(pending, this.#state.data, newest).withFacts(facts);
    const result = await records.move(stored, { reason, change, creation }, deadline);
    if (result.status === "ended") return this.#endByExpiry(pending);
    if (result.status === "gone" && reason !== "renewed") throw new SessionInterrupted();
    // Another request is renewing the key: the changes follow the session to its new key.
    if (result.status !== "moved") return this.#save(pending, deadline);
    conflicts.emit(events);
    this.#state.data.markSaved(pending);
    events.emit("cycled", {
      session: events.nameOf(result.stored.storageKey),
      previous: events.nameOf(stored.storageKey),
    });
    const isReachable = this.#cookie.keySource === "renewal" || stored.key === this.#state.origin.stored?.key;
    this.#adopt(result.stored, reason === "renewed" && isReachable ? "renewal" : "other");
  }

  #finishRenewal(): Promise<void> | undefined {
    const { renewEvery, clock } = this.#state.services;
    if (renewEvery === null || this.#whyNoCookie !== undefined || !this.isAuthenticated) return undefined;
    const { renewed, authenticated, created } = this.#state.record.facts;
    const now = clock.now();
    if (now - (renewed ?? authenticated ?? created ?? now) < renewEvery) return undefined;
    return this.#enqueue(async (deadline) => {
      const renew = () => this.#cycleKey("renewed", { renewed: now }, this.#creation(), deadline);
      // A request that has only read does not need the renewal: another one has renewed the key.
      if (this.#state.data.delta().size > 0) await renew();
      else await this.#tolerate(renew);
    });
  }

  #finishChanges(): Promise<void> | undefined {
    try {
      const delta = this.#state.data.delta();
      if (delta.size === 0) return undefined;
    } catch (error) {
      return this.#enqueue(async () => {
        throw error;
      });
    }
    return this.#enqueue(async (deadline) => {
      const isDue = this.#isActivityDue;
      if (isDue) await this.#noteSeen(deadline);
      await this.#save(this.#state.data.delta(), deadline);
      if (isDue && this.#state.stored) this.#state.services.throttle.mark(this.#state.stored.key);
      if (isDue) this.#renewCookie();
      this.#cookie.noteConfirmed();
    });
  }

  /** Rewrites a record made with a fallback secret while that secret is still accepted. */
  #finishRewrite(): Promise<void> | undefined {
    if (this.#state.stored?.version.isOutdated !== true || !this.#canWrite) return undefined;
    return this.#rewrite();
  }

  #rewrite(): Promise<void> {
    return this.#enqueue(async (deadline) => {
      await this.#tolerate(() => this.#commit(new Map(), (newest) => newest, deadline));
    });
  }

  /** Whether a write can reach its store: a record in the cookie needs a cookie. */
  get #canWrite(): boolean {
    return this.#state.services.carried === undefined || this.#whyNoCookie === undefined;
  }

  /** Whether this request has to extend the session, renew its cookie and record its activity. */
  get #isActivityDue(): boolean {
    const { stored } = this.#state;
    return stored !== undefined && this.#state.services.throttle.isDue(stored);
  }

  #finishTouch(): Promise<void> | undefined {
    const { throttle, extendsOnRead, carried } = this.#state.services;
    const stored = this.#state.stored;
    if (stored === undefined || !this.#isActivityDue) return undefined;
    if (carried) return this.#canWrite ? this.#rewrite() : undefined;
    if (!extendsOnRead && !this.isAuthenticated) return undefined;
    const hasCookie = this.#whyNoCookie === undefined;
    // Without a cookie the next request is due as well: the browser's copy has to live as long as
    // the record.
    if (hasCookie) throttle.mark(stored.key);
    return this.#enqueue(async (deadline) => {
      await this.#noteSeen(deadline);
      if (!extendsOnRead) return;
      const isThere = await this.#tolerate(() => this.#state.services.records.touch(stored, deadline));
      if (isThere !== true || !hasCookie) return;
      this.#renewCookie();
      this.#cookie.noteConfirmed();
    });
  }

  #confirmCookie(): Promise<void> | undefined {
    if (!this.#cookie.isUncertain || this.#whyNoCookie !== undefined || this.#state.services.carried)
      return undefined;
    return this.#enqueue(async (deadline) => {
      const isAsked = await this.#tolerate(async () => {
        await this.#cookie.confirm(deadline);
        return true;
      });
      // Without an answer, a key that this request did not make may be dead by now: the next
      // response sends its cookie.
      if (isAsked !== true && this.#hasOthersKey) this.#cookie.decide("none");
      this.#cookie.noteConfirmed();
    });
  }

  /**
   * Whether the new cookie has a key that this request did not make but found, directly or by
   * following a move.
   */
  get #hasOthersKey(): boolean {
    const { stored } = this.#state;
    return this.#cookie.change === "set" && stored !== undefined && stored.key !== this.#ownKey;
  }

  async #noteSeen(deadline: Deadline): Promise<void> {
    const stored = this.#state.stored;
    if (stored)
      await this.#tolerate(() =>
        this.#state.services.records.recordActivity(stored, this.#state.origin.userAgent, deadline),
      );
  }

  /** Runs an operation that only keeps the session fresh: its failure does not fail the request. */
  async #tolerate<Result>(operation: () => Promise<Result>): Promise<Result | undefined> {
    const { throttle, events } = this.#state.services;
    try {
      return await operation();
    } catch (error) {
      if (this.#state.stored) throttle.forget(this.#state.stored.key);
      // The session has ended meanwhile; a request that has only read does not depend on it.
      if (error instanceof SessionInterrupted) return undefined;
      if (!isTolerable(error)) throw error;
      events.emit("touchFailed", { error });
      return undefined;
    }
  }

  /** @param deadline Starts at the call: time spent in the queue counts. */
  #enqueue<Result>(
    operation: (deadline: Deadline) => Promise<Result>,
    deadline: Deadline = this.#newDeadline(),
  ): Promise<Result> {
    return this.#queue.run(() => operation(deadline));
  }

  #newDeadline(): Deadline {
    const { deadline, clock } = this.#state.services;
    return new Deadline(deadline, clock);
  }

  #noteInterruption(): void {
    this.#isInterrupted = true;
    const { events } = this.#state.services;
    // The session no longer exists under its key.
    if (this.#cookie.change === "set") this.#cookie.decide("none");
    if (this.#state.stored)
      events.emit("interrupted", { session: events.nameOf(this.#state.stored.storageKey) });
  }

  async #save(pending: Delta, deadline: Deadline): Promise<void> {
    if (pending.size === 0) return;
    await this.#commit(
      pending,
      (newest, onConflict) => mergeDelta(pending, this.#state.data, newest, onConflict),
      deadline,
    );
  }

  /** Writes on top of the stored record, or begins a session. */
  async #commit(
    pending: Delta,
    change: (newest: SessionRecord, onConflict: OnConflict) => SessionRecord | undefined,
    deadline: Deadline,
    { absorb = false } = {},
  ): Promise<void> {
    const stored = this.#state.stored;
    if (stored === undefined) return this.#begin(pending, change, deadline);
    this.#demandCookieToCarry("Saving a session");
    const { records, events } = this.#state.services;
    const conflicts = new Conflicts();
    const committed = await records.commit(stored, (newest) => conflicts.collect(newest, change), deadline);
    conflicts.emit(events);
    this.#state.data.markSaved(pending);
    if (committed.stored === undefined) return this.#endByExpiry(pending);
    this.#state.stored = committed.stored;
    const { record } = committed.stored.version;
    if (absorb || committed.hasOthers) this.#state.data.rebaseOnto(record);
    if (!committed.isWritten) return;
    const isCookieOutdated =
      committed.stored.key !== stored.key || hasOtherExpiry(stored.version.record, record);
    if (this.#state.services.carried || isCookieOutdated) this.#cookie.decide("set");
    // As in Django: each save extends the session, and nothing else does.
    else if (!this.#state.services.extendsOnRead) this.#renewCookie();
  }

  /** Sends a cookie that has a Max-Age again, so that it lives as long as the session. */
  #renewCookie(): void {
    const { stored, services } = this.#state;
    if (stored && !endsWithBrowser(stored.version.record, services.timeouts)) this.#cookie.decide("set");
  }

  async #begin(
    pending: Delta,
    change: (newest: SessionRecord, onConflict: OnConflict) => SessionRecord | undefined,
    deadline: Deadline,
  ): Promise<void> {
    const record = change(SessionRecord.empty, () => {});
    if (record === undefined || record.isEmpty) return;
    this.#demandCookie("Saving a new session");
    if (!this.#hasResponse)
      throw new SessionUsageError(`Saving a new session needs to send a cookie, but ${NO_RESPONSE}`);
    this.#demandBeginning();
    await this.#demandNoDeparture(deadline);
    const stored = await this.#state.services.records.create(record, this.#creation(), deadline);
    this.#state.data.markSaved(pending);
    if (stored === undefined) return this.#forget();
    this.#adopt(stored);
    // Only this response knows the key.
    if (this.#state.origin.presentedKeys.length === 0) this.#cookie.noteConfirmed();
    const { events } = this.#state.services;
    events.emit("created", { session: events.nameOf(stored.storageKey) });
  }

  /**
   * Refuses to begin a session for a late request with a key that was just replaced or ended: its
   * cookie would replace the newer one.
   */
  async #demandNoDeparture(deadline: Deadline): Promise<void> {
    if (this.#hasEnded) return;
    const { services, origin } = this.#state;
    if (origin.hasDeparted) throw new SessionInterrupted();
    for (const key of origin.presentedKeys)
      if ((await services.records.departureOf(key, deadline)) !== undefined) throw new SessionInterrupted();
  }

  /**
   * @param userId User of a creation that may have to wait in the queue. The creation begins now,
   *   so a later revocation of the user ends the session.
   */
  #creation(userId?: string, deadline?: Deadline): Creation {
    const { userAgent } = this.#state.origin;
    if (userId === undefined || deadline === undefined) return { userAgent };
    const epoch = this.#state.services.records.epochOf(userId, deadline);
    // The creation reports its failure, if it gets that far.
    epoch?.catch(() => {});
    return epoch ? { userAgent, epoch } : { userAgent };
  }

  #adopt(stored: StoredSession, keySource: KeySource = "other"): void {
    this.#isInterrupted = false;
    this.#ownKey = stored.key;
    this.#state.stored = stored;
    this.#state.data.rebaseOnto(stored.version.record);
    this.#cookie.take(keySource);
    this.#state.services.throttle.mark(stored.key);
  }

  /**
   * Leaves a session that had expired when it was to be written.
   *
   * @throws {SessionInterrupted} Unless this request set that expiry: then it may begin another
   *   session.
   */
  #endByExpiry(pending: Delta): void {
    this.#leave();
    if (!pending.has(EXPIRY_KEY)) throw new SessionInterrupted();
    this.#hasEnded = true;
  }

  /** Marks the session as ended by this request. */
  #end(): void {
    this.#leave();
    this.#hasEnded = true;
  }

  /** Forgets an ended session and clears its cookie. */
  #leave(): void {
    this.#forget();
    if (this.#state.origin.hasCookie) this.#cookie.decide("clear");
  }

  #forget(): void {
    this.#state.stored = undefined;
    this.#state.isNew = true;
    this.#cookie.decide("none");
    this.#state.data.replace(SessionRecord.empty);
  }

  /** Refuses to begin a session that would replace one whose cookie the browser withheld. */
  #demandBeginning(): void {
    const { hasCookie, mayBegin } = this.#state.origin;
    if (!hasCookie && mayBegin?.() === false) throw new SessionInterrupted(FROM_OTHER_SITE);
  }

  /** Demands a cookie if it carries the record: then every write has to send it. */
  #demandCookieToCarry(action: string): void {
    if (this.#state.services.carried) this.#demandCookie(action);
  }

  #demandCookie(action: string): void {
    if (this.#whyNoCookie === undefined) return;
    throw new SessionUsageError(`${action} needs to send a cookie, but ${this.#whyNoCookie}`);
  }
}

explainAssignments(SessionView, Session);
refuseCallbacks(Session.prototype, ["save", "touch", "isAlive", "cycleKey", "flush", "logout"]);

const NO_OPTIONS: LoginOptions = {};

const HEADERS_SENT =
  "the response headers were already sent. " +
  "Do it before the response starts (before writeHead, write, flushHeaders or the first chunk of a stream).";

const FROM_OTHER_SITE =
  "A page of another site sent this request, without the session's cookie: the browser may have withheld the cookie of " +
  "a login (SameSite), and a new session would replace it. Nothing was saved. If that site may begin sessions " +
  "(a login or a payment that returns by POST), name it in the adapter's crossSite: { trustedOrigins }.";

const NO_RESPONSE =
  "sessions.open() has no response to send it with. Change the session in a request, or make a session without a browser " +
  "by sessions.create().";

type Tolerable = StoreConnectionError | StoreServiceError | SessionTooLargeError | SessionConflictError;

/** Returns whether an error must not fail a request that has changed nothing. */
function isTolerable(error: unknown): error is Tolerable {
  return (
    isStoreError(error) || error instanceof SessionTooLargeError || error instanceof SessionConflictError
  );
}

/** Defaults apply to missing keys only. */
function withoutKeysOf(record: SessionRecord, assumptions: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(assumptions).filter(([key]) => !record.members.has(key)));
}

function hasOtherExpiry(before: SessionRecord, after: SessionRecord): boolean {
  return before.members.get(EXPIRY_KEY)?.text !== after.members.get(EXPIRY_KEY)?.text;
}

function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
