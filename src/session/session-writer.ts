import { checkFunction } from "../core/calls.ts";
import type { Deadline } from "../core/deadlines.ts";
import {
  isStoreError,
  SessionConflictError,
  SessionInterrupted,
  SessionTooLargeError,
  SessionUsageError,
  type StoreConnectionError,
  type StoreServiceError,
} from "../core/errors.ts";
import { throwUnknown } from "../stores/partial-failures.ts";
import { type ConflictPath, type MergedRecord, mergeDelta } from "./data/merge.ts";
import { SessionData } from "./data/session-data.ts";
import type { KeySource } from "./http/response-cookie.ts";
import type { LoginOptions } from "./login/auth.ts";
import { logIn } from "./login/login.ts";
import { userIdOf } from "./login/auth.ts";
import { type Delta, SessionRecord } from "./record/session-record.ts";
import { endsWithBrowser, EXPIRY_KEY } from "./record/timeouts.ts";
import type { SessionState } from "./session-state.ts";
import type { MoveReason } from "./stored/moved-keys.ts";
import type { StoredSession } from "./stored/record-writer.ts";
import type { Change } from "./stored/session-records.ts";
import type { Creation } from "./users/user-sessions.ts";

/** Writes of one request's session: what they change in its home, its data and its cookie. */
export class SessionWriter<Data extends object> {
  readonly #state: SessionState<Data>;

  constructor(state: SessionState<Data>) {
    this.#state = state;
  }

  /** Saves a change of the newest data, with all earlier changes. */
  async update<Result>(fn: (data: Data) => Result, deadline: Deadline): Promise<Result> {
    checkFunction(fn, "The argument of session.update()", SessionUsageError);
    const { data } = this.#state;
    const pending = data.delta();
    let result: Result | undefined;
    const change = (newest: SessionRecord): MergedRecord | undefined => {
      const { record: base, conflicts } = mergeDelta(pending, data, newest);
      const draft = new SessionData<Data>(base);
      draft.applyDefaults(withoutKeysOf(base, data.defaults));
      result = fn(draft.object);
      if (isThenable(result)) {
        throw new SessionUsageError(
          "session.update() expected a synchronous function, got one that returns a promise. Await first, then update.",
        );
      }
      const delta = draft.delta();
      return pending.size === 0 && delta.size === 0 ? undefined : { record: base.with(delta), conflicts };
    };
    await this.#commit(pending, change, deadline, { isRebased: true });
    return result as Result;
  }

  /** Saves changes, if there are any. */
  save(pending: Delta, deadline: Deadline): Promise<void> {
    if (pending.size === 0) return DONE;
    return this.#commit(pending, (newest) => mergeDelta(pending, this.#state.data, newest), deadline);
  }

  /** Writes the record again without a change: with the present secret, and a new time. */
  rewrite(deadline: Deadline): Promise<void> {
    return this.#commit(new Map(), (newest) => ({ record: newest, conflicts: [] }), deadline);
  }

  /** Gives the session a new key, and saves changes. A session that is not stored is only saved. */
  async cycleKey(
    reason: Exclude<MoveReason, "login">,
    { creation, deadline }: { creation: Creation; deadline: Deadline },
  ): Promise<void> {
    const { data, stored, home, cookie, origin } = this.#state;
    const { events, clock, renewEvery } = this.#state.services;
    const pending = data.delta();
    if (stored === undefined) return this.save(pending, deadline);
    cookie.require("cycleKey");
    const change = (newest: SessionRecord): MergedRecord => {
      const { record, conflicts } = mergeDelta(pending, data, newest);
      const isRenewed = renewEvery !== null && userIdOf(record) !== undefined;
      return { record: isRenewed ? record.withMetadata({ renewed: clock.now() }) : record, conflicts };
    };
    const result = await home.records.move(stored, { reason, change, creation }, deadline);
    if (result.status === "ended") return this.#endByExpiry(pending);
    if (result.status === "gone" && reason !== "renewed") throw new SessionInterrupted();
    // Another request is renewing the key: the changes follow the session to its new key.
    if (result.status !== "moved") return this.save(pending, deadline);
    this.#emitConflicts(result.conflicts);
    data.markSaved(pending);
    events.emit("cycled", {
      session: events.nameOf(result.stored.storageKey),
      previous: events.nameOf(stored.storageKey),
    });
    const isReachable = cookie.keySource === "renewal" || stored.key === origin.stored?.key;
    this.#adopt(result.stored, reason === "renewed" && isReachable ? "renewal" : "other");
  }

  /** Logs a user in, under a new key. */
  async login(
    userId: string,
    { options, creation, deadline }: { options: LoginOptions; creation: Creation; deadline: Deadline },
  ): Promise<void> {
    const { data, stored, home, cookie, origin, services } = this.#state;
    cookie.require("login");
    if (stored === undefined) this.#requireBeginning();
    const pending = data.delta();
    const { clock, timeouts, secretKey, events } = services;
    const result = await logIn(
      { records: home.records, clock, timeouts, secretKey },
      {
        userId,
        options,
        stored,
        presentedKey: origin.presentedKeys[0],
        pending,
        base: data,
        creation,
        deadline,
      },
    );
    this.#emitConflicts(result.conflicts);
    if (result.kind === "begun") this.#forget();
    if (result.kind === "moved") data.markSaved(pending);
    this.#adopt(result.stored, "login");
    if (result.kind !== "joined")
      events.emit("login", {
        session: events.nameOf(result.stored.storageKey),
        userId,
        ...(stored && { previous: events.nameOf(stored.storageKey) }),
      });
  }

  /** Deletes the session, and those of other keys that the request presented. */
  async end(deadline: Deadline): Promise<void> {
    const { home, cookie, stored, origin } = this.#state;
    const { records, throttle } = home;
    const { events } = this.#state.services;
    cookie.requireToWrite("Ending a session");
    if (stored) {
      await records.delete(stored, deadline);
      throttle.forget(stored.key);
      events.emit("flushed", { session: events.nameOf(stored.storageKey) });
    }
    let isPartDone = stored !== undefined;
    for (const key of origin.presentedKeys.filter((each) => each !== stored?.key)) {
      const ending = records.endKey(key, deadline);
      await (isPartDone ? ending.catch(throwUnknown) : ending);
      isPartDone = true;
    }
    this.#leave();
    this.#state.hasEnded = true;
  }

  /**
   * Extends the session, wherever it is by now. @returns Whether it exists.
   */
  async touch(deadline: Deadline): Promise<boolean> {
    const found = await this.#state.find(deadline);
    if (found === undefined) return false;
    await this.recordActivity(deadline);
    return this.#state.home.records.touch(found, deadline);
  }

  /**
   * Reads the newest record. Unsaved changes are merged into it, as in a commit.
   *
   * @returns Whether the session exists. If not, nothing changes.
   */
  async reload(deadline: Deadline): Promise<boolean> {
    const { data, stored, home, cookie } = this.#state;
    const pending = data.delta();
    const found = stored && (await home.records.find(stored, deadline));
    if (stored === undefined || found === undefined) return false;
    const { record } = found.version;
    this.#emitConflicts(mergeDelta(pending, data, record).conflicts);
    this.#state.stored = found;
    data.rebaseOnto(record);
    if (found.key !== stored.key && !cookie.isLocked) cookie.decide("set");
    return true;
  }

  /** Records the session's activity in its user's list. A failure is tolerated. */
  async recordActivity(deadline: Deadline): Promise<void> {
    const { stored, home, origin } = this.#state;
    if (stored) await this.tolerate(() => home.records.recordActivity(stored, origin.userAgent, deadline));
  }

  /** Runs an operation that only keeps the session fresh: its failure does not fail the request. */
  async tolerate<Result>(operation: () => Promise<Result>): Promise<Result | undefined> {
    const { home, services } = this.#state;
    try {
      return await operation();
    } catch (error) {
      if (this.#state.stored) home.throttle.forget(this.#state.stored.key);
      // The session has ended meanwhile; a request that has only read does not depend on it.
      if (error instanceof SessionInterrupted) return undefined;
      if (!isTolerable(error)) throw error;
      services.events.emit("touchFailed", { error });
      return undefined;
    }
  }

  /**
   * @param userId User of a creation that may have to wait in the queue. The creation begins now,
   *   so a later revocation of the user ends the session.
   */
  creation(userId?: string, deadline?: Deadline): Creation {
    const { userAgent, home } = this.#state.origin;
    if (userId === undefined || deadline === undefined) return { userAgent };
    const epoch = home.records.epochOf(userId, deadline);
    // The creation reports its failure, if it gets that far.
    epoch?.catch(() => {});
    return epoch ? { userAgent, epoch } : { userAgent };
  }

  /** Sends a cookie that has a Max-Age again, so that it lives as long as the session. */
  renewCookie(): void {
    const { stored, services, cookie } = this.#state;
    if (stored && !endsWithBrowser(stored.version.record, services.timeouts)) cookie.decide("set");
  }

  /** Notes that an operation was interrupted: the session no longer exists under its key. */
  noteInterruption(): void {
    const { cookie, stored, services } = this.#state;
    this.#state.isInterrupted = true;
    if (cookie.change === "set") cookie.decide("none");
    if (stored) services.events.emit("interrupted", { session: services.events.nameOf(stored.storageKey) });
  }

  /**
   * Writes on top of the stored record, or begins a session.
   *
   * @param options.isRebased The data shows the written record even if no other request has changed
   *   it.
   */
  async #commit(
    pending: Delta,
    change: Change,
    deadline: Deadline,
    { isRebased = false } = {},
  ): Promise<void> {
    const { data, stored, home, cookie, services } = this.#state;
    if (stored === undefined) return this.#begin(pending, change, deadline);
    cookie.requireToWrite("Saving a session");
    const committed = await home.records.commit(stored, change, deadline);
    this.#emitConflicts(committed.conflicts);
    data.markSaved(pending);
    if (committed.stored === undefined) return this.#endByExpiry(pending);
    this.#state.stored = committed.stored;
    const { record } = committed.stored.version;
    if (isRebased || committed.hasOthers) data.rebaseOnto(record);
    if (!committed.isWritten) return;
    const isCookieOutdated =
      committed.stored.key !== stored.key || hasOtherExpiry(stored.version.record, record);
    if (home.isCookie || isCookieOutdated) cookie.decide("set");
    // As in Django: each save extends the session, and nothing else does.
    else if (!services.extendsOnRead) this.renewCookie();
  }

  async #begin(pending: Delta, change: Change, deadline: Deadline): Promise<void> {
    const record = change(SessionRecord.empty)?.record;
    if (record === undefined || record.isEmpty) return;
    const { data, home, cookie, origin, services } = this.#state;
    cookie.requireForNew("Saving a new session");
    this.#requireBeginning();
    await this.#requireNoDeparture(deadline);
    const stored = await home.records.create(record, this.creation(), deadline);
    data.markSaved(pending);
    if (stored === undefined) return this.#forget();
    this.#adopt(stored);
    // Only this response knows the key.
    if (origin.presentedKeys.length === 0) cookie.noteConfirmed();
    services.events.emit("created", { session: services.events.nameOf(stored.storageKey) });
  }

  /** Refuses to begin a session that would replace one whose cookie the browser withheld. */
  #requireBeginning(): void {
    const { origin } = this.#state;
    if (!origin.hasCookie && !origin.mayBegin()) throw new SessionInterrupted(FROM_OTHER_SITE);
  }

  /**
   * Refuses to begin a session for a late request with a key that was just replaced or ended: its
   * cookie would replace the newer one.
   */
  async #requireNoDeparture(deadline: Deadline): Promise<void> {
    if (this.#state.hasEnded) return;
    const { home, origin } = this.#state;
    if (origin.hasDeparted) throw new SessionInterrupted();
    for (const key of origin.presentedKeys)
      if ((await home.records.departureOf(key, deadline)) !== undefined) throw new SessionInterrupted();
  }

  #adopt(stored: StoredSession, keySource: KeySource = "other"): void {
    const state = this.#state;
    state.isInterrupted = false;
    state.ownKey = stored.key;
    state.stored = stored;
    state.data.rebaseOnto(stored.version.record);
    state.cookie.take(keySource);
    state.home.throttle.mark(stored.key);
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
    this.#state.hasEnded = true;
  }

  /** Forgets an ended session and clears its cookie. */
  #leave(): void {
    this.#forget();
    if (this.#state.origin.hasCookie) this.#state.cookie.decide("clear");
  }

  #forget(): void {
    const state = this.#state;
    state.stored = undefined;
    state.isNew = true;
    state.cookie.decide("none");
    state.data.replace(SessionRecord.empty);
  }

  #emitConflicts(conflicts: readonly ConflictPath[]): void {
    for (const path of conflicts) this.#state.services.events.emit("conflict", { path });
  }
}

const DONE = Promise.resolve();

const FROM_OTHER_SITE =
  "A page of another site sent this request, without the session's cookie: the browser may have withheld the cookie of " +
  "a login (SameSite), and a new session would replace it. Nothing was saved. If that site may begin sessions " +
  "(a login or a payment that returns by POST), name it in the adapter's crossSite: { trustedOrigins }.";

/** Defaults apply to missing keys only. */
function withoutKeysOf(record: SessionRecord, defaults: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(defaults).filter(([key]) => !record.members.has(key)));
}

function hasOtherExpiry(before: SessionRecord, after: SessionRecord): boolean {
  return before.members.get(EXPIRY_KEY)?.text !== after.members.get(EXPIRY_KEY)?.text;
}

function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

type Tolerable = StoreConnectionError | StoreServiceError | SessionTooLargeError | SessionConflictError;

/** Returns whether an error must not fail a request that has changed nothing. */
function isTolerable(error: unknown): error is Tolerable {
  return (
    isStoreError(error) || error instanceof SessionTooLargeError || error instanceof SessionConflictError
  );
}
