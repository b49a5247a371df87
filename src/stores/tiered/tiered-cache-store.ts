import type { Clock, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { StoreServiceError } from "../../core/errors.ts";
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
} from "../cache-store.ts";
import { checkDeadline } from "../memory/check-deadline.ts";
import type { CoherentLevel } from "./coherent-level.ts";
import { warnOfUntracked } from "./untracked-warning.ts";

/** Parts of a {@link TieredCacheStore}. */
export interface TieredCacheStoreOptions {
  readonly remote: CacheStore;
  readonly level: CoherentLevel;
  readonly clock: Clock;
}

/** Time for which nothing is kept after the engine has refused to report changes. */
const PAUSE: Milliseconds = 30_000;

/**
 * A level in memory before another store. Plain reads are served from memory where it has the value;
 * all else is decided by the other store: conditions, writes, counters, leases and locks.
 */
export class TieredCacheStore implements CacheStore {
  readonly name = "tiered";
  readonly capabilities: CacheStoreCapabilities;
  readonly authority: CacheStore;
  readonly #remote: CacheStore;
  readonly #level: CoherentLevel;
  readonly #clock: Clock;
  #pausedUntil: Milliseconds = Number.NEGATIVE_INFINITY;
  #hasWarned = false;

  constructor({ remote, level, clock }: TieredCacheStoreOptions) {
    this.capabilities = remote.capabilities;
    this.authority = remote.authority ?? remote;
    this.#remote = remote;
    this.#level = level;
    this.#clock = clock;
  }

  getSync(key: string): StoredValue | null {
    return this.#level.get(key) ?? null;
  }

  async get(key: string, deadline: Deadline): Promise<StoredValue | undefined> {
    checkDeadline(deadline);
    const kept = this.#level.get(key);
    if (kept !== undefined) return kept;
    if (this.#level.isWritten(key)) return this.#remote.get(key, deadline);
    const [value] = await this.#read([key], deadline);
    return value;
  }

  async getMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]> {
    if (keys.length === 0) return [];
    checkDeadline(deadline);
    const values = new Map<string, StoredValue | undefined>();
    const [written, unknown]: [string[], string[]] = [[], []];
    for (const key of new Set(keys)) {
      const kept = this.#level.get(key);
      if (kept !== undefined) values.set(key, kept);
      else (this.#level.isWritten(key) ? written : unknown).push(key);
    }
    const read = await Promise.all([
      written.length === 0 ? [] : this.#remote.getMany(written, deadline),
      unknown.length === 0 ? [] : this.#read(unknown, deadline),
    ]);
    const found = read.flat();
    for (const [at, key] of [...written, ...unknown].entries()) values.set(key, found[at]);
    return keys.map((key) => values.get(key));
  }

  set(entry: CacheEntry, condition: SetCondition, deadline: Deadline): Promise<boolean> {
    return this.#level.during([entry.key], () => this.#remote.set(entry, condition, deadline));
  }

  setMany(
    entries: readonly CacheEntry[],
    condition: SetCondition,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    return this.#level.during(keysOf(entries), () => this.#remote.setMany(entries, condition, deadline));
  }

  ensureMany(entries: readonly CacheEntry[], deadline: Deadline): Promise<readonly StoredValue[]> {
    return this.#level.during(keysOf(entries), () => this.#remote.ensureMany(entries, deadline));
  }

  deleteMany(keys: readonly string[], deadline: Deadline): Promise<number> {
    return this.#level.during(keys, () => this.#remote.deleteMany(keys, deadline));
  }

  takeMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]> {
    return this.#level.during(keys, () => this.#remote.takeMany(keys, deadline));
  }

  touchMany(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    return this.#level.during(keys, () => this.#remote.touchMany(keys, ttl, deadline));
  }

  touchHeadless(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly (boolean | EntryHead)[]> {
    return this.#level.during(keys, () => this.#remote.touchHeadless(keys, ttl, deadline));
  }

  replaceHead(key: string, head: StoredValue, next: NewValue, deadline: Deadline): Promise<boolean> {
    return this.#level.during([key], () => this.#remote.replaceHead(key, head, next, deadline));
  }

  ttlMany(
    keys: readonly string[],
    deadline: Deadline,
  ): Promise<readonly (Milliseconds | null | undefined)[]> {
    return this.#remote.ttlMany(keys, deadline);
  }

  incr(key: string, delta: bigint, deadline: Deadline, options?: IncrementOptions): Promise<IncrementResult> {
    return this.#level.during([key], () => this.#remote.incr(key, delta, deadline, options));
  }

  compareAndSet(
    key: string,
    expected: StoredValue,
    next: NewValue | undefined,
    deadline: Deadline,
  ): Promise<boolean> {
    return this.#level.during([key], () => this.#remote.compareAndSet(key, expected, next, deadline));
  }

  lease(lease: Lease, ttl: Milliseconds, deadline: Deadline): Promise<LeaseResult> {
    return this.#remote.lease(lease, ttl, deadline);
  }

  renew(lease: Lease, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    return this.#remote.renew(lease, ttl, deadline);
  }

  fill(lease: Lease, entry: NewValue, deadline: Deadline): Promise<FillResult> {
    return this.#level.during([lease.key], () => this.#remote.fill(lease, entry, deadline));
  }

  release(lease: Lease, deadline: Deadline): Promise<boolean> {
    return this.#remote.release(lease, deadline);
  }

  acquireLock(
    key: string,
    token: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<number | undefined> {
    // Where locks are entries, as in django-redis.
    return this.#level.during([key], () => this.#remote.acquireLock(key, token, ttl, deadline));
  }

  extendLock(key: string, token: string, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    return this.#level.during([key], () => this.#remote.extendLock(key, token, ttl, deadline));
  }

  releaseLock(key: string, token: string, deadline: Deadline): Promise<boolean> {
    return this.#level.during([key], () => this.#remote.releaseLock(key, token, deadline));
  }

  lockHolder(key: string, deadline: Deadline): Promise<string | undefined> {
    return this.#remote.lockHolder(key, deadline);
  }

  scan(prefix: string, pageDeadline: () => Deadline): AsyncIterable<string> {
    return this.#remote.scan(prefix, pageDeadline);
  }

  /** Which keys a page has deleted is unknown here, so all values leave after each. */
  async *clear(keyPrefix: string, pageDeadline: () => Deadline): AsyncGenerator<number, void, undefined> {
    try {
      for await (const deleted of this.#remote.clear(keyPrefix, pageDeadline)) {
        this.#level.clear();
        yield deleted;
      }
    } finally {
      this.#level.clear();
    }
  }

  ping(deadline: Deadline): Promise<void> {
    return this.#remote.ping(deadline);
  }

  async close(): Promise<void> {
    await this.#level.close();
    await this.#remote.close();
  }

  /** Reads keys that are not written to; the values are kept if the engine reports their changes. */
  async #read(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]> {
    if (this.#clock.monotonic() < this.#pausedUntil) return this.#remote.getMany(keys, deadline);
    try {
      return await this.#level.read(keys, deadline);
    } catch (error) {
      if (deadline.hasPassed) throw error;
      const values = await this.#remote.getMany(keys, deadline);
      if (error instanceof StoreServiceError) this.#pause(error);
      return values;
    }
  }

  /** The engine serves reads, and refuses those whose changes it would report. */
  #pause(refusal: StoreServiceError): void {
    this.#pausedUntil = this.#clock.monotonic() + PAUSE;
    if (!this.#hasWarned) warnOfUntracked(refusal);
    this.#hasWarned = true;
  }
}

function keysOf(entries: readonly CacheEntry[]): string[] {
  return entries.map(({ key }) => key);
}
