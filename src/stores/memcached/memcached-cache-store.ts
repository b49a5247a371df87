import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { SessionUsageError } from "../../core/errors.ts";
import {
  type CacheEntry,
  type CacheStore,
  type CacheStoreCapabilities,
  ENDED_TTL,
  type EntryHead,
  type FillResult,
  type IncrementOptions,
  type IncrementResult,
  type Lease,
  type LeaseResult,
  MAX_LEASE,
  type NewValue,
  type SetCondition,
  type StoredValue,
} from "../cache-store.ts";
import { endsLease } from "../ends-lease.ts";
import type { CacheItem, ItemLease } from "./cache-item.ts";
import type { CacheItems, LiveItem } from "./cache-items.ts";
import type { MemcachedClient } from "./client/memcached-client.ts";
import { MemcachedLocks } from "./memcached-locks.ts";

/** Integers in canonical digits, within 64 bits. */
const CANONICAL_INTEGER = /^(?:0|-?[1-9]\d{0,18})$/;

const [TILDE, LINE_END] = [126, 10];

/** Parts of a {@link MemcachedCacheStore}. */
export interface MemcachedCacheStoreParts {
  readonly client: MemcachedClient;
  readonly items: CacheItems;
  readonly values: "text" | "bytes";
}

/**
 * Cache entries in memcached, each one item with the lease on it. Reads and plain writes are one
 * command; what depends on the stored entry reads it, and replaces that version alone.
 *
 * memcached drops entries to make room, counters and locks too.
 */
export class MemcachedCacheStore implements CacheStore {
  readonly name = "memcached";
  readonly capabilities: CacheStoreCapabilities = {
    atomicIncrement: true,
    scan: false,
    compareAndSet: true,
    leases: true,
    locks: true,
  };
  readonly #client: MemcachedClient;
  readonly #items: CacheItems;
  readonly #locks: MemcachedLocks;
  readonly #isText: boolean;

  constructor({ client, items, values }: MemcachedCacheStoreParts) {
    this.#client = client;
    this.#items = items;
    this.#locks = new MemcachedLocks(client, items.clock);
    this.#isText = values === "text";
  }

  async get(key: string, deadline: Deadline): Promise<StoredValue | undefined> {
    return this.#form((await this.#items.read(key, deadline)).value);
  }

  getMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key, deadline)));
  }

  async set(entry: CacheEntry, condition: SetCondition, deadline: Deadline): Promise<boolean> {
    const { key } = entry;
    const item = this.#itemOf(entry);
    if (condition === "always") {
      await this.#items.put(key, item, deadline);
      return true;
    }
    if (condition === "if-absent" && (await this.#items.add(key, item, deadline))) return true;
    const isWanted = condition === "if-present";
    return this.#items.change(key, deadline, ({ value, lease }) =>
      (value !== undefined) === isWanted
        ? { result: true, next: { ...item, lease: endsLease(entry.ttl) ? undefined : lease } }
        : { result: false },
    );
  }

  setMany(
    entries: readonly CacheEntry[],
    condition: SetCondition,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    return Promise.all(entries.map((entry) => this.set(entry, condition, deadline)));
  }

  ensureMany(entries: readonly CacheEntry[], deadline: Deadline): Promise<readonly StoredValue[]> {
    return Promise.all(entries.map((entry) => this.#ensure(entry, deadline)));
  }

  async deleteMany(keys: readonly string[], deadline: Deadline): Promise<number> {
    const taken = await this.takeMany([...new Set(keys)], deadline);
    return taken.filter((value) => value !== undefined).length;
  }

  async takeMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]> {
    return inOrder(keys, (key) =>
      this.#items.change(key, deadline, ({ value }) => ({ result: this.#form(value), next: null })),
    );
  }

  touchMany(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    const expiresAt = this.#endOf(ttl);
    return inOrder(keys, (key) =>
      this.#items.change(key, deadline, (item) =>
        item.value === undefined ? { result: false } : { result: true, next: { ...item, expiresAt } },
      ),
    );
  }

  touchHeadless(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly (boolean | EntryHead)[]> {
    const expiresAt = this.#endOf(ttl);
    return inOrder(keys, (key) =>
      this.#items.change<boolean | EntryHead>(key, deadline, (item) => {
        const { value } = item;
        if (value === undefined) return { result: false };
        const end = value[0] === TILDE ? value.indexOf(LINE_END) + 1 : 0;
        if (end === 0) return { result: true, next: { ...item, expiresAt } };
        return { result: { head: this.#form(value.subarray(0, end)) ?? "", ttl: this.#leftOf(item) } };
      }),
    );
  }

  replaceHead(
    key: string,
    head: StoredValue,
    { value: next, ttl }: NewValue,
    deadline: Deadline,
  ): Promise<boolean> {
    const [expected, replacement] = [toBytes(head), toBytes(next)];
    return this.#items.change(key, deadline, (item) => {
      if (!beginsWith(item.value, expected)) return { result: false };
      const value = Buffer.concat([replacement, item.value.subarray(expected.length)]);
      return { result: true, next: { ...item, value, expiresAt: this.#endOf(ttl) } };
    });
  }

  ttlMany(
    keys: readonly string[],
    deadline: Deadline,
  ): Promise<readonly (Milliseconds | null | undefined)[]> {
    return Promise.all(
      keys.map(async (key) => {
        const item = await this.#items.read(key, deadline);
        return item.value === undefined ? undefined : this.#leftOf(item);
      }),
    );
  }

  incr(
    key: string,
    delta: bigint,
    deadline: Deadline,
    { begin, least }: IncrementOptions = {},
  ): Promise<IncrementResult> {
    return this.#items.change<IncrementResult>(key, deadline, (item) => {
      if (item.value === undefined) {
        if (begin === undefined) return { result: { status: "missing" } };
        const lease = endsLease(begin.ttl) ? undefined : item.lease;
        const next = { ...this.#itemOf({ key, ...begin }), lease };
        return { result: { status: "incremented", value: BigInt(begin.value.toString()) }, next };
      }
      const text = item.value.toString();
      const sum = CANONICAL_INTEGER.test(text) ? BigInt(text) + delta : undefined;
      if (sum === undefined || !fits(BigInt(text)) || !fits(sum))
        return { result: { status: "not-integer" } };
      const value = least !== undefined && sum < least ? least : sum;
      return {
        result: { status: "incremented", value },
        next: { ...item, value: Buffer.from(String(value)) },
      };
    });
  }

  compareAndSet(
    key: string,
    expected: StoredValue,
    next: NewValue | undefined,
    deadline: Deadline,
  ): Promise<boolean> {
    const bytes = toBytes(expected);
    return this.#items.change(key, deadline, ({ value, lease }) => {
      if (value === undefined || !value.equals(bytes)) return { result: false };
      if (next === undefined) return { result: true, next: null };
      const kept = endsLease(next.ttl) ? undefined : lease;
      return { result: true, next: { ...this.#itemOf({ key, ...next }), lease: kept } };
    });
  }

  lease({ key, token, expected }: Lease, ttl: Milliseconds, deadline: Deadline): Promise<LeaseResult> {
    return this.#items.change<LeaseResult>(key, deadline, (item) => {
      const newer = newerThan(item, expected);
      if (newer !== undefined) {
        const result = { status: "found", value: this.#form(newer) ?? "" } as const;
        return item.lease?.token === token ? { result, next: withoutLease(item) } : { result };
      }
      const now = this.#now();
      const { lease } = item;
      if (lease?.token !== undefined && lease.token !== token && now < lease.endsAt) {
        const result = { status: "busy", ended: lease.ended } as const;
        return lease.hasWaiters
          ? { result }
          : { result, next: { ...item, lease: { ...lease, hasWaiters: true } } };
      }
      return { result: { status: "leased" }, next: { ...item, lease: this.#leaseOf(token, ttl, lease) } };
    });
  }

  renew({ key, token, expected }: Lease, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    return this.#items.change(key, deadline, (item) => {
      if (item.lease?.token !== token) return { result: false };
      if (newerThan(item, expected) !== undefined) return { result: false, next: withoutLease(item) };
      return { result: true, next: { ...item, lease: this.#leaseOf(token, ttl, item.lease) } };
    });
  }

  fill({ key, token, expected }: Lease, { value, ttl }: NewValue, deadline: Deadline): Promise<FillResult> {
    const filled = this.#itemOf({ key, value, ttl });
    return this.#items.change<FillResult>(key, deadline, (item) => {
      const isHolder = item.lease?.token === token;
      if (isHolder && newerThan(item, expected) === undefined)
        return { result: { status: "stored" }, next: filled };
      const result = { status: "superseded", value: this.#form(item.value) } as const;
      return isHolder ? { result, next: withoutLease(item) } : { result };
    });
  }

  release({ key, token }: Lease, deadline: Deadline): Promise<boolean> {
    return this.#items.change(key, deadline, (item) => {
      const { lease } = item;
      if (lease?.token !== token) return { result: false };
      if (!lease.hasWaiters) return { result: true, next: withoutLease(item) };
      const now = this.#now();
      const ended: ItemLease = {
        token: undefined,
        endsAt: now,
        forgottenAt: now + ENDED_TTL,
        ended: lease.ended + 1,
        hasWaiters: true,
      };
      return { result: true, next: { ...item, lease: ended } };
    });
  }

  acquireLock(
    key: string,
    token: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<number | undefined> {
    return this.#locks.acquire(key, token, ttl, deadline);
  }

  extendLock(key: string, token: string, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    return this.#locks.extend(key, token, ttl, deadline);
  }

  releaseLock(key: string, token: string, deadline: Deadline): Promise<boolean> {
    return this.#locks.release(key, token, deadline);
  }

  lockHolder(key: string, deadline: Deadline): Promise<string | undefined> {
    return this.#locks.holder(key, deadline);
  }

  /** memcached lists no keys: the capability `scan` is `false`. */
  scan(): AsyncIterable<string> {
    throw cannotList();
  }

  clear(): AsyncIterable<number> {
    throw cannotList();
  }

  ping(deadline: Deadline): Promise<void> {
    return this.#client.ping(deadline);
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async #ensure(entry: CacheEntry, deadline: Deadline): Promise<StoredValue> {
    const item = this.#itemOf(entry);
    if (await this.#items.add(entry.key, item, deadline)) return this.#form(item.value) ?? "";
    return this.#items.change(entry.key, deadline, (found) => {
      const stored = { ...found, value: found.value ?? item.value };
      const isLonger =
        found.value === undefined ||
        (found.expiresAt !== undefined && (item.expiresAt === undefined || found.expiresAt < item.expiresAt));
      const result = this.#form(stored.value) ?? "";
      return isLonger ? { result, next: { ...stored, expiresAt: item.expiresAt } } : { result };
    });
  }

  #leaseOf(token: string, ttl: Milliseconds, before: ItemLease | undefined): ItemLease {
    const now = this.#now();
    const { ended, hasWaiters } = before ?? { ended: 0, hasWaiters: false };
    return { token, endsAt: now + ttl, forgottenAt: now + MAX_LEASE, ended, hasWaiters };
  }

  #itemOf({ value, ttl }: CacheEntry): CacheItem {
    return { value: toBytes(value), expiresAt: this.#endOf(ttl), lease: undefined };
  }

  #endOf(ttl: Milliseconds | null): EpochMilliseconds | undefined {
    return ttl === null ? undefined : Math.min(Math.ceil(this.#now() + ttl), Number.MAX_SAFE_INTEGER);
  }

  #leftOf({ expiresAt }: LiveItem): Milliseconds | null {
    return expiresAt === undefined ? null : Math.max(1, Math.ceil(expiresAt - this.#now()));
  }

  #now(): EpochMilliseconds {
    return this.#items.clock.now();
  }

  #form(value: Buffer | undefined): StoredValue | undefined {
    return this.#isText ? value?.toString() : value;
  }
}

function toBytes(value: StoredValue): Buffer {
  return typeof value === "string" ? Buffer.from(value) : Buffer.from(value);
}

function beginsWith(value: Buffer | undefined, head: Buffer): value is Buffer {
  return value !== undefined && value.subarray(0, head.length).equals(head);
}

/** Returns the stored value, unless it is the one that the caller has seen or begins with it. */
function newerThan({ value }: LiveItem, seen: StoredValue | undefined): Buffer | undefined {
  return seen !== undefined && beginsWith(value, toBytes(seen)) ? undefined : value;
}

/** Returns what is left of an item when its lease ends; `null` for nothing. */
function withoutLease(item: LiveItem): CacheItem | null {
  return item.value === undefined ? null : { ...item, lease: undefined };
}

function fits(integer: bigint): boolean {
  return BigInt.asIntN(64, integer) === integer;
}

/** Runs calls side by side, those of one key one after the other. */
async function inOrder<Result>(
  keys: readonly string[],
  call: (key: string) => Promise<Result>,
): Promise<readonly Result[]> {
  const last = new Map<string, Promise<Result>>();
  return Promise.all(
    keys.map((key) => {
      const before = last.get(key);
      const next = before === undefined ? call(key) : before.then(() => call(key));
      last.set(key, next);
      return next;
    }),
  );
}

function cannotList(): SessionUsageError {
  return new SessionUsageError("memcached cannot list its keys.");
}
