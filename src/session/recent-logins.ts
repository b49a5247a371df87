import { LRUCache } from "lru-cache";
import type { Clock } from "../core/clock.ts";
import type { SessionKey } from "../core/ids.ts";

/** The session that a login has made. */
export interface RecentLogin {
  readonly userId: string;
  readonly key: SessionKey;
}

// A double click is over in a second; a browser repeats a request that got no answer within a few.
const REMEMBERED_MS = 10_000;
const MOST_LOGINS = 10_000;

/**
 * Remembers for 10 seconds which key a login has given to the visitor of an old one, so that the second half of a
 * double click joins the session of the first instead of leaving a second one behind.
 */
export class RecentLogins {
  readonly #logins: LRUCache<SessionKey, RecentLogin>;

  constructor(clock: Clock) {
    this.#logins = new LRUCache({
      max: MOST_LOGINS,
      ttl: REMEMBERED_MS,
      ttlResolution: 0,
      // lru-cache takes a start of 0 for "no time".
      perf: { now: () => clock.monotonic() + 1 },
    });
  }

  remember(oldKey: SessionKey, login: RecentLogin): void {
    this.#logins.set(oldKey, login);
  }

  find(oldKey: SessionKey | undefined, userId: string): RecentLogin | undefined {
    const login = oldKey === undefined ? undefined : this.#logins.get(oldKey);
    return login?.userId === userId ? login : undefined;
  }
}
