import type { Deadline } from "../../core/deadlines.ts";
import { MAX_HOPS } from "../stored/moved-keys.ts";
import type { StoredSession } from "../stored/record-writer.ts";
import type { FollowedDeparture } from "../stored/session-records.ts";
import type { SessionState } from "../session-state.ts";

/** Change of the browser's cookie that the response has to make. */
export type CookieChange = "none" | "set" | "clear";

/**
 * Where the key of the session comes from that the cookie is to have.
 *
 * - `"renewal"`: all requests with the old key get at it.
 * - `"login"`: a login in this request.
 */
export type KeySource = "renewal" | "login" | "other";

/**
 * Decision of a request about the browser's cookie. It may be out of date when the response leaves: another
 * request may have ended the session, given it a new key, or logged the visitor in. {@link confirm} asks the
 * store.
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
    // The response that has brought the renewed key may be lost: each request with the old one brings it again.
    this.#change = isRenewed ? "set" : "none";
  }

  get change(): CookieChange {
    return this.#change;
  }

  get keySource(): KeySource {
    return this.#keySource;
  }

  /** Whether the store has to be asked before the response leaves. */
  get isUncertain(): boolean {
    return this.#change !== "none" && !this.#isConfirmed;
  }

  decide(change: CookieChange): void {
    this.#change = change;
    this.#isConfirmed = false;
  }

  /** The session has got a key, which the cookie is to have. */
  take(keySource: KeySource): void {
    this.#keySource = keySource;
    this.decide("set");
  }

  /** The decision is as old as the answer of the store that it follows from. */
  noteConfirmed(): void {
    this.#isConfirmed = true;
  }

  async confirm(deadline: Deadline): Promise<void> {
    const isValid = this.#change === "set" ? await this.#isKeyValid(deadline) : await this.#isEndValid(deadline);
    if (!isValid) this.#change = "none";
  }

  /** Finds the session in the store. Its place is remembered, since the way to it is forgotten after a minute. */
  async lookUp(deadline: Deadline): Promise<StoredSession | undefined> {
    const { stored, services } = this.#state;
    const found = stored && (await services.records.find(stored, deadline));
    // The version stays the one that this session's data was read from: a write merges what others have
    // changed since.
    if (found) this.#state.stored = { ...found, version: stored.version };
    return found;
  }

  /**
   * No response brings back a key that is dead; one that was renewed meanwhile gives way to its successor,
   * and any to another login. What became of the old key is asked last, since that is what other requests
   * change first.
   */
  async #isKeyValid(deadline: Deadline): Promise<boolean> {
    for (let attempt = 0; attempt < MAX_HOPS; attempt++) {
      const found = await this.lookUp(deadline);
      if (found === undefined) return false;
      // Of two logins at the same time either may be the last.
      if (this.#keySource === "login") return true;
      const departures = await this.#departures(found, deadline);
      if (departures.some(({ left }) => left.some(({ storageKey }) => storageKey === found.storageKey))) continue;
      const isRenewed = this.#keySource === "renewal";
      if (isRenewed && departures.some(({ reason, to }) => reason !== "renewed" && to?.storageKey !== found.storageKey))
        return false;
      return !(await this.#isLoginAmong(departures, deadline));
    }
    return false;
  }

  /** A cookie that is on its way, from a login with the same key, must not be cleared. */
  async #isEndValid(deadline: Deadline): Promise<boolean> {
    return !(await this.#isLoginAmong(await this.#departures(undefined, deadline), deadline));
  }

  /** State of the keys that the request came with, other than that of its session. */
  async #departures(stored: StoredSession | undefined, deadline: Deadline): Promise<FollowedDeparture[]> {
    const found: FollowedDeparture[] = [];
    for (const key of this.#state.origin.presentedKeys) {
      const departure = key === stored?.key ? undefined : await this.#state.services.records.departureOf(key, deadline);
      if (departure) found.push(departure);
    }
    return found;
  }

  /** Whether a login of another request is among them, which is still there. */
  async #isLoginAmong(departures: readonly FollowedDeparture[], deadline: Deadline): Promise<boolean> {
    const { services, stored } = this.#state;
    for (const { reason, to } of departures) {
      const isOther = reason === "login" && to?.storageKey !== stored?.storageKey;
      if (isOther && (await services.records.isStoredAt(to?.storageKey, deadline))) return true;
    }
    return false;
  }
}
