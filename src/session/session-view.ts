import { describeGiven } from "../core/calls.ts";
import { describeKind } from "../core/descriptions.ts";
import { type Duration, DURATION_EXPECTED, toMilliseconds } from "../core/durations.ts";
import { SessionUsageError } from "../core/errors.ts";
import type { SessionKey } from "../core/ids.ts";
import { writeForComparison } from "../json/index.ts";
import { userIdOf } from "./login/auth.ts";
import { addFlash, type FlashMessage, takeFlash } from "./data/flash.ts";
import type { SessionData } from "./data/session-data.ts";
import type { SessionRecord } from "./record/session-record.ts";
import type { SessionState } from "./session-state.ts";
import { type Expiry, EXPIRY_KEY, timeToLive, toExpiryMember } from "./record/timeouts.ts";
import { refOf } from "./users/user-sessions.ts";

// Django's names (`SessionBase.TEST_COOKIE_NAME` and `TEST_COOKIE_VALUE`).
const TEST_COOKIE_KEY = "testcookie";
const TEST_COOKIE_VALUE = "worked";

/** Part of a session that needs no store: its data and metadata. */
export class SessionView<Data extends object> {
  readonly #state: SessionState<Data>;

  /** @internal */
  constructor(state: SessionState<Data>) {
    this.#state = state;
  }

  /**
   * The visitor's data: a plain object, changed in place. JSON values only. It includes Django's
   * keys (`_auth_*`).
   */
  get data(): Data {
    this.#state.noteUse?.();
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
    const { authenticated } = this.#state.record.facts;
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
    const value = this.#state.cookieValue;
    return value && `${this.#state.services.cookieName}=${value}`;
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

  /** @internal Value of the cookie. A secret. */
  get cookieValue(): string | undefined {
    return this.#state.cookieValue;
  }

  /** @internal Key under which the session is stored. A secret. */
  get storedAt(): SessionKey | undefined {
    return this.#state.stored?.storageKey;
  }

  /** @internal */
  get hasDuplicateCookies(): boolean {
    return this.#state.origin.hasDuplicates;
  }

  /** @internal */
  get record(): SessionRecord {
    return this.#state.record;
  }

  /** @internal Calls a function on each access to the data. */
  watchUse(note: () => void): void {
    this.#state.noteUse = note;
  }

  /** @internal Whether there are unsaved changes. Changes that cannot be saved count. */
  get hasChanges(): boolean {
    try {
      return this.#state.data.delta().size > 0;
    } catch {
      return true;
    }
  }

  /** @internal For the schema of the settings. */
  get sessionData(): SessionData<Data> {
    return this.#state.data;
  }

  #pendingRecord(): SessionRecord {
    const expiry = (this.data as Record<string, unknown>)[EXPIRY_KEY];
    const text = expiry === undefined ? undefined : writeForComparison(expiry, EXPIRY_KEY).text;
    return this.#state.record.with(new Map([[EXPIRY_KEY, text]]));
  }
}
