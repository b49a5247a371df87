import type { Clock } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { CacheStore, StoredValue } from "../../stores/cache-store.ts";

/**
 * The version of a cache, kept in the store for all processes, so that raising it empties the
 * cache.
 *
 * It begins with the time and goes up by one, so it is never an earlier one, even after the store
 * has lost it.
 */
export class SharedVersion {
  readonly #store: CacheStore;
  readonly #clock: Clock;
  readonly #key: string;
  #latest: number | undefined;

  /** @param key Key of the version in the store. */
  constructor(store: CacheStore, clock: Clock, key: string) {
    this.#store = store;
    this.#clock = clock;
    this.#key = key;
  }

  /** Reads the current version. */
  async current(deadline: Deadline): Promise<number> {
    const stored = toVersion(await this.#store.get(this.#key, deadline));
    this.#latest = stored ?? (await this.#begin(deadline));
    return this.#latest;
  }

  /**
   * Runs a read with the current version. The read begins at once with the last known version, so
   * both take one round trip; if the version has changed meanwhile, the read runs again.
   */
  async with<Result>(read: (version: number) => Promise<Result>, deadline: Deadline): Promise<Result> {
    const guess = this.#latest;
    if (guess === undefined) return read(await this.current(deadline));
    const [version, result] = await Promise.all([this.current(deadline), read(guess)]);
    return version === guess ? result : read(version);
  }

  /** Raises the version. @returns The new one. */
  async bump(deadline: Deadline): Promise<number> {
    const result = await this.#store.incr(this.#key, 1n, deadline);
    this.#latest = result.status === "incremented" ? Number(result.value) : await this.#begin(deadline);
    return this.#latest;
  }

  async #begin(deadline: Deadline): Promise<number> {
    const entry = { key: this.#key, value: String(this.#clock.now()), ttl: null };
    if (await this.#store.set(entry, "if-absent", deadline)) return Number(entry.value);
    const stored = await this.#store.get(this.#key, deadline);
    const version = toVersion(stored);
    if (version !== undefined) return version;
    if (stored !== undefined) await this.#store.set(entry, "always", deadline);
    // Neither the write nor the read succeeded: the store is unreachable, and its failures count as
    // misses. The last known version still holds.
    return stored === undefined && this.#latest !== undefined ? this.#latest : Number(entry.value);
  }
}

function toVersion(stored: StoredValue | undefined): number | undefined {
  if (stored === undefined) return undefined;
  const version = Number(typeof stored === "string" ? stored : Buffer.from(stored).toString("latin1"));
  return Number.isSafeInteger(version) ? version : undefined;
}
