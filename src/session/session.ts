import { Deadline } from "../core/deadlines.ts";
import {
  SessionInterrupted,
  SessionTooLargeError,
  SessionUsageError,
  StoreConnectionError,
  StoreServiceError,
} from "../core/errors.ts";
import { checkUserId, type LoginOptions, type UserId } from "./auth.ts";
import { Conflicts } from "./conflicts.ts";
import { explainAssignments } from "./explain-assignments.ts";
import { logIn } from "./login.ts";
import { mergeDelta, type OnConflict } from "./merge.ts";
import { SessionData } from "./session-data.ts";
import type { SessionState } from "./session-state.ts";
import { SessionView } from "./session-view.ts";
import { type Delta, type Facts, SessionRecord } from "./session-record.ts";
import type { StoredSession } from "./session-records.ts";
import type { UntypedData } from "./session-settings.ts";
import type { Creation } from "./user-sessions.ts";
import { endsWithBrowser, EXPIRY_KEY } from "./timeouts.ts";

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
export class Session<Data extends object = UntypedData> extends SessionView<Data> {
  readonly #state: SessionState<Data>;
  #cookie: CookieChange = "none";
  /** Why the browser's cookie cannot be set any more; `undefined` while it can. */
  #whyNoCookie: string | undefined;
  /** Operations of one session run one after another. */
  #tail: Promise<unknown> = Promise.resolve();
  #running = 0;

  /** @internal */
  constructor(state: SessionState<Data>) {
    super(state);
    this.#state = state;
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
      const pending = this.#state.data.delta();
      let result: Result | undefined;
      const change = (newest: SessionRecord, onConflict: OnConflict) => {
        const base = mergeDelta(pending, this.#state.data, newest, onConflict);
        const draft = new SessionData<Data>(base);
        draft.assume(withoutKeysOf(base, this.#state.data.assumptions));
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
    return this.#enqueue((deadline) => this.#save(this.#state.data.delta(), deadline));
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
      const { records, throttle, events } = this.#state.services;
      this.#demandCookieToCarry("Ending a session");
      if (this.#state.stored) {
        await records.delete(this.#state.stored, deadline);
        throttle.forget(this.#state.stored.key);
        events.emit("flushed", { session: events.nameOf(this.#state.stored.at) });
      }
      this.#forget();
      if (this.#state.origin.hasCookie) this.#cookie = "clear";
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
      if (this.#state.stored === undefined) this.#demandBeginning();
      const pending = this.#state.data.delta();
      const result = await logIn(this.#state.services, {
        userId: id,
        options,
        stored: this.#state.stored,
        presentedKey: this.#state.origin.presentedKey,
        pending,
        seen: this.#state.data,
        creation: this.#creation(),
        deadline,
      });
      if (result.kind === "begun") this.#forget();
      if (result.kind === "moved") this.#state.data.settle(pending);
      if (result.stored === undefined) return;
      this.#adopt(result.stored);
      const { events } = this.#state.services;
      if (result.kind !== "joined") events.emit("login", { session: events.nameOf(result.stored.at), userId: id });
    });
  }

  /** @internal */
  get cookieChange(): CookieChange {
    return this.#cookie;
  }

  /** @internal Resolves when the operations that were called so far have come to their end. */
  get settled(): Promise<unknown> {
    return this.#tail;
  }

  /** @internal What needs a cookie is refused from now on. */
  noteHeadersSent(): void {
    this.#whyNoCookie ??= HEADERS_SENT;
  }

  /** @internal There is no response: what its cookie carries cannot be changed. */
  noteNoResponse(): void {
    if (this.#state.services.carried) this.#whyNoCookie = NO_RESPONSE;
  }

  /**
   * @internal Saves deferred changes, or extends the session, before the response leaves.
   * @returns `undefined` when there is nothing to wait for.
   */
  finish(status: number, headersSent: boolean): Promise<void> | undefined {
    if (headersSent) this.noteHeadersSent();
    if (this.#running > 0) return this.#tail.then(() => this.finish(status, headersSent));
    // RFC 9110 section 15.6: the server has failed, so what the handler meant to keep is not to be relied on.
    if (status >= 500) return undefined;
    return this.#finishRenewal() ?? this.#finishChanges() ?? this.#finishRewrite() ?? this.#finishTouch();
  }

  async #cycleKey(facts: Facts, deadline: Deadline): Promise<void> {
    const pending = this.#state.data.delta();
    const { records, events } = this.#state.services;
    if (this.#state.stored === undefined) return this.#save(pending, deadline);
    this.#demandCookie("cycleKey");
    const conflicts = new Conflicts();
    const change = (newest: SessionRecord) => conflicts.merge(pending, this.#state.data, newest).withFacts(facts);
    const moved = await records.move(this.#state.stored, change, this.#creation(), deadline);
    if (moved === undefined) throw new SessionInterrupted();
    conflicts.emit(events);
    this.#state.data.settle(pending);
    events.emit("cycled", { session: events.nameOf(moved.at), previous: events.nameOf(this.#state.stored.at) });
    this.#adopt(moved);
  }

  #finishRenewal(): Promise<void> | undefined {
    const { renewEvery, clock } = this.#state.services;
    if (renewEvery === null || this.#whyNoCookie !== undefined || !this.isAuthenticated) return undefined;
    const { renewed, authenticated, created } = this.#state.record.facts;
    const now = clock.now();
    if (now - (renewed ?? authenticated ?? created ?? now) < renewEvery) return undefined;
    return this.#enqueue(async (deadline) => {
      const cycle = () => this.#cycleKey({ renewed: now }, deadline);
      // A request that has only read may go without: another one has renewed the key.
      if (this.#state.data.delta().size > 0) await cycle();
      else await this.#tolerate(cycle);
    });
  }

  #finishChanges(): Promise<void> | undefined {
    try {
      const delta = this.#state.data.delta();
      return delta.size === 0 ? undefined : this.#enqueue((deadline) => this.#save(delta, deadline));
    } catch (error) {
      return this.#enqueue(async () => {
        throw error;
      });
    }
  }

  /** A record that was made with a secret of old is written anew, while that secret can still be read. */
  #finishRewrite(): Promise<void> | undefined {
    if (this.#state.stored?.version.isOutdated !== true || !this.#canWrite) return undefined;
    return this.#rewrite();
  }

  #rewrite(): Promise<void> {
    return this.#enqueue(async (deadline) => {
      await this.#tolerate(() => this.#commit(new Map(), (newest) => newest, deadline));
    });
  }

  /** Whether what is written can get to where it is kept. */
  get #canWrite(): boolean {
    return this.#state.services.carried === undefined || this.#whyNoCookie === undefined;
  }

  #finishTouch(): Promise<void> | undefined {
    const { throttle, extendsOnRead, carried } = this.#state.services;
    const stored = this.#state.stored;
    if (stored === undefined || this.#whyNoCookie !== undefined || !throttle.isDue(stored)) return undefined;
    if (carried) return this.#rewrite();
    if (!extendsOnRead && !this.isAuthenticated) return undefined;
    throttle.mark(stored.key);
    return this.#enqueue(async (deadline) => {
      if (!extendsOnRead) return this.#noteSeen(deadline);
      const isThere = await this.#tolerate(() => this.#state.services.records.touch(stored, deadline));
      if (isThere !== true) return;
      this.#renewCookie();
      await this.#noteSeen(deadline);
    });
  }

  async #noteSeen(deadline: Deadline): Promise<void> {
    const stored = this.#state.stored;
    if (stored)
      await this.#tolerate(() => this.#state.services.records.see(stored, this.#state.origin.userAgent, deadline));
  }

  /** What only keeps a session fresh may fail without failing the request. */
  async #tolerate<Result>(operation: () => Promise<Result>): Promise<Result | undefined> {
    const { throttle, events } = this.#state.services;
    try {
      return await operation();
    } catch (error) {
      if (this.#state.stored) throttle.forget(this.#state.stored.key);
      // The session has ended meanwhile; who only read it does not mind.
      if (error instanceof SessionInterrupted) return undefined;
      if (!isTolerable(error)) throw error;
      events.emit("touchFailed", { error });
      return undefined;
    }
  }

  #enqueue<Result>(operation: (deadline: Deadline) => Promise<Result>): Promise<Result> {
    const { deadline, clock, events } = this.#state.services;
    this.#running++;
    // From the call on: who waits for his turn waits at the expense of his own deadline.
    const limit = new Deadline(deadline, clock);
    const run = async () => {
      const at = this.#state.stored?.at;
      try {
        return await operation(limit);
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
    await this.#commit(
      pending,
      (newest, onConflict) => mergeDelta(pending, this.#state.data, newest, onConflict),
      deadline,
    );
  }

  /** Writes on top of what is stored, or begins a session. */
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
    this.#state.data.settle(pending);
    if (committed.version === undefined) return this.#forget();
    this.#state.stored = { ...stored, version: committed.version };
    if (absorb || committed.hasOthers) this.#state.data.absorb(committed.version.record);
    if (committed.isWritten) await this.#afterWrite(pending, deadline);
  }

  async #afterWrite(pending: Delta, deadline: Deadline): Promise<void> {
    const { throttle, extendsOnRead, carried } = this.#state.services;
    const stored = this.#state.stored;
    if (stored === undefined) return;
    const isDue = throttle.isDue(stored);
    throttle.mark(stored.key);
    if (carried || pending.has(EXPIRY_KEY)) this.#cookie = "set";
    else if (isDue || !extendsOnRead) this.#renewCookie();
    if (isDue) await this.#noteSeen(deadline);
  }

  /** Lets a cookie that has a Max-Age live as long as the session. */
  #renewCookie(): void {
    if (!endsWithBrowser(this.#state.record, this.#state.services.timeouts)) this.#cookie = "set";
  }

  async #begin(
    pending: Delta,
    change: (newest: SessionRecord, onConflict: OnConflict) => SessionRecord | undefined,
    deadline: Deadline,
  ): Promise<void> {
    const record = change(SessionRecord.empty, () => {});
    if (record === undefined || record.isEmpty) return;
    this.#demandCookie("Saving a new session");
    this.#demandBeginning();
    const stored = await this.#state.services.records.create(record, this.#creation(), deadline);
    this.#state.data.settle(pending);
    if (stored === undefined) return this.#forget();
    this.#adopt(stored);
    const { events } = this.#state.services;
    events.emit("created", { session: events.nameOf(stored.at) });
  }

  #creation(): Creation {
    return { userAgent: this.#state.origin.userAgent };
  }

  #adopt(stored: StoredSession): void {
    this.#state.stored = stored;
    this.#state.data.absorb(stored.version.record);
    this.#cookie = "set";
    this.#state.services.throttle.mark(stored.key);
  }

  #forget(): void {
    this.#state.stored = undefined;
    this.#state.isNew = true;
    this.#cookie = "none";
    this.#state.data.replace(SessionRecord.empty);
  }

  /** What would take the place of a session whose cookie the browser has kept to itself does not begin. */
  #demandBeginning(): void {
    const { hasCookie, mayBegin } = this.#state.origin;
    if (!hasCookie && mayBegin?.() === false) throw new SessionInterrupted(FROM_OTHER_SITE);
  }

  /** Where the cookie carries the record, every write has to send it. */
  #demandCookieToCarry(action: string): void {
    if (this.#state.services.carried) this.#demandCookie(action);
  }

  #demandCookie(action: string): void {
    if (this.#whyNoCookie === undefined) return;
    throw new SessionUsageError(`${action} needs to send a cookie, but ${this.#whyNoCookie}`);
  }
}

explainAssignments(SessionView, Session);

const HEADERS_SENT =
  "the response's headers are out already. " +
  "Do it before the response is begun (before writeHead, write, flushHeaders or the first chunk of a stream).";

const FROM_OTHER_SITE =
  "A page of another site has sent this request, and it came without the session's cookie: the browser may have kept " +
  "that of a login to itself (SameSite), and a new session would replace it. Nothing was saved. If that site may do so " +
  "(a login or a payment that comes back by POST), name it in the adapter's crossSite: { trustedOrigins }.";

const NO_RESPONSE =
  "sessions.open() has no response to send it with, and cookieSessionStore() keeps nothing anywhere else. " +
  "Change the session in a request, or keep the sessions on a server.";

type Tolerable = StoreConnectionError | StoreServiceError | SessionTooLargeError;

/** What must not fail a request that has changed nothing. */
function isTolerable(error: unknown): error is Tolerable {
  return (
    error instanceof StoreConnectionError || error instanceof StoreServiceError || error instanceof SessionTooLargeError
  );
}

/** Assumptions hold for what is not there. */
function withoutKeysOf(record: SessionRecord, assumptions: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(assumptions).filter(([key]) => !record.members.has(key)));
}

function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
