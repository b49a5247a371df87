import type { Deadline } from "../../core/deadlines.ts";
import { SessionUsageError } from "../../core/errors.ts";
import type { SessionKey } from "../../core/ids.ts";
import { MAX_HOPS } from "../stored/moved-keys.ts";
import type { StoredSession } from "../stored/record-writer.ts";
import type { FollowedDeparture } from "../stored/session-records.ts";
import type { SessionHome } from "../session-home.ts";

/** Change that the response has to make to the browser's cookie. */
export type CookieChange = "none" | "set" | "clear";

/**
 * Source of the cookie's new session key.
 *
 * - `"renewal"`: all requests with the old key can get it.
 * - `"login"`: a login in this request.
 */
export type KeySource = "renewal" | "login" | "other";

/** State of the session that {@link ResponseCookie} decides about. */
export interface CookieState {
  readonly origin: { readonly isRenewed: boolean; readonly presentedKeys: readonly SessionKey[] };
  readonly home: SessionHome;
  readonly stored: StoredSession | undefined;
  /** Finds the session in its home, wherever it is by now. */
  find(deadline: Deadline): Promise<StoredSession | undefined>;
}

/**
 * A request's decision about the browser's cookie. It may be outdated when the response is sent:
 * another request may have ended the session, given it a new key, or logged the visitor in.
 * {@link confirm} asks the store.
 */
export class ResponseCookie {
  readonly #state: CookieState;
  #change: CookieChange;
  #isConfirmed = false;
  #keySource: KeySource;
  /** Reason why the browser's cookie can no longer be set; `undefined` while it can. */
  #lock: string | undefined = undefined;
  #hasResponse = true;

  constructor(state: CookieState) {
    const { isRenewed } = state.origin;
    this.#state = state;
    this.#keySource = isRenewed ? "renewal" : "other";
    // A response with the renewed key may get lost, so each request with the old key sends it
    // again.
    this.#change = isRenewed ? "set" : "none";
  }

  get change(): CookieChange {
    return this.#change;
  }

  get keySource(): KeySource {
    return this.#keySource;
  }

  /**
   * Whether the store has to be asked before the response is sent. Only this request can change a
   * session in a cookie.
   */
  get isUncertain(): boolean {
    return this.#change !== "none" && !this.#isConfirmed && !this.isLocked && !this.#state.home.isCookie;
  }

  get isLocked(): boolean {
    return this.#lock !== undefined;
  }

  /** Whether a write can reach its home. */
  get canWrite(): boolean {
    return this.#lock === undefined || !this.#state.home.isCookie;
  }

  /** Locks the cookie: operations that need it are refused. The first reason stays. */
  lock(reason: string): void {
    this.#lock ??= reason;
  }

  /** Notes that no response follows: no session begins, and none in a cookie changes. */
  noteNoResponse(): void {
    this.#hasResponse = false;
    if (this.#state.home.isCookie) this.lock(NO_RESPONSE);
  }

  /** @throws {SessionUsageError} When the cookie is locked. */
  require(action: string): void {
    if (this.#lock !== undefined) refuse(action, this.#lock);
  }

  /** @throws {SessionUsageError} When the cookie of a new session cannot be sent. */
  requireForNew(action: string): void {
    this.require(action);
    if (!this.#hasResponse) refuse(action, NO_RESPONSE);
  }

  /** @throws {SessionUsageError} When the write needs the cookie, and it is locked. */
  requireToWrite(action: string): void {
    if (!this.canWrite) this.require(action);
  }

  decide(change: CookieChange): void {
    this.#change = change;
    this.#isConfirmed = false;
  }

  /** Sets the cookie to the session's new key. */
  take(keySource: KeySource): void {
    this.#keySource = keySource;
    this.decide("set");
  }

  /** Marks the decision as confirmed by the store's latest answer. */
  noteConfirmed(): void {
    this.#isConfirmed = true;
  }

  async confirm(deadline: Deadline): Promise<void> {
    const isValid =
      this.#change === "set" ? await this.#isKeyValid(deadline) : await this.#isEndValid(deadline);
    if (!isValid) this.#change = "none";
  }

  /**
   * Returns whether the cookie may still be set. A dead key is not sent; a key renewed meanwhile is
   * replaced by its successor, and any key yields to another login. The old key's tombstone is read
   * last, since other requests write it first.
   */
  async #isKeyValid(deadline: Deadline): Promise<boolean> {
    for (let attempt = 0; attempt < MAX_HOPS; attempt++) {
      const found = await this.#state.find(deadline);
      if (found === undefined) return false;
      // Either of two concurrent logins may be the last.
      if (this.#keySource === "login") return true;
      const departures = await this.#departures(found, deadline);
      if (departures.some(({ left }) => left.some(({ storageKey }) => storageKey === found.storageKey)))
        continue;
      const isRenewed = this.#keySource === "renewal";
      if (
        isRenewed &&
        departures.some(({ reason, to }) => reason !== "renewed" && to?.storageKey !== found.storageKey)
      )
        return false;
      return !(await this.#isLoginAmong(departures, deadline));
    }
    return false;
  }

  /**
   * Returns whether the cookie may be cleared: not one that a login with the same key is just
   * setting.
   */
  async #isEndValid(deadline: Deadline): Promise<boolean> {
    return !(await this.#isLoginAmong(await this.#departures(undefined, deadline), deadline));
  }

  /** Returns the departures of the presented keys, except the session's own. */
  async #departures(stored: StoredSession | undefined, deadline: Deadline): Promise<FollowedDeparture[]> {
    const found: FollowedDeparture[] = [];
    for (const key of this.#state.origin.presentedKeys) {
      const departure =
        key === stored?.key ? undefined : await this.#state.home.records.departureOf(key, deadline);
      if (departure) found.push(departure);
    }
    return found;
  }

  /** Returns whether they include a login of another request that still exists. */
  async #isLoginAmong(departures: readonly FollowedDeparture[], deadline: Deadline): Promise<boolean> {
    const { home, stored } = this.#state;
    for (const { reason, to } of departures) {
      const isOther = reason === "login" && to?.storageKey !== stored?.storageKey;
      if (isOther && (await home.records.isStoredAt(to?.storageKey, deadline))) return true;
    }
    return false;
  }
}

const NO_RESPONSE =
  "sessions.open() has no response to send it with. Change the session in a request, or make a session without a browser " +
  "by sessions.create().";

function refuse(action: string, reason: string): never {
  throw new SessionUsageError(`${action} needs to send a cookie, but ${reason}`);
}
