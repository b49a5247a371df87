import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import {
  type CacheEntry,
  type CacheStore,
  type CacheStoreCapabilities,
  type EntryHead,
  type FillResult,
  type IncrementOptions,
  type IncrementResult,
  isCacheKey,
  type Lease,
  type LeaseResult,
  type NewValue,
  type SetCondition,
  type StoredValue,
} from "../cache-store.ts";
import { endsLease } from "../ends-lease.ts";
import { checkDeadline } from "./check-deadline.ts";
import { MemoryEntries, type Stored } from "./memory-entries.ts";
import { MemoryLeases } from "./memory-leases.ts";
import { MemoryLocks } from "./memory-locks.ts";
import { BYTES_FORM, type StoredForm, TEXT_FORM } from "./stored-form.ts";

/** Limits of a {@link MemoryCacheStore}. */
export interface MemoryBounds {
  readonly maxEntries: number;
  /** Sum of the sizes of all entries. @defaultValue no bound */
  readonly maxBytes?: number | undefined;
  /** Maximum number of counters, which are not entries here. @defaultValue `100_000` */
  readonly maxCounters?: number | undefined;
}

/** Maximum number of locks held at once. About 200 bytes each. */
const MAX_LOCKS = 100_000;

/** Default of the maximum number of counters. About 250 bytes each. */
export const MAX_COUNTERS = 100_000;

/**
 * Size of an entry beside the bytes of its key and value: an object, a number, the headers of two
 * strings, a place in a map (120 bytes together) and one in the lists of lru-cache (36). Measured
 * over 10^6 entries with Node 20.
 */
export const ENTRY_OVERHEAD = 160;

/** Integers that Redis counts with: digits without leading zeros, within 64 bits. */
const CANONICAL_INTEGER = /^(?:0|-?[1-9]\d{0,18})$/;

/**
 * Cache entries in the memory of this process. When it is full, the least recently used one makes
 * room. An entry that exceeds the whole bound is not kept, nor is the entry that was under its key
 * before.
 *
 * An expired entry keeps its place until it is read, or makes room. Counters and locks make no
 * room: beyond a bound another one is refused.
 */
export class MemoryCacheStore implements CacheStore {
  readonly name = "memory";
  readonly capabilities: CacheStoreCapabilities = {
    atomicIncrement: true,
    scan: true,
    compareAndSet: true,
    leases: true,
    locks: true,
  };
  readonly #clock: Clock;
  readonly #entries: MemoryEntries;
  readonly #leases: MemoryLeases;
  readonly #locks: MemoryLocks;
  readonly #form: StoredForm;

  constructor(
    clock: Clock,
    { maxEntries, maxBytes, maxCounters = MAX_COUNTERS }: MemoryBounds,
    values: "text" | "bytes" = "text",
  ) {
    this.#clock = clock;
    this.#leases = new MemoryLeases(clock);
    this.#locks = new MemoryLocks(clock, MAX_LOCKS);
    this.#form = values === "bytes" ? BYTES_FORM : TEXT_FORM;
    const sizeOf = (key: string, value: string): number => this.#sizeOf(key, value);
    this.#entries = new MemoryEntries({ clock, maxEntries, maxCounters, maxBytes, sizeOf });
  }

  /** Sum of the sizes of all entries, if they are bounded; else 0. */
  get bytes(): number {
    return this.#entries.bytes;
  }

  async get(key: string, deadline: Deadline): Promise<StoredValue | undefined> {
    checkDeadline(deadline);
    return this.#read(key);
  }

  getSync(key: string): StoredValue | undefined {
    return this.#read(key);
  }

  async getMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]> {
    checkDeadline(deadline);
    return keys.map((key) => this.#read(key));
  }

  async set(entry: CacheEntry, condition: SetCondition, deadline: Deadline): Promise<boolean> {
    checkDeadline(deadline);
    return this.#set(entry, condition);
  }

  async setMany(
    entries: readonly CacheEntry[],
    condition: SetCondition,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    checkDeadline(deadline);
    return entries.map((entry) => this.#set(entry, condition));
  }

  async ensureMany(entries: readonly CacheEntry[], deadline: Deadline): Promise<readonly StoredValue[]> {
    checkDeadline(deadline);
    return entries.map((entry) => this.#form.fromStored(this.#ensure(entry)));
  }

  async deleteMany(keys: readonly string[], deadline: Deadline): Promise<number> {
    checkDeadline(deadline);
    return keys.filter((key) => this.#delete(key)).length;
  }

  async takeMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]> {
    checkDeadline(deadline);
    return keys.map((key) => {
      const value = this.#read(key);
      this.#delete(key);
      return value;
    });
  }

  async touchMany(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    checkDeadline(deadline);
    return keys.map((key) => {
      const entry = this.#entries.get(key);
      if (entry !== undefined) this.#entries.setEnd(key, { ...entry, expiresAt: this.#expiryOf(ttl) });
      return entry !== undefined;
    });
  }

  async touchHeadless(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly (boolean | EntryHead)[]> {
    checkDeadline(deadline);
    return keys.map((key) => {
      const entry = this.#entries.get(key);
      if (entry === undefined) return false;
      const end = entry.value.startsWith("~") ? entry.value.indexOf("\n") + 1 : 0;
      if (end > 0)
        return { head: this.#form.fromStored(entry.value.slice(0, end)), ttl: this.#leftOf(entry) };
      this.#entries.setEnd(key, { ...entry, expiresAt: this.#expiryOf(ttl) });
      return true;
    });
  }

  async replaceHead(
    key: string,
    head: StoredValue,
    { value, ttl }: NewValue,
    deadline: Deadline,
  ): Promise<boolean> {
    checkDeadline(deadline);
    const [stored, expected] = [this.#entries.get(key)?.value, this.#form.toStored(head)];
    if (stored?.startsWith(expected) !== true) return false;
    this.#put(key, this.#form.toStored(value) + stored.slice(expected.length), ttl);
    return true;
  }

  async ttlMany(
    keys: readonly string[],
    deadline: Deadline,
  ): Promise<readonly (Milliseconds | null | undefined)[]> {
    checkDeadline(deadline);
    return keys.map((key) => {
      const entry = this.#entries.get(key);
      return entry === undefined ? undefined : this.#leftOf(entry);
    });
  }

  async incr(
    key: string,
    delta: bigint,
    deadline: Deadline,
    { begin, least }: IncrementOptions = {},
  ): Promise<IncrementResult> {
    checkDeadline(deadline);
    const entry = this.#entries.get(key);
    if (entry === undefined) return begin === undefined ? { status: "missing" } : this.#begin(key, begin);
    const sum = CANONICAL_INTEGER.test(entry.value) ? BigInt(entry.value) + delta : undefined;
    if (sum === undefined || !fits(BigInt(entry.value)) || !fits(sum)) return { status: "not-integer" };
    const value = least !== undefined && sum < least ? least : sum;
    this.#entries.setCounter(key, { ...entry, value: String(value) });
    return { status: "incremented", value };
  }

  async compareAndSet(
    key: string,
    expected: StoredValue,
    next: NewValue | undefined,
    deadline: Deadline,
  ): Promise<boolean> {
    checkDeadline(deadline);
    if (this.#entries.get(key)?.value !== this.#form.toStored(expected)) return false;
    if (next === undefined) return this.#delete(key);
    return this.#set({ key, ...next }, "always");
  }

  async lease({ key, token, expected }: Lease, ttl: Milliseconds, deadline: Deadline): Promise<LeaseResult> {
    checkDeadline(deadline);
    const newer = this.#newerThan(key, expected);
    if (newer !== undefined) {
      this.#leases.finish(key, token);
      return { status: "found", value: this.#form.fromStored(newer) };
    }
    return this.#leases.take(key, token, ttl);
  }

  async renew({ key, token, expected }: Lease, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    checkDeadline(deadline);
    if (this.#newerThan(key, expected) !== undefined) this.#leases.finish(key, token);
    return this.#leases.renew(key, token, ttl);
  }

  async fill(
    { key, token, expected }: Lease,
    { value, ttl }: NewValue,
    deadline: Deadline,
  ): Promise<FillResult> {
    checkDeadline(deadline);
    const isHolder = this.#leases.finish(key, token);
    if (!isHolder || this.#newerThan(key, expected) !== undefined)
      return { status: "superseded", value: this.#read(key) };
    this.#put(key, this.#form.toStored(value), ttl);
    return { status: "stored" };
  }

  async release({ key, token }: Lease, deadline: Deadline): Promise<boolean> {
    checkDeadline(deadline);
    return this.#leases.release(key, token);
  }

  async acquireLock(
    key: string,
    token: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<number | undefined> {
    checkDeadline(deadline);
    return this.#locks.acquire(key, token, ttl);
  }

  async extendLock(key: string, token: string, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    checkDeadline(deadline);
    return this.#locks.extend(key, token, ttl);
  }

  async releaseLock(key: string, token: string, deadline: Deadline): Promise<boolean> {
    checkDeadline(deadline);
    return this.#locks.release(key, token);
  }

  async lockHolder(key: string, deadline: Deadline): Promise<string | undefined> {
    checkDeadline(deadline);
    return this.#locks.holder(key);
  }

  async *scan(prefix: string, pageDeadline: () => Deadline): AsyncGenerator<string, void, undefined> {
    checkDeadline(pageDeadline());
    // A copy: in the map itself, a key deleted and set again during the walk would come twice.
    for (const key of this.#entries.keys()) {
      if (key.startsWith(prefix) && this.#entries.peek(key) !== undefined) yield key;
    }
  }

  async *clear(keyPrefix: string, pageDeadline: () => Deadline): AsyncGenerator<number, void, undefined> {
    checkDeadline(pageDeadline());
    this.#leases.endWhere((key) => isCacheKey(key, keyPrefix));
    const own = this.#entries.keys().filter((key) => isCacheKey(key, keyPrefix));
    yield own.filter((key) => this.#delete(key)).length;
  }

  async ping(deadline: Deadline): Promise<void> {
    checkDeadline(deadline);
  }

  async close(): Promise<void> {
    this.#entries.clear();
    this.#leases.endWhere(() => true);
    this.#locks.clear();
  }

  #begin(key: string, { value, ttl }: NewValue): IncrementResult {
    const stored = this.#form.toStored(value);
    this.#entries.setCounter(key, { value: stored, expiresAt: this.#expiryOf(ttl) });
    if (endsLease(ttl)) this.#leases.end(key);
    return { status: "incremented", value: BigInt(stored) };
  }

  #sizeOf(key: string, value: string): number {
    return Buffer.byteLength(key) + this.#form.sizeOf(value) + ENTRY_OVERHEAD;
  }

  #read(key: string): StoredValue | undefined {
    const entry = this.#entries.get(key);
    return entry === undefined ? undefined : this.#form.fromStored(entry.value);
  }

  #set({ key, value, ttl }: CacheEntry, condition: SetCondition): boolean {
    if (condition !== "always" && (this.#entries.get(key) !== undefined) !== (condition === "if-present"))
      return false;
    if (endsLease(ttl)) this.#leases.end(key);
    this.#put(key, this.#form.toStored(value), ttl);
    return true;
  }

  /** @returns The value stored then. */
  #ensure({ key, value, ttl }: CacheEntry): string {
    const entry = this.#entries.get(key);
    const stored = entry?.value ?? this.#form.toStored(value);
    const expiresAt = this.#expiryOf(ttl);
    if (entry === undefined || entry.expiresAt < expiresAt)
      this.#entries.setEnd(key, { value: stored, expiresAt });
    return stored;
  }

  #put(key: string, value: string, ttl: Milliseconds | null): void {
    this.#entries.set(key, { value, expiresAt: this.#expiryOf(ttl) });
  }

  #leftOf({ expiresAt }: Stored): Milliseconds | null {
    if (expiresAt === Number.POSITIVE_INFINITY) return null;
    return Math.max(1, Math.ceil(expiresAt - this.#clock.now()));
  }

  #expiryOf(ttl: Milliseconds | null): EpochMilliseconds {
    return ttl === null ? Number.POSITIVE_INFINITY : this.#clock.now() + ttl;
  }

  #delete(key: string): boolean {
    this.#leases.end(key);
    return this.#entries.peek(key) !== undefined && this.#entries.delete(key);
  }

  /** Returns the stored value, unless it is the one that the caller has seen or begins with it. */
  #newerThan(key: string, seen: StoredValue | undefined): string | undefined {
    const stored = this.#entries.get(key)?.value;
    const isSeen = seen !== undefined && stored?.startsWith(this.#form.toStored(seen)) === true;
    return isSeen ? undefined : stored;
  }
}

function fits(integer: bigint): boolean {
  return BigInt.asIntN(64, integer) === integer;
}
