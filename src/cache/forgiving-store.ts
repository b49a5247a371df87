import type { Clock, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import { isStoreError, RedisQueueFullError, StoreConnectionError } from "../core/errors.ts";
import type {
  CacheEntry,
  CacheStore,
  CacheStoreCapabilities,
  EntryHead,
  FillResult,
  IncrementOptions,
  IncrementResult,
  Lease,
  LeaseResult,
  NewValue,
  SetCondition,
  StoredValue,
} from "../stores/cache-store.ts";
import type { CacheMonitor } from "./monitor/cache-monitor.ts";

/** Parts and settings of a {@link ForgivingStore}. */
export interface ForgivingStoreOptions {
  readonly store: CacheStore;
  readonly monitor: CacheMonitor;
  readonly clock: Clock;
  /** Time for which the store is not called after it could not be reached. */
  readonly pause: Milliseconds;
}

/** Returns whether an error means that the store cannot be reached. */
export function isOutage(error: unknown): boolean {
  return error instanceof StoreConnectionError && !(error instanceof RedisQueueFullError);
}

/** Maximum number of keys remembered for deletion. About 100 bytes each. */
const MAX_OUTDATED = 10_000;

/**
 * Store for `onStoreError: "miss"`: an unreachable store acts as an empty one, and each failure is
 * counted and emitted.
 *
 * - Reads find nothing. Writes store nothing. Counters and locks throw, since there is no sensible
 *   result.
 * - Deletes throw too: continuing as if they had succeeded would leave a value that is known to be
 *   wrong.
 * - The keys of failed deletes and overwrites are remembered. Until the store has deleted them they
 *   are misses for this process; the first call that succeeds again deletes them.
 * - After the store could not be reached, it is not called for the time of one deadline, so that a
 *   page which reads many entries waits for one of them. A command that the client refused because
 *   of its full queue says nothing about the store.
 */
export class ForgivingStore implements CacheStore {
  readonly #store: CacheStore;
  readonly #monitor: CacheMonitor;
  readonly #clock: Clock;
  readonly #pause: Milliseconds;
  readonly #outdated = new Set<string>();
  /** Left out where the store has none: a cache then calls {@link get} at once. */
  readonly getSync?: (key: string) => StoredValue | undefined | null;
  #pausedUntil: Milliseconds = Number.NEGATIVE_INFINITY;
  #deletion: Promise<void> | undefined;

  constructor({ store, monitor, clock, pause }: ForgivingStoreOptions) {
    this.#store = store;
    this.#monitor = monitor;
    this.#clock = clock;
    this.#pause = pause;
    if (store.getSync === undefined) return;
    this.getSync = (key) => (this.#outdated.size > 0 ? null : store.getSync?.(key));
  }

  get name(): string {
    return this.#store.name;
  }

  /** Whether the store is not called after a failure. */
  get isPaused(): boolean {
    return this.#clock.monotonic() < this.#pausedUntil;
  }

  get capabilities(): CacheStoreCapabilities {
    return this.#store.capabilities;
  }

  async get(key: string, deadline: Deadline): Promise<StoredValue | undefined> {
    const value = await this.#forgive("get", deadline, undefined, () => this.#store.get(key, deadline));
    return this.#outdated.has(key) ? undefined : value;
  }

  async getMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]> {
    const nothing = keys.map(() => undefined);
    const values = await this.#forgive("getMany", deadline, nothing, () =>
      this.#store.getMany(keys, deadline),
    );
    return values.map((value, at) => (this.#outdated.has(keys[at] ?? "") ? undefined : value));
  }

  async set(entry: CacheEntry, condition: SetCondition, deadline: Deadline): Promise<boolean> {
    const stored = await this.#forgive("set", deadline, undefined, () =>
      this.#store.set(entry, condition, deadline),
    );
    if (stored === undefined && condition !== "if-absent") this.#remember([entry.key]);
    return stored ?? false;
  }

  async setMany(
    entries: readonly CacheEntry[],
    condition: SetCondition,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    const stored = await this.#forgive("setMany", deadline, undefined, () =>
      this.#store.setMany(entries, condition, deadline),
    );
    if (stored !== undefined) return stored;
    if (condition !== "if-absent") this.#remember(entries.map(({ key }) => key));
    return entries.map(() => false);
  }

  ensureMany(entries: readonly CacheEntry[], deadline: Deadline): Promise<readonly StoredValue[]> {
    const own = entries.map(({ value }) => value);
    return this.#forgive("ensureMany", deadline, own, () => this.#store.ensureMany(entries, deadline));
  }

  deleteMany(keys: readonly string[], deadline: Deadline): Promise<number> {
    return this.#delete("deleteMany", keys, () => this.#store.deleteMany(keys, deadline));
  }

  takeMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]> {
    const outdated = new Set(keys.filter((key) => this.#outdated.has(key)));
    return this.#delete("takeMany", keys, async () => {
      const values = await this.#store.takeMany(keys, deadline);
      return values.map((value, at) => (outdated.has(keys[at] ?? "") ? undefined : value));
    });
  }

  touchMany(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    const nothing = keys.map(() => false);
    return this.#forgive("touchMany", deadline, nothing, () => this.#store.touchMany(keys, ttl, deadline));
  }

  touchHeadless(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly (boolean | EntryHead)[]> {
    const nothing = keys.map(() => false);
    return this.#forgive("touchHeadless", deadline, nothing, () =>
      this.#store.touchHeadless(keys, ttl, deadline),
    );
  }

  replaceHead(key: string, head: StoredValue, next: NewValue, deadline: Deadline): Promise<boolean> {
    return this.#forgive("replaceHead", deadline, false, () =>
      this.#store.replaceHead(key, head, next, deadline),
    );
  }

  ttlMany(
    keys: readonly string[],
    deadline: Deadline,
  ): Promise<readonly (Milliseconds | null | undefined)[]> {
    const nothing = keys.map(() => undefined);
    return this.#forgive("ttlMany", deadline, nothing, () => this.#store.ttlMany(keys, deadline));
  }

  incr(key: string, delta: bigint, deadline: Deadline, options?: IncrementOptions): Promise<IncrementResult> {
    return this.#tell("incr", deadline, () => this.#store.incr(key, delta, deadline, options));
  }

  compareAndSet(
    key: string,
    expected: StoredValue,
    next: NewValue | undefined,
    deadline: Deadline,
  ): Promise<boolean> {
    return this.#tell("compareAndSet", deadline, () =>
      this.#store.compareAndSet(key, expected, next, deadline),
    );
  }

  lease(lease: Lease, ttl: Milliseconds, deadline: Deadline): Promise<LeaseResult> {
    return this.#forgive("lease", deadline, { status: "leased" }, () =>
      this.#store.lease(lease, ttl, deadline),
    );
  }

  renew(lease: Lease, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    return this.#forgive("renew", deadline, true, () => this.#store.renew(lease, ttl, deadline));
  }

  fill(lease: Lease, entry: NewValue, deadline: Deadline): Promise<FillResult> {
    // No other writer has superseded the load; the failure was reported.
    return this.#forgive("fill", deadline, { status: "stored" }, () =>
      this.#store.fill(lease, entry, deadline),
    );
  }

  release(lease: Lease, deadline: Deadline): Promise<boolean> {
    return this.#forgive("release", deadline, true, () => this.#store.release(lease, deadline));
  }

  acquireLock(
    key: string,
    token: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<number | undefined> {
    return this.#tell("acquireLock", deadline, () => this.#store.acquireLock(key, token, ttl, deadline));
  }

  extendLock(key: string, token: string, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    return this.#tell("extendLock", deadline, () => this.#store.extendLock(key, token, ttl, deadline));
  }

  releaseLock(key: string, token: string, deadline: Deadline): Promise<boolean> {
    return this.#tell("releaseLock", deadline, () => this.#store.releaseLock(key, token, deadline));
  }

  lockHolder(key: string, deadline: Deadline): Promise<string | undefined> {
    return this.#tell("lockHolder", deadline, () => this.#store.lockHolder(key, deadline));
  }

  scan(prefix: string, pageDeadline: () => Deadline): AsyncIterable<string> {
    return this.#store.scan(prefix, pageDeadline);
  }

  clear(keyPrefix: string, pageDeadline: () => Deadline): AsyncIterable<number> {
    return this.#store.clear(keyPrefix, pageDeadline);
  }

  ping(deadline: Deadline): Promise<void> {
    return this.#store.ping(deadline);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** Returns the result of a task, or a substitute when the store fails or is paused. */
  async #forgive<Result, Instead>(
    operation: string,
    deadline: Deadline,
    instead: Instead,
    task: () => Promise<Result>,
  ): Promise<Result | Instead> {
    if (this.isPaused) return instead;
    try {
      if (this.#outdated.size > 0) await this.#deleteOutdated(deadline);
      return await task();
    } catch (error) {
      this.#note(operation, error);
      return instead;
    }
  }

  async #delete<Result>(
    operation: string,
    keys: readonly string[],
    task: () => Promise<Result>,
  ): Promise<Result> {
    try {
      const result = await task();
      for (const key of keys) this.#outdated.delete(key);
      return result;
    } catch (error) {
      this.#note(operation, error);
      this.#remember(keys);
      throw error;
    }
  }

  async #tell<Result>(operation: string, deadline: Deadline, task: () => Promise<Result>): Promise<Result> {
    try {
      if (this.#outdated.size > 0) await this.#deleteOutdated(deadline);
      return await task();
    } catch (error) {
      this.#note(operation, error);
      throw error;
    }
  }

  #note(operation: string, error: unknown): void {
    if (!isStoreError(error)) throw error;
    if (isOutage(error)) this.#pausedUntil = this.#clock.monotonic() + this.#pause;
    this.#monitor.emit("storeError", { operation, error });
  }

  /** Deletes the remembered keys once for all concurrent callers. */
  #deleteOutdated(deadline: Deadline): Promise<void> {
    this.#deletion ??= this.#deleteRemembered(deadline).finally(() => void (this.#deletion = undefined));
    return this.#deletion;
  }

  async #deleteRemembered(deadline: Deadline): Promise<void> {
    const keys = [...this.#outdated];
    await this.#store.deleteMany(keys, deadline);
    for (const key of keys) this.#outdated.delete(key);
  }

  /**
   * Remembers keys for deletion. Beyond the bound the oldest are dropped and may be served again;
   * the event `forgotten` reports it.
   */
  #remember(keys: readonly string[]): void {
    for (const key of keys) this.#outdated.add(key);
    const surplus = this.#outdated.size - MAX_OUTDATED;
    if (surplus <= 0) return;
    for (const key of [...this.#outdated].slice(0, surplus)) this.#outdated.delete(key);
    this.#monitor.emit("forgotten", { count: surplus });
  }
}
