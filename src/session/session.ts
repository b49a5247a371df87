import { Deadline } from "../core/deadlines.ts";
import { type Duration, DURATION_EXPECTED, toMilliseconds } from "../core/durations.ts";
import { SessionInterrupted, SessionUsageError, StoreConnectionError, StoreServiceError } from "../core/errors.ts";
import type { SessionKey } from "../core/ids.ts";
import { writeForComparison } from "../json/index.ts";
import { checkUserId, type LoginOptions, type UserId, userIdOf } from "./auth.ts";
import { Conflicts } from "./conflicts.ts";
import { addFlash, type FlashMessage, takeFlash } from "./flash.ts";
import { logIn } from "./login.ts";
import { mergeDelta, type OnConflict } from "./merge.ts";
import { SessionData } from "./session-data.ts";
import { type Delta, type Facts, SessionRecord } from "./session-record.ts";
import type { StoredSession } from "./session-records.ts";
import type { SessionServices } from "./session-services.ts";
import type { UntypedData } from "./session-settings.ts";
import { type Creation, refOf } from "./user-sessions.ts";
import { endsWithBrowser, type Expiry, EXPIRY_KEY, timeToLive, toExpiryMember } from "./timeouts.ts";

// Django's names (`SessionBase.TEST_COOKIE_NAME` and `TEST_COOKIE_VALUE`).
const TEST_COOKIE_KEY = "testcookie";
const TEST_COOKIE_VALUE = "worked";

/** What a session starts from. */
export interface SessionOrigin {
  /** Whether the request had a session cookie at all. */
  readonly hasCookie: boolean;
  /** The key that the request came with, whether or not there is a record. */
  readonly presentedKey: SessionKey | undefined;
  /** The session under that key, if there is one that can be read. */
  readonly stored: StoredSession | undefined;
  readonly userAgent: string | undefined;
}

/** What the response has to do to the browser's cookie. */
export type CookieChange = "none" | "set" | "clear";

/**
 * One visitor's session, as one request sees it.
 *
 * Changes of {@link data} are saved when the response is about to leave, merged with what other requests have written
 * meanwhile. `update`, `save`, `cycleKey`, `flush`, `login` and `logout` act at once.
 *
 * Each of these throws {@link StoreConnectionError} or {@link StoreServiceError} when the store fails, and
 * {@link SessionInterrupted} when the session was ended or given a new key meanwhile.
 */
export class Session<Data extends object = UntypedData> {
  readonly #services: SessionServices;
  readonly #data: SessionData<Data>;
  readonly #presentedKey: SessionKey | undefined;
  readonly #hasCookie: boolean;
  readonly #userAgent: string | undefined;
  #stored: StoredSession | undefined;
  #isNew: boolean;
  #cookie: CookieChange = "none";
  #areHeadersSent = false;
  /** Operations of one session run one after another. */
  #tail: Promise<unknown> = Promise.resolve();
  #running = 0;

  /** @internal */
  constructor(services: SessionServices, { hasCookie, presentedKey, stored, userAgent }: SessionOrigin) {
    this.#services = services;
    this.#hasCookie = hasCookie;
    this.#presentedKey = presentedKey;
    this.#stored = stored;
    this.#userAgent = userAgent;
    this.#isNew = stored === undefined;
    this.#data = new SessionData<Data>(this.#record);
  }

  /** The visitor's data: a plain object, changed in place. JSON values only. Django's keys (`_auth_*`) are in it too. */
  get data(): Data {
    return this.#data.object;
  }

  set data(_data: never) {
    throw new SessionUsageError(
      "session.data cannot be replaced. Assign to its properties, or call session.flush() to empty it.",
    );
  }

  /** Whether the request came without a session that is still there. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /** Whether there is no data. */
  get isEmpty(): boolean {
    return this.#data.isEmpty;
  }

  /** The id that was given to {@link login}, as text, or `undefined` for an anonymous visitor. */
  get userId(): string | undefined {
    return userIdOf(this.#record);
  }

  get isAuthenticated(): boolean {
    return this.userId !== undefined;
  }

  /** When the user logged in; `undefined` for an anonymous visitor, and for a login by Django, which does not tell. */
  get authenticatedAt(): Date | undefined {
    const { authenticated } = this.#record.facts;
    return this.isAuthenticated && authenticated !== undefined ? new Date(authenticated) : undefined;
  }

  /**
   * Whether the user logged in not longer ago than this: ask for the password again before what matters most.
   *
   * @throws {SessionUsageError} When it is no duration.
   */
  isFresh(maxAge: Duration): boolean {
    const span = toMilliseconds(maxAge);
    if (span === undefined) throw new SessionUsageError(`session.isFresh() expected ${DURATION_EXPECTED}.`);
    const at = this.authenticatedAt?.getTime() ?? Number.NEGATIVE_INFINITY;
    return this.#services.clock.now() - at <= span;
  }

  /** Names the session without being its key; see `sessions.ofUser`. `undefined` while it is not stored. */
  get ref(): string | undefined {
    return this.#stored && refOf(this.#stored.at);
  }

  /** When the session ends if the visitor does not come back. Changes that are not saved yet count. */
  get expiryDate(): Date {
    const now = this.#services.clock.now();
    return new Date(now + timeToLive(this.#pendingRecord(), this.#services.timeouts, now));
  }

  /**
   * The Cookie header that a browser would send for this session, for tests and for jobs; `undefined` while it is not
   * stored. It is a secret: who has it is the visitor.
   */
  get cookieHeader(): string | undefined {
    return this.#stored && `${this.#services.cookieName}=${this.#stored.key}`;
  }

  /**
   * Changes the session's data atomically and saves it, with all changes made before, at once.
   *
   * @param fn Changes the data it is given. It must be synchronous and pure: when another request was first it runs
   *   again, on that request's data.
   * @returns What `fn` returns. Nothing is saved when it throws, or changes nothing.
   * @throws {SessionConflictError} When other requests kept being first until the deadline.
   */
  update<Result>(fn: (data: Data) => Result): Promise<Result> {
    return this.#enqueue(async (deadline) => {
      const pending = this.#data.delta();
      let result: Result | undefined;
      const change = (newest: SessionRecord, onConflict: OnConflict) => {
        const base = mergeDelta(pending, this.#data, newest, onConflict);
        const draft = new SessionData<Data>(base);
        draft.assume(withoutKeysOf(base, this.#data.assumptions));
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

  /** Saves the changes made so far at once; the response does it otherwise. Without changes it does nothing. */
  save(): Promise<void> {
    return this.#enqueue((deadline) => this.#save(this.#data.delta(), deadline));
  }

  /**
   * Gives the session a new key and keeps its data. Call it when the visitor's rights change. The old key is dead
   * once it returns; changes made so far are saved.
   */
  cycleKey(): Promise<void> {
    return this.#enqueue((deadline) => this.#cycleKey({}, deadline));
  }

  /** Deletes the session and its data. The browser's cookie is cleared. What is set afterwards begins a new one. */
  flush(): Promise<void> {
    return this.#enqueue(async (deadline) => {
      const { records, throttle, events } = this.#services;
      if (this.#stored) {
        await records.delete(this.#stored, deadline);
        throttle.forget(this.#stored.key);
        events.emit("flushed", { session: events.nameOf(this.#stored.at) });
      }
      this.#forget();
      if (this.#hasCookie) this.#cookie = "clear";
    });
  }

  /** Ends the login: {@link flush}, as in Django. */
  logout(): Promise<void> {
    return this.flush();
  }

  /**
   * Notes who has logged in. The session gets a new key (an attacker may know the old one: session fixation), and the
   * old one is dead once this returns.
   *
   * @param userId Kept as text. Check who the user is before.
   * @throws {SessionUsageError} When it is no id, or the response's headers are out.
   */
  login(userId: UserId, options: LoginOptions = {}): Promise<void> {
    return this.#enqueue(async (deadline) => {
      const id = checkUserId(userId, "session.login");
      this.#demandCookie("login");
      const pending = this.#data.delta();
      const result = await logIn(this.#services, {
        userId: id,
        options,
        stored: this.#stored,
        presentedKey: this.#presentedKey,
        pending,
        seen: this.#data,
        creation: this.#creation(),
        deadline,
      });
      if (result.kind === "begun") this.#forget();
      if (result.kind === "moved") this.#data.settle(pending);
      if (result.stored === undefined) return;
      this.#adopt(result.stored);
      const { events } = this.#services;
      if (result.kind !== "joined") events.emit("login", { session: events.nameOf(result.stored.at), userId: id });
    });
  }

  /**
   * Sets when this session ends, in Django's forms: whole seconds without a request (0: with the browser), text such
   * as `"30m"` from now, a date, or `null` for what the settings say. It is saved with the data.
   *
   * @throws {SessionUsageError} For anything else.
   */
  setExpiry(expiry: Expiry): void {
    const member = toExpiryMember(expiry, this.#services.clock.now());
    const data = this.data as Record<string, unknown>;
    if (member === undefined) delete data[EXPIRY_KEY];
    else data[EXPIRY_KEY] = member;
  }

  /**
   * Leaves a message for the next page that takes it.
   *
   * @param kind Such as `success` or `error`; the application's own.
   */
  flash(kind: string, message: string): void {
    addFlash(this.data, kind, message);
  }

  /** Takes the messages that were left, of one kind or of all, in their order. They are gone then. */
  takeFlash(kind?: string): FlashMessage[] {
    return takeFlash(this.data, kind);
  }

  /** Django's `set_test_cookie`: whether the browser keeps cookies shows in its next request. */
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

  /** @internal The key under which the session is stored. A secret. */
  get key(): SessionKey | undefined {
    return this.#stored?.key;
  }

  /** @internal */
  get record(): SessionRecord {
    return this.#record;
  }

  /** @internal */
  get cookieChange(): CookieChange {
    return this.#cookie;
  }

  /** @internal For the schema of the settings. */
  get sessionData(): SessionData<Data> {
    return this.#data;
  }

  /**
   * @internal Saves deferred changes, or extends the session, before the response leaves.
   * @returns `undefined` when there is nothing to wait for.
   */
  finish(status: number, headersSent: boolean): Promise<void> | undefined {
    this.#areHeadersSent ||= headersSent;
    if (this.#running > 0) return this.#tail.then(() => this.finish(status, headersSent));
    // RFC 9110 section 15.6: the server has failed, so what the handler meant to keep is not to be relied on.
    if (status >= 500) return undefined;
    return this.#finishRenewal() ?? this.#finishChanges() ?? this.#finishRewrite() ?? this.#finishTouch();
  }

  get #record(): SessionRecord {
    return this.#stored?.version.record ?? SessionRecord.empty;
  }

  #pendingRecord(): SessionRecord {
    const expiry = (this.data as Record<string, unknown>)[EXPIRY_KEY];
    const text = expiry === undefined ? undefined : writeForComparison(expiry, EXPIRY_KEY).text;
    return this.#record.with(new Map([[EXPIRY_KEY, text]]));
  }

  async #cycleKey(facts: Facts, deadline: Deadline): Promise<void> {
    const pending = this.#data.delta();
    const { records, events } = this.#services;
    if (this.#stored === undefined) return this.#save(pending, deadline);
    this.#demandCookie("cycleKey");
    const conflicts = new Conflicts();
    const change = (newest: SessionRecord) => conflicts.merge(pending, this.#data, newest).withFacts(facts);
    const moved = await records.move(this.#stored, change, this.#creation(), deadline);
    if (moved === undefined) throw new SessionInterrupted();
    conflicts.emit(events);
    this.#data.settle(pending);
    events.emit("cycled", { session: events.nameOf(moved.at), previous: events.nameOf(this.#stored.at) });
    this.#adopt(moved);
  }

  #finishRenewal(): Promise<void> | undefined {
    const { renewEvery, clock } = this.#services;
    if (renewEvery === null || this.#areHeadersSent || !this.isAuthenticated) return undefined;
    const { renewed, authenticated, created } = this.#record.facts;
    const now = clock.now();
    if (now - (renewed ?? authenticated ?? created ?? now) < renewEvery) return undefined;
    return this.#enqueue(async (deadline) => {
      const cycle = () => this.#cycleKey({ renewed: now }, deadline);
      // A request that has only read may go without: another one has renewed the key.
      if (this.#data.delta().size > 0) await cycle();
      else await this.#tolerate(cycle);
    });
  }

  #finishChanges(): Promise<void> | undefined {
    try {
      const delta = this.#data.delta();
      return delta.size === 0 ? undefined : this.#enqueue((deadline) => this.#save(delta, deadline));
    } catch (error) {
      return this.#enqueue(async () => {
        throw error;
      });
    }
  }

  /** A record that was made with a secret of old is written anew, while that secret can still be read. */
  #finishRewrite(): Promise<void> | undefined {
    if (this.#stored?.version.isOutdated !== true) return undefined;
    return this.#enqueue(async (deadline) => {
      await this.#tolerate(() => this.#commit(new Map(), (newest) => newest, deadline));
    });
  }

  #finishTouch(): Promise<void> | undefined {
    const { throttle, extendsOnRead } = this.#services;
    const stored = this.#stored;
    if (stored === undefined || this.#areHeadersSent || !throttle.isDue(stored.key)) return undefined;
    if (!extendsOnRead && !this.isAuthenticated) return undefined;
    throttle.mark(stored.key);
    return this.#enqueue(async (deadline) => {
      if (!extendsOnRead) return this.#noteSeen(deadline);
      const isThere = await this.#tolerate(() => this.#services.records.touch(stored, deadline));
      if (isThere !== true) return;
      this.#renewCookie();
      await this.#noteSeen(deadline);
    });
  }

  async #noteSeen(deadline: Deadline): Promise<void> {
    const stored = this.#stored;
    if (stored) await this.#tolerate(() => this.#services.records.see(stored, this.#userAgent, deadline));
  }

  /** What only keeps a session fresh may fail without failing the request. */
  async #tolerate<Result>(operation: () => Promise<Result>): Promise<Result | undefined> {
    const { throttle, events } = this.#services;
    try {
      return await operation();
    } catch (error) {
      if (this.#stored) throttle.forget(this.#stored.key);
      // The session has ended meanwhile; who only read it does not mind.
      if (error instanceof SessionInterrupted) return undefined;
      if (!(error instanceof StoreConnectionError || error instanceof StoreServiceError)) throw error;
      events.emit("touchFailed", { error });
      return undefined;
    }
  }

  #enqueue<Result>(operation: (deadline: Deadline) => Promise<Result>): Promise<Result> {
    const { deadline, clock, events } = this.#services;
    this.#running++;
    const run = async () => {
      const at = this.#stored?.at;
      try {
        return await operation(new Deadline(deadline, clock));
      } catch (error) {
        if (at !== undefined && error instanceof SessionInterrupted)
          events.emit("interrupted", { session: events.nameOf(at) });
        throw error;
      } finally {
        this.#running--;
      }
    };
    const result = this.#tail.then(run);
    // Whoever called hears of the failure; those behind it only wait.
    this.#tail = result.catch(() => {});
    return result;
  }

  async #save(pending: Delta, deadline: Deadline): Promise<void> {
    if (pending.size === 0) return;
    await this.#commit(pending, (newest, onConflict) => mergeDelta(pending, this.#data, newest, onConflict), deadline);
  }

  /** Writes on top of what is stored, or begins a session. */
  async #commit(
    pending: Delta,
    change: (newest: SessionRecord, onConflict: OnConflict) => SessionRecord | undefined,
    deadline: Deadline,
    { absorb = false } = {},
  ): Promise<void> {
    const stored = this.#stored;
    if (stored === undefined) return this.#begin(pending, change, deadline);
    const { records, events } = this.#services;
    const conflicts = new Conflicts();
    const committed = await records.commit(stored, (newest) => conflicts.collect(newest, change), deadline);
    conflicts.emit(events);
    this.#data.settle(pending);
    if (committed.version === undefined) return this.#forget();
    this.#stored = { ...stored, version: committed.version };
    if (absorb || committed.hasOthers) this.#data.absorb(committed.version.record);
    if (committed.isWritten) await this.#afterWrite(pending, deadline);
  }

  async #afterWrite(pending: Delta, deadline: Deadline): Promise<void> {
    const { throttle, extendsOnRead } = this.#services;
    const key = this.#stored?.key;
    if (key === undefined) return;
    const isDue = throttle.isDue(key);
    throttle.mark(key);
    if (pending.has(EXPIRY_KEY)) this.#cookie = "set";
    else if (isDue || !extendsOnRead) this.#renewCookie();
    if (isDue) await this.#noteSeen(deadline);
  }

  /** Lets a cookie that has a Max-Age live as long as the session. */
  #renewCookie(): void {
    if (!endsWithBrowser(this.#record, this.#services.timeouts)) this.#cookie = "set";
  }

  async #begin(
    pending: Delta,
    change: (newest: SessionRecord, onConflict: OnConflict) => SessionRecord | undefined,
    deadline: Deadline,
  ): Promise<void> {
    const record = change(SessionRecord.empty, () => {});
    if (record === undefined || record.isEmpty) return;
    this.#demandCookie("Saving a new session");
    const stored = await this.#services.records.create(record, this.#creation(), deadline);
    this.#data.settle(pending);
    if (stored === undefined) return this.#forget();
    this.#adopt(stored);
    const { events } = this.#services;
    events.emit("created", { session: events.nameOf(stored.at) });
  }

  #creation(): Creation {
    return { userAgent: this.#userAgent };
  }

  #adopt(stored: StoredSession): void {
    this.#stored = stored;
    this.#data.absorb(stored.version.record);
    this.#cookie = "set";
    this.#services.throttle.mark(stored.key);
  }

  #forget(): void {
    this.#stored = undefined;
    this.#isNew = true;
    this.#cookie = "none";
    this.#data.replace(SessionRecord.empty);
  }

  #demandCookie(action: string): void {
    if (!this.#areHeadersSent) return;
    throw new SessionUsageError(
      `${action} needs to send a cookie, but the response's headers are out already. ` +
        "Do it before the response is begun (before writeHead, write, flushHeaders or the first chunk of a stream).",
    );
  }
}

/** Assumptions hold for what is not there. */
function withoutKeysOf(record: SessionRecord, assumptions: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(assumptions).filter(([key]) => !record.members.has(key)));
}

function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
