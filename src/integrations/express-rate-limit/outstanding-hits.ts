import { LRUCache } from "lru-cache";

import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Window } from "../../cache/limits/windows.ts";

/** Hits of one client in one window that were not taken back. */
interface WindowHits {
  readonly window: Window;
  count: number;
  lastAt: Milliseconds;
}

/** Most clients that are remembered, and most windows of each. About 250 bytes for a client. */
const MOST_CLIENTS = 10_000;
const MOST_WINDOWS = 10;

/**
 * For how long after its window a hit may still be taken back: requests that proxies have not cut off by then
 * are rare (60 s is the default of nginx's `proxy_read_timeout`). What is older has failed, and stays counted; it
 * must not stand in for a hit of today.
 */
const LONGEST_REQUEST: Milliseconds = 60_000;

/**
 * In which windows the hits of clients were counted that this process has counted. The library says whose hit is
 * to be taken back, and not which one: it is the oldest one that can still be under way.
 */
export class OutstandingHits {
  readonly #clock: Clock;
  readonly #clients = new LRUCache<string, WindowHits[]>({ max: MOST_CLIENTS });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Remembers a hit. */
  add(client: string, window: Window): void {
    const recent = this.#recent(client);
    const last = recent.at(-1);
    if (last?.window.number === window.number) {
      last.count++;
      last.lastAt = this.#clock.monotonic();
    } else {
      recent.push({ window, count: 1, lastAt: this.#clock.monotonic() });
    }
    this.#clients.set(client, recent.slice(-MOST_WINDOWS));
  }

  /** Forgets the oldest hit, which is to be taken back. @returns Its window; `undefined` when none is known. */
  take(client: string): Window | undefined {
    const recent = this.#recent(client);
    const [oldest] = recent;
    if (oldest === undefined) return undefined;
    oldest.count--;
    const left = oldest.count > 0 ? recent : recent.slice(1);
    if (left.length > 0) this.#clients.set(client, left);
    else this.#clients.delete(client);
    return oldest.window;
  }

  /** Forgets the hits of a client. */
  forget(client: string): void {
    this.#clients.delete(client);
  }

  /** The hits of a client that can still be taken back, the oldest first. */
  #recent(client: string): WindowHits[] {
    const now: EpochMilliseconds = this.#clock.now();
    const since = this.#clock.monotonic() - LONGEST_REQUEST;
    const hits = this.#clients.get(client) ?? [];
    return hits.filter(({ window, lastAt }) => now < window.endsAt || lastAt >= since);
  }
}
