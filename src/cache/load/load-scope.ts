import { AsyncLocalStorage } from "node:async_hooks";

import { CacheReentranceError } from "../../core/errors.ts";
import type { EntryKey } from "../keys/keys.ts";

// Made with the first loader that runs: from then on a promise costs 50 to 90 ns more on Node 20
// and 22.
let scopes: AsyncLocalStorage<LoadScope> | undefined;

/**
 * One run of a loader, and the loads that it waits for. It detects a loader that waits for itself,
 * through any number of others and any caches of this process.
 */
export class LoadScope {
  readonly #place: unknown;
  readonly #keys: Set<string>;
  readonly #parent = LoadScope.current();
  readonly #waitsFor = new Set<LoadScope>();
  #isRunning = false;

  /**
   * @param place Location of the entries: caches with the same place see each other's entries.
   * @param keys Keys of the entries that are loaded together.
   */
  constructor(place: unknown, keys: readonly EntryKey[]) {
    this.#place = place;
    this.#keys = new Set(keys.map(({ storageKey }) => storageKey));
  }

  /**
   * Returns the loader that the current code runs for. A finished one may have left timers and
   * listeners behind.
   */
  static current(): LoadScope | undefined {
    let scope = scopes?.getStore();
    while (scope !== undefined && !scope.#isRunning) scope = scope.#parent;
    return scope;
  }

  async run<Result>(load: () => Promise<Result>): Promise<Result> {
    scopes ??= new AsyncLocalStorage();
    this.#isRunning = true;
    try {
      return await scopes.run(this, load);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Marks a key as written to: later callers do not wait for this load of it. */
  supersede(storageKey: string): void {
    this.#keys.delete(storageKey);
  }

  /** Returns whether this loader, or one that waits for it, loads an entry. */
  isLoading(place: unknown, key: EntryKey): boolean {
    if (this.#isRunning && this.#place === place && this.#keys.has(key.storageKey)) return true;
    return this.#parent?.isLoading(place, key) ?? false;
  }

  /**
   * Waits for a load on behalf of this loader.
   *
   * @throws {CacheReentranceError} When that load waits for this one.
   */
  async waitFor<Result>(load: LoadScope, key: EntryKey, result: Promise<Result>): Promise<Result> {
    if (load.#reaches(this)) throw new CacheReentranceError(key.key);
    this.#waitsFor.add(load);
    try {
      return await result;
    } finally {
      this.#waitsFor.delete(load);
    }
  }

  /** Returns whether this load waits for another one, or is it. Visits each load once. */
  #reaches(other: LoadScope): boolean {
    const reached = new Set<LoadScope>([this]);
    for (const scope of reached) for (const next of scope.#waitsFor) reached.add(next);
    return reached.has(other);
  }
}
