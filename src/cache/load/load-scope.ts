import { AsyncLocalStorage } from "node:async_hooks";

import { CacheReentranceError } from "../../core/errors.ts";
import type { EntryKey } from "../keys/keys.ts";

// Made with the first loader that runs: from then on a promise costs 50 to 90 ns more on Node 20 and 22.
let scopes: AsyncLocalStorage<LoadScope> | undefined;

/**
 * One run of a loader, and the loads that it waits for. It tells a loader that waits for itself, through
 * however many others and whichever caches of this process.
 */
export class LoadScope {
  readonly #place: unknown;
  readonly #keys: Set<string>;
  readonly #parent = LoadScope.current();
  readonly #waitsFor = new Set<LoadScope>();
  #isRunning = false;

  /**
   * @param place Where the entries are kept: two caches of one place see each other's entries.
   * @param keys Of the entries that are loaded together.
   */
  constructor(place: unknown, keys: readonly EntryKey[]) {
    this.#place = place;
    this.#keys = new Set(keys.map(({ storageKey }) => storageKey));
  }

  /** The loader that the present code runs for. One that has ended may have left timers and listeners behind. */
  static current(): LoadScope | undefined {
    let scope = scopes?.getStore();
    while (scope !== undefined && !scope.#isRunning) scope = scope.#parent;
    return scope;
  }

  /** Runs the loader. */
  async run<Result>(load: () => Promise<Result>): Promise<Result> {
    scopes ??= new AsyncLocalStorage();
    this.#isRunning = true;
    try {
      return await scopes.run(this, load);
    } finally {
      this.#isRunning = false;
    }
  }

  /** A key is written to: nobody who comes later waits for this load of it. */
  supersede(whole: string): void {
    this.#keys.delete(whole);
  }

  /** Whether this loader, or one that waits for it, loads an entry. */
  isLoading(place: unknown, key: EntryKey): boolean {
    if (this.#isRunning && this.#place === place && this.#keys.has(key.storageKey)) return true;
    return this.#parent?.isLoading(place, key) ?? false;
  }

  /**
   * Waits for a load, as this loader asks for it.
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

  /** Whether this waits for another one, or is it. Each load is looked at once. */
  #reaches(other: LoadScope): boolean {
    const reached = new Set<LoadScope>([this]);
    for (const scope of reached) for (const next of scope.#waitsFor) reached.add(next);
    return reached.has(other);
  }
}
