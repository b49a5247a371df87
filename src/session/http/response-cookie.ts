import type { Deadline } from "../../core/deadlines.ts";
import { MAX_HOPS } from "../stored/moved-keys.ts";
import type { StoredSession } from "../stored/record-writer.ts";
import type { FollowedDeparture } from "../stored/session-records.ts";
import type { SessionState } from "../session-state.ts";

/** Change that the response has to make to the browser's cookie. */
export type CookieChange = "none" | "set" | "clear";

/**
 * Source of the cookie's new session key.
 *
 * - `"renewal"`: all requests with the old key can get it.
 * - `"login"`: a login in this request.
 */
export type KeySource = "renewal" | "login" | "other";

/**
 * A request's decision about the browser's cookie. It may be outdated when the response is sent:
 * another request may have ended the session, given it a new key, or logged the visitor in.
 * {@link confirm} asks the store.
 */
export class ResponseCookie {
  readonly #state: SessionState<object>;
  #change: CookieChange;
  #isConfirmed = false;
  #keySource: KeySource;

  constructor(state: SessionState<object>) {
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

  /** Whether the store has to be asked before the response is sent. */
  get isUncertain(): boolean {
    return this.#change !== "none" && !this.#isConfirmed;
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
   * Finds the session in the store and remembers its keys: tombstones lead there for a minute only.
   */
  async lookUp(deadline: Deadline): Promise<StoredSession | undefined> {
    const { stored, services } = this.#state;
    const found = stored && (await services.records.find(stored, deadline));
    // The version remains the one that this session's data is based on: a write merges later
    // changes of others.
    if (found) this.#state.stored = { ...found, version: stored.version };
    return found;
  }

  /**
   * Returns whether the cookie may still be set. A dead key is not sent; a key renewed meanwhile is
   * replaced by its successor, and any key yields to another login. The old key's tombstone is read
   * last, since other requests write it first.
   */
  async #isKeyValid(deadline: Deadline): Promise<boolean> {
    for (let attempt = 0; attempt < MAX_HOPS; attempt++) {
      const found = await this.lookUp(deadline);
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
        key === stored?.key ? undefined : await this.#state.services.records.departureOf(key, deadline);
      if (departure) found.push(departure);
    }
    return found;
  }

  /** Returns whether they include a login of another request that still exists. */
  async #isLoginAmong(departures: readonly FollowedDeparture[], deadline: Deadline): Promise<boolean> {
    const { services, stored } = this.#state;
    for (const { reason, to } of departures) {
      const isOther = reason === "login" && to?.storageKey !== stored?.storageKey;
      if (isOther && (await services.records.isStoredAt(to?.storageKey, deadline))) return true;
    }
    return false;
  }
}
