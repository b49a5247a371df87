import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { RedisServiceError } from "../../core/errors.ts";
import type { RedisReply } from "../../redis/commands.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import { replyCode } from "../../redis/errors.ts";
import { RedisScript } from "../../redis/script.ts";
import {
  type CacheEntry,
  type CacheStore,
  type CacheStoreCapabilities,
  type IncrementResult,
  isCacheKey,
  type SetCondition,
} from "../cache-store.ts";
import { escapeGlob, toRedisTtl } from "./arguments.ts";
import { settleWrites } from "./settle-writes.ts";

const INCR = new RedisScript("cache-incr", new URL("../../redis/scripts/cache-incr.lua", import.meta.url));
const PERSIST = new RedisScript("cache-persist", new URL("../../redis/scripts/cache-persist.lua", import.meta.url));

/** How many keys Redis looks at for one page of a walk: some tenths of a millisecond of its time. */
const SCAN_COUNT = 1000;

/** Most keys in one MGET or UNLINK, and most SETs on their way at once: other clients wait for no longer than that. */
const CHUNK = 500;

const CONDITIONS: Readonly<Record<SetCondition, readonly string[]>> = {
  always: [],
  "if-absent": ["NX"],
  "if-present": ["XX"],
};

/**
 * Cache entries as Redis strings, one an entry, under the very keys that it is given.
 *
 * Reading and deleting up to 500 keys is one command, storing is one an entry. A cluster gets one for each key.
 */
export class RedisCacheStore implements CacheStore {
  readonly name = "redis";
  readonly capabilities: CacheStoreCapabilities = {
    atomicIncrement: true,
    scan: true,
    compareAndSet: false,
    leases: false,
  };
  readonly #connection: RedisConnection;
  #isCluster = false;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  async getMany(keys: readonly string[], deadline: Deadline): Promise<readonly (string | undefined)[]> {
    const [first] = keys;
    if (first !== undefined && keys.length === 1) {
      return [toValue(await this.#connection.command(["GET", first], deadline, first))];
    }
    const values: (string | undefined)[] = [];
    for (const chunk of chunksOf(keys)) {
      const replies = (await this.#send("MGET", chunk, deadline)) as RedisReply[][];
      values.push(...replies.flat().map(toValue));
    }
    return values;
  }

  async setMany(
    entries: readonly CacheEntry[],
    condition: SetCondition,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    const stored: boolean[] = [];
    for (const chunk of chunksOf(entries)) {
      const sets = chunk.map((entry) => this.#set(entry, condition, deadline));
      stored.push(...(await settleWrites(sets, stored.length > 0)));
    }
    return stored;
  }

  async deleteMany(keys: readonly string[], deadline: Deadline): Promise<number> {
    const counts: number[] = [];
    for (const chunk of chunksOf(keys)) {
      const unlinked = await settleWrites([this.#send("UNLINK", chunk, deadline)], counts.length > 0);
      counts.push(...unlinked.flat().map(Number));
    }
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async touch(key: string, ttl: Milliseconds | null, deadline: Deadline): Promise<boolean> {
    const reply =
      ttl === null
        ? await this.#connection.run(PERSIST, [key], [], deadline)
        : await this.#connection.command(["PEXPIRE", key, toRedisTtl(ttl)], deadline, key);
    return reply === 1;
  }

  async ttl(key: string, deadline: Deadline): Promise<Milliseconds | null | undefined> {
    const left = Number(await this.#connection.command(["PTTL", key], deadline, key));
    if (left >= 0) return left;
    return left === -1 ? null : undefined;
  }

  async incr(key: string, delta: bigint, deadline: Deadline): Promise<IncrementResult> {
    const reply = await this.#connection.run(INCR, [key], [String(delta)], deadline);
    if (reply === null) return { status: "missing" };
    return typeof reply === "string" ? { status: "incremented", value: BigInt(reply) } : { status: "not-integer" };
  }

  /** Keeps the keys that it has yielded until it ends, since SCAN may return one twice: about 100 bytes each. */
  async *scan(prefix: string, pageDeadline: () => Deadline): AsyncGenerator<string, void, undefined> {
    const seen = new Set<string>();
    for await (const keys of this.#connection.scanKeys(`${escapeGlob(prefix)}*`, SCAN_COUNT, pageDeadline)) {
      for (const key of keys) {
        if (seen.has(key)) continue;
        seen.add(key);
        yield key;
      }
    }
  }

  async *clear(keyPrefix: string, pageDeadline: () => Deadline): AsyncGenerator<number, void, undefined> {
    for await (const keys of this.#connection.scanKeys(`${escapeGlob(keyPrefix)}:*`, SCAN_COUNT, pageDeadline)) {
      const own = keys.filter((key) => isCacheKey(key, keyPrefix));
      if (own.length > 0) yield await this.deleteMany(own, pageDeadline());
    }
  }

  async ping(deadline: Deadline): Promise<void> {
    await this.#connection.command(["PING"], deadline);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #set({ key, value, ttl }: CacheEntry, condition: SetCondition, deadline: Deadline): Promise<boolean> {
    const expiry = ttl === null ? [] : ["PX", toRedisTtl(ttl)];
    const reply = await this.#connection.command(
      ["SET", key, value, ...CONDITIONS[condition], ...expiry],
      deadline,
      key,
    );
    return reply !== null;
  }

  /** One command for all keys. A cluster takes only keys of one slot together, so it gets one for each. */
  async #send(command: "MGET" | "UNLINK", keys: readonly string[], deadline: Deadline): Promise<RedisReply[]> {
    if (this.#isCluster) {
      const sent = keys.map((key) => this.#connection.command([command, key], deadline, key));
      return command === "UNLINK" ? settleWrites(sent, false) : Promise.all(sent);
    }
    try {
      return [await this.#connection.command([command, ...keys], deadline, keys[0])];
    } catch (error) {
      if (!isCrossSlot(error)) throw error;
      this.#isCluster = true;
      return this.#send(command, keys, deadline);
    }
  }
}

function toValue(reply: RedisReply | undefined): string | undefined {
  return typeof reply === "string" ? reply : undefined;
}

/** By this reply a cluster makes itself known. It comes before anything has been done. */
function isCrossSlot(error: unknown): boolean {
  return (
    error instanceof RedisServiceError && error.cause instanceof Error && replyCode(error.cause.message) === "CROSSSLOT"
  );
}

function* chunksOf<Item>(items: readonly Item[]): Generator<readonly Item[], void, undefined> {
  for (let start = 0; start < items.length; start += CHUNK) yield items.slice(start, start + CHUNK);
}
