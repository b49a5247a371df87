import { AsyncLocalStorage } from "node:async_hooks";
import { LRUCache } from "lru-cache";

import type { Window } from "../../cache/limits/windows.ts";

/** A hit that can still be taken back. */
interface Hit {
  readonly client: string;
  readonly window: Window;
  isTaken: boolean;
}

/** Number of hits of a client in one window that were not taken back. */
interface Counted {
  readonly window: Window;
  left: number;
}

/** Maximum number of clients that are remembered. About 250 bytes each. */
const MAX_CLIENTS = 10_000;

/**
 * Maximum number of hits of one asynchronous context, and of windows of a client. A request has one
 * of each.
 */
const MAX_HITS = 10;

/**
 * Windows of the hits that may be taken back. The library names the client of a hit, not the hit.
 * But it takes a hit back in the asynchronous context of its request, which is known here; of
 * several hits in one context, the oldest is used.
 *
 * If the context is lost, the hit is taken from the present window if this process has counted one
 * there, and otherwise from one of the previous windows.
 */
export class OutstandingHits {
  readonly #context = new AsyncLocalStorage<readonly Hit[]>();
  readonly #clients = new LRUCache<string, readonly Counted[]>({ max: MAX_CLIENTS });

  /** Remembers a hit. Call it before the caller's context is left, so before any `await`. */
  add(client: string, window: Window): void {
    const hits = this.#hits.filter(({ isTaken }) => !isTaken).slice(1 - MAX_HITS);
    this.#context.enterWith([...hits, { client, window, isTaken: false }]);
    const counted = this.#countedOf(client);
    const last = counted.at(-1);
    if (last?.window.number === window.number) last.left++;
    else this.#clients.set(client, [...counted.slice(1 - MAX_HITS), { window, left: 1 }]);
  }

  /** Removes a hit that is to be taken back. @returns Its window; `undefined` when unknown. */
  take(client: string, present: Window): Window | undefined {
    const hit = this.#hits.find((each) => each.client === client && !each.isTaken);
    if (hit !== undefined) hit.isTaken = true;
    const left = this.#countedOf(client).filter((each) => each.left > 0);
    const wanted = (hit?.window ?? present).number;
    const counted =
      left.find(({ window }) => window.number === wanted) ?? (hit === undefined ? left[0] : undefined);
    if (counted !== undefined) counted.left--;
    return hit?.window ?? counted?.window;
  }

  /** Removes the hits of a client. */
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
