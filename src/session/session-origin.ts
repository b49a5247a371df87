import type { SessionKey } from "../core/ids.ts";
import type { CookieReading } from "./http/cookie.ts";
import type { SameSite } from "./http/cross-site.ts";
import type { RequestInfo } from "./http/request-contract.ts";
import type { SessionHome } from "./session-home.ts";
import type { EarlierCookies } from "./take-over/earlier-sessions.ts";
import type { StoredSession } from "./stored/record-writer.ts";
import type { LoadResult } from "./stored/session-records.ts";

/** Result of looking up a cookie's value. */
export class FoundSession {
  readonly home: SessionHome;
  readonly key: SessionKey;
  readonly loaded: LoadResult;
  /** The request has not the session's own cookie, but one of another library. */
  readonly earlier: EarlierCookies | undefined;

  constructor(home: SessionHome, key: SessionKey, loaded: LoadResult, earlier?: EarlierCookies) {
    this.home = home;
    this.key = key;
    this.loaded = loaded;
    this.earlier = earlier;
  }
}

/** Part of a request that a load uses. */
export type CookieInfo = Pick<RequestInfo, "cookieHeader" | "userAgent" | "mayBeginSession">;

const NO_KEYS: readonly SessionKey[] = [];

/** Initial state of a session, taken from its request. */
export class SessionOrigin {
  readonly home: SessionHome;
  /** The request had a session cookie, valid or not. */
  readonly hasCookie: boolean;
  /** The request had several different cookies of the session's name. */
  readonly hasDuplicates: boolean;
  /**
   * Keys that the request presented, the session's own first: one, unless the browser has several
   * such cookies.
   */
  readonly presentedKeys: readonly SessionKey[];
  /** The stored session, if one was found and can be read. */
  readonly stored: StoredSession | undefined;
  /**
   * The browser has not the key yet: the presented key was renewed, and the session found under its
   * new key, or the session was taken over from another library.
   */
  readonly isRenewed: boolean;
  /** The session of the presented key was just ended or given a new key. */
  readonly hasDeparted: boolean;
  /** Cookies of the library whose session this request has found. */
  readonly earlier: EarlierCookies | undefined;
  readonly #info: CookieInfo;
  readonly #sameSite: SameSite;

  /** @param found The session of one of the cookies; `undefined` without a valid cookie. */
  constructor(
    home: SessionHome,
    found: FoundSession | undefined,
    { isPresent, rejection, values }: CookieReading,
    info: CookieInfo,
    sameSite: SameSite,
  ) {
    const stored = found?.loaded.status === "live" ? found.loaded.stored : undefined;
    this.home = home;
    this.earlier = found?.earlier;
    this.hasCookie = isPresent || this.earlier !== undefined || found?.home.cookies !== undefined;
    this.hasDuplicates = rejection === "duplicate";
    this.presentedKeys = found === undefined ? NO_KEYS : presentedKeys(found, values);
    this.stored = stored;
    this.isRenewed = stored !== undefined && (stored.key !== found?.key || this.earlier !== undefined);
    this.hasDeparted = found?.loaded.status === "moved";
    this.#info = info;
    this.#sameSite = sameSite;
  }

  get userAgent(): string | undefined {
    return this.#info.userAgent;
  }

  /** Returns whether the request may begin a session without a cookie. */
  mayBegin(): boolean {
    return this.#info.mayBeginSession?.(this.#sameSite) ?? true;
  }
}

/** Returns the keys of all cookies, the session's own first. */
function presentedKeys(
  { home, key, earlier }: FoundSession,
  values: readonly string[],
): readonly SessionKey[] {
  if (earlier === undefined ? values.length === 1 : values.length === 0) return [key];
  const others = values.map((value) => home.keyOf(value)).filter((each) => each !== key);
  return [key, ...new Set(others)];
}
