import type { Milliseconds } from "../core/clock.ts";
import type { ResolvedSessionSettings } from "./session-settings.ts";

/**
 * The effective session policy, for documentation and audits (OWASP ASVS 5.0, 7.1). Times are in
 * seconds.
 */
export interface SessionPolicy {
  /** Engine that keeps the records. */
  readonly store: string;
  /** Maximum time between requests. */
  readonly idleTimeoutSeconds: number;
  /** Maximum time since the login, regardless of activity; `null`: no limit. */
  readonly absoluteTimeoutSeconds: number | null;
  /** Maximum age of a key; `null`: no limit. */
  readonly renewEverySeconds: number | null;
  /** Maximum number of sessions per user; `null`: no limit. */
  readonly maxPerUser: number | null;
  /** Whether the cookie outlives a closed browser, unless `setExpiry` says otherwise. */
  readonly isPersistent: boolean;
  /** Whether a user's sessions can be listed and ended. */
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

/** Part of a store that the policy describes. */
export interface PolicyStore {
  readonly name: string;
  readonly users?: unknown;
}

export function policyOf(settings: ResolvedSessionSettings, store: PolicyStore): SessionPolicy {
  const { timeouts, renewEvery, maxPerUser, hashKeys, encrypt, maxBytes, cookie } = settings;
  const { name, secure, httpOnly, sameSite, domain = null, path } = cookie;
  return {
    store: store.name,
    idleTimeoutSeconds: timeouts.idle / 1000,
    absoluteTimeoutSeconds: toSeconds(timeouts.absolute),
    renewEverySeconds: toSeconds(renewEvery),
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
