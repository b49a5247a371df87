import type { Milliseconds } from "../core/clock.ts";
import type { ResolvedSessionSettings } from "./session-settings.ts";

/**
 * What the settings come to, as who has to document or audit them wants to know it (OWASP ASVS 5.0, 7.1).
 * Times are in seconds.
 */
export interface SessionPolicy {
  /** Engine that keeps the records. */
  readonly store: string;
  /** A session without a request ends after this time. */
  readonly idleTimeout: number;
  /** After the login, however busy; `null`: never. */
  readonly absoluteTimeout: number | null;
  /** How old a key may get; `null`: any age. */
  readonly renewEvery: number | null;
  /** Sessions that one user may have; `null`: any number. */
  readonly maxPerUser: number | null;
  /** Whether browsers keep the cookie when they are closed, unless `setExpiry` says otherwise. */
  readonly isPersistent: boolean;
  /** Whether sessions of a user can be listed and ended. */
  readonly isRevocable: boolean;
  readonly hashKeys: boolean;
  readonly encrypt: boolean;
  readonly maxBytes: number;
  readonly cookie: {
    readonly name: string;
    readonly secure: boolean | "auto";
    readonly httpOnly: boolean;
    readonly sameSite: "lax" | "strict" | "none";
    readonly domain: string | null;
    readonly path: string;
  };
}

/** What is known of the store. */
export interface PolicyStore {
  readonly name: string;
  readonly users?: unknown;
}

export function policyOf(settings: ResolvedSessionSettings, store: PolicyStore): SessionPolicy {
  const { timeouts, renewEvery, maxPerUser, hashKeys, encrypt, maxBytes, cookie } = settings;
  const { name, secure, httpOnly, sameSite, domain = null, path } = cookie;
  return {
    store: store.name,
    idleTimeout: timeouts.idle / 1000,
    absoluteTimeout: toSeconds(timeouts.absolute),
    renewEvery: toSeconds(renewEvery),
    maxPerUser: maxPerUser ?? null,
    isPersistent: !timeouts.expireAtBrowserClose,
    isRevocable: store.users !== undefined,
    hashKeys,
    encrypt,
    maxBytes,
    cookie: { name, secure, httpOnly, sameSite, domain, path },
  };
}

function toSeconds(span: Milliseconds | null): number | null {
  return span === null ? null : span / 1000;
}
