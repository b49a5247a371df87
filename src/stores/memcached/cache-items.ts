import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { StoreServiceError } from "../../core/errors.ts";
import { type CacheItem, readItem, writeItem } from "./cache-item.ts";
import { type MemcachedClient, tokenOf } from "./client/memcached-client.ts";
import { toExpiration } from "./expiration.ts";

/** An item of which expired parts are left out. */
export type LiveItem = CacheItem;

/** What to do with an item, and the result of the call. */
export interface Decision<Result> {
  readonly result: Result;
  /** Item to store; `null` deletes; `undefined` leaves it as it is. */
  readonly next?: CacheItem | null | undefined;
}

const NOTHING: LiveItem = { value: undefined, expiresAt: undefined, lease: undefined };

/**
 * Items of a cache in memcached. Each change reads an item and replaces the version that it has
 * read, so that it is one decision however many processes decide.
 */
export class CacheItems {
  readonly clock: Clock;
  readonly #client: MemcachedClient;
  readonly #maxItemBytes: number;

  constructor(client: MemcachedClient, clock: Clock, maxItemBytes: number) {
    this.clock = clock;
    this.#client = client;
    this.#maxItemBytes = maxItemBytes;
  }

  async read(key: string, deadline: Deadline): Promise<LiveItem> {
    const { value } = await this.#client.ask("mg", key, ["v"], deadline);
    return this.#live(value);
  }

  /** Stores an item, whatever is there. */
  async put(key: string, item: CacheItem, deadline: Deadline): Promise<void> {
    await this.#write(key, item, [], deadline);
  }

  /** Stores an item if there is nothing under the key, not even an expired item. */
  async add(key: string, item: CacheItem, deadline: Deadline): Promise<boolean> {
    return (await this.#write(key, item, ["ME"], deadline)).code === "HD";
  }

  /**
   * Changes an item.
   *
   * @param decide Called again after each conflict.
   */
  async change<Result>(
    key: string,
    deadline: Deadline,
    decide: (item: LiveItem) => Decision<Result>,
  ): Promise<Result> {
    for (;;) {
      const reply = await this.#client.ask("mg", key, ["v", "c"], deadline);
      const { result, next } = decide(this.#live(reply.value));
      if (next === undefined) return result;
      const cas = tokenOf(reply, "c");
      if (await this.#replace(key, cas, next, deadline)) return result;
    }
  }

  /** @param cas Version that was read; `undefined`: there was none. */
  async #replace(
    key: string,
    cas: string | undefined,
    next: CacheItem | null,
    deadline: Deadline,
  ): Promise<boolean> {
    if (next !== null)
      return (await this.#write(key, next, cas === undefined ? ["ME"] : [`C${cas}`], deadline)).code === "HD";
    if (cas === undefined) return true;
    const { code } = await this.#client.ask("md", key, [`C${cas}`], deadline);
    // One that has gone by itself is deleted as well; the caller has had its value.
    return code === "HD";
  }

  #write(key: string, item: CacheItem, flags: readonly string[], deadline: Deadline) {
    const bytes = writeItem(item);
    // memcached deletes the stored item when a new one is too large.
    if (bytes.length > this.#maxItemBytes)
      throw new StoreServiceError(
        `The entry has ${bytes.length} bytes, more than memcached takes (maxItemBytes ${this.#maxItemBytes}).`,
        { outcome: "not-sent" },
      );
    const ttl = toExpiration(this.#lifeOf(item), this.clock);
    return this.#client.ask("ms", key, [...flags, `T${ttl}`], deadline, bytes);
  }

  #lifeOf({ value, expiresAt, lease }: CacheItem): Milliseconds | null {
    if (value !== undefined && expiresAt === undefined) return null;
    const end: EpochMilliseconds = Math.max(expiresAt ?? 0, lease?.forgottenAt ?? 0);
    return Math.max(1, end - this.clock.now());
  }

  #live(bytes: Buffer | undefined): LiveItem {
    const item = bytes && readItem(bytes);
    if (item === undefined) return NOTHING;
    const now = this.clock.now();
    const isExpired = item.expiresAt !== undefined && item.expiresAt <= now;
    const isForgotten = item.lease !== undefined && item.lease.forgottenAt <= now;
    if (!isExpired && !isForgotten) return item;
    return {
      value: isExpired ? undefined : item.value,
      expiresAt: isExpired ? undefined : item.expiresAt,
      lease: isForgotten ? undefined : item.lease,
    };
  }
}
