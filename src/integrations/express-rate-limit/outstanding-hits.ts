import { AsyncLocalStorage } from "node:async_hooks";
import { LRUCache } from "lru-cache";

import type { Window } from "../../cache/limits/windows.ts";

/** A hit that can still be taken back. */
interface Hit {
  readonly client: string;
  readonly window: Window;
  isTaken: boolean;
}

/** How many hits of a client in one window were not taken back. */
interface Counted {
  readonly window: Window;
  left: number;
}

/** Most clients that are remembered. About 250 bytes each. */
const MAX_CLIENTS = 10_000;

/** Most hits that one asynchronous context has, and most windows of a client. A request has one of each. */
const MAX_HITS = 10;

/**
 * In which windows the hits were counted that are to be taken back. The library says whose hit it is, and not which
 * one. But it takes a hit back in the asynchronous context of the request in which it was counted, which is known
 * here; of several hits in one context, it is the oldest one.
 *
 * Where the context is lost, a hit of the present window is taken back if this process has counted one there,
 * and else one of the windows before.
 */
export class OutstandingHits {
  readonly #context = new AsyncLocalStorage<readonly Hit[]>();
  readonly #clients = new LRUCache<string, readonly Counted[]>({ max: MAX_CLIENTS });

  /** Remembers a hit. To be called before the caller's context is left, so before anything is awaited. */
  add(client: string, window: Window): void {
    const hits = this.#hits.filter(({ isTaken }) => !isTaken).slice(1 - MAX_HITS);
    this.#context.enterWith([...hits, { client, window, isTaken: false }]);
    const counted = this.#countedOf(client);
    const last = counted.at(-1);
    if (last?.window.number === window.number) last.left++;
    else this.#clients.set(client, [...counted.slice(1 - MAX_HITS), { window, left: 1 }]);
  }

  /** Forgets a hit, which is to be taken back. @returns Its window; `undefined` when nothing is known of it. */
  take(client: string, present: Window): Window | undefined {
    const hit = this.#hits.find((each) => each.client === client && !each.isTaken);
    if (hit !== undefined) hit.isTaken = true;
    const left = this.#countedOf(client).filter((each) => each.left > 0);
    const wanted = (hit?.window ?? present).number;
    const counted = left.find(({ window }) => window.number === wanted) ?? (hit === undefined ? left[0] : undefined);
    if (counted !== undefined) counted.left--;
    return hit?.window ?? counted?.window;
  }

  /** Forgets the hits of a client. */
  forget(client: string): void {
    this.#clients.delete(client);
    for (const hit of this.#hits) if (hit.client === client) hit.isTaken = true;
  }

  get #hits(): readonly Hit[] {
    return this.#context.getStore() ?? [];
  }

  #countedOf(client: string): readonly Counted[] {
    return this.#clients.get(client) ?? [];
  }
}
