import type { SessionKey } from "../core/ids.ts";
import type { CookieReading } from "./http/cookie.ts";
import type { SameSite } from "./http/cross-site.ts";
import type { RequestInfo } from "./http/request-contract.ts";
import type { SessionHome } from "./session-home.ts";
import type { StoredSession } from "./stored/record-writer.ts";
import type { LoadResult } from "./stored/session-records.ts";

/** Result of looking up a cookie's value. */
export class FoundSession {
  readonly home: SessionHome;
  readonly key: SessionKey;
  readonly loaded: LoadResult;

  constructor(home: SessionHome, key: SessionKey, loaded: LoadResult) {
    this.home = home;
    this.key = key;
    this.loaded = loaded;
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
  /** The presented key was renewed, and the session found under its new key. */
  readonly isRenewed: boolean;
  /** The session of the presented key was just ended or given a new key. */
  readonly hasDeparted: boolean;
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
    this.hasCookie = isPresent;
    this.hasDuplicates = rejection === "duplicate";
    this.presentedKeys = found === undefined ? NO_KEYS : presentedKeys(found, values);
    this.stored = stored;
    this.isRenewed = stored !== undefined && stored.key !== found?.key;
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
function presentedKeys({ home, key }: FoundSession, values: readonly string[]): readonly SessionKey[] {
  if (values.length === 1) return [key];
  const others = values.map((value) => home.keyOf(value)).filter((each) => each !== key);
  return [key, ...new Set(others)];
}
