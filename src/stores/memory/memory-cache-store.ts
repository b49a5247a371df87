import { LRUCache } from "lru-cache";

import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import {
  type CacheEntry,
  type CacheStore,
  type CacheStoreCapabilities,
  type IncrementResult,
  isCacheKey,
  type SetCondition,
} from "../cache-store.ts";
import { checkDeadline } from "./check-deadline.ts";

interface Stored {
  readonly value: string;
  readonly expiresAt: EpochMilliseconds;
}

/** What Redis counts with: digits without leading zeros, within 64 bits. */
const CANONICAL_INTEGER = /^(?:0|-?[1-9]\d{0,18})$/;

/**
 * Cache entries in the memory of this process. When it is full, what was not used for the longest time makes room.
 *
 * An entry that has expired takes its place until it is asked for, or makes room.
 */
export class MemoryCacheStore implements CacheStore {
  readonly name = "memory";
  readonly capabilities: CacheStoreCapabilities = {
    atomicIncrement: true,
    scan: true,
    compareAndSet: false,
    leases: false,
  };
  readonly #clock: Clock;
  readonly #entries: LRUCache<string, Stored>;

  constructor(clock: Clock, maxEntries: number) {
    this.#clock = clock;
    this.#entries = new LRUCache({ max: maxEntries });
  }

  async getMany(keys: readonly string[], deadline: Deadline): Promise<readonly (string | undefined)[]> {
    checkDeadline(deadline);
    return keys.map((key) => this.#live(key)?.value);
  }

  async setMany(
    entries: readonly CacheEntry[],
    condition: SetCondition,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    checkDeadline(deadline);
    return entries.map((entry) => this.#set(entry, condition));
  }

  async deleteMany(keys: readonly string[], deadline: Deadline): Promise<number> {
    checkDeadline(deadline);
    return keys.filter((key) => this.#delete(key)).length;
  }

  async touch(key: string, ttl: Milliseconds | null, deadline: Deadline): Promise<boolean> {
    checkDeadline(deadline);
    const entry = this.#live(key);
    if (entry !== undefined) this.#put(key, entry.value, ttl);
    return entry !== undefined;
  }

  async ttl(key: string, deadline: Deadline): Promise<Milliseconds | null | undefined> {
    checkDeadline(deadline);
    const entry = this.#live(key);
    if (entry === undefined) return undefined;
    return entry.expiresAt === Number.POSITIVE_INFINITY ? null : entry.expiresAt - this.#clock.now();
  }

  async incr(key: string, delta: bigint, deadline: Deadline): Promise<IncrementResult> {
    checkDeadline(deadline);
    const entry = this.#live(key);
    if (entry === undefined) return { status: "missing" };
    const sum = CANONICAL_INTEGER.test(entry.value) ? BigInt(entry.value) + delta : undefined;
    if (sum === undefined || !fits(BigInt(entry.value)) || !fits(sum)) return { status: "not-integer" };
    this.#entries.set(key, { ...entry, value: String(sum) });
    return { status: "incremented", value: sum };
  }

  async *scan(prefix: string, pageDeadline: () => Deadline): AsyncGenerator<string, void, undefined> {
    checkDeadline(pageDeadline());
    // A copy: in the map itself, a key that is deleted and set again during the walk would come twice.
    const keys = [...this.#entries.keys()];
    for (const key of keys) {
      if (key.startsWith(prefix) && this.#peek(key) !== undefined) yield key;
    }
  }

  async *clear(keyPrefix: string, pageDeadline: () => Deadline): AsyncGenerator<number, void, undefined> {
    checkDeadline(pageDeadline());
    const own = [...this.#entries.keys()].filter((key) => isCacheKey(key, keyPrefix));
    yield own.filter((key) => this.#delete(key)).length;
  }

  async ping(deadline: Deadline): Promise<void> {
    checkDeadline(deadline);
  }

  async close(): Promise<void> {
    this.#entries.clear();
  }

  #set({ key, value, ttl }: CacheEntry, condition: SetCondition): boolean {
    if (condition !== "always" && (this.#live(key) !== undefined) !== (condition === "if-present")) return false;
    this.#put(key, value, ttl);
    return true;
  }

  #put(key: string, value: string, ttl: Milliseconds | null): void {
    const expiresAt = ttl === null ? Number.POSITIVE_INFINITY : this.#clock.now() + ttl;
    this.#entries.set(key, { value, expiresAt });
  }

  #delete(key: string): boolean {
    return this.#peek(key) !== undefined && this.#entries.delete(key);
  }

  /** Reads an entry and counts it as used. */
  #live(key: string): Stored | undefined {
    return this.#unexpired(key, this.#entries.get(key));
  }

  #peek(key: string): Stored | undefined {
    return this.#unexpired(key, this.#entries.peek(key));
  }

  #unexpired(key: string, entry: Stored | undefined): Stored | undefined {
    if (entry === undefined || this.#clock.now() < entry.expiresAt) return entry;
    this.#entries.delete(key);
    return undefined;
  }
}

function fits(integer: bigint): boolean {
  return BigInt.asIntN(64, integer) === integer;
}
