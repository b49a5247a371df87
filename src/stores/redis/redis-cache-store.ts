import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { RedisConnectionError, RedisServiceError } from "../../core/errors.ts";
import type { RedisReply } from "../../redis/commands.ts";
import type { RedisConnection } from "../../redis/connection.ts";
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

const INCR = new RedisScript("cache-incr", new URL("../../redis/scripts/cache-incr.lua", import.meta.url));
const PERSIST = new RedisScript("cache-persist", new URL("../../redis/scripts/cache-persist.lua", import.meta.url));

/** How many keys Redis looks at for one page of a walk: some tenths of a millisecond of its time. */
const SCAN_COUNT = "1000";

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
 * Reading and deleting up to 500 keys is one command, storing is one an entry.
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
      const reply = await this.#connection.command(["MGET", ...chunk], deadline, chunk[0]);
      values.push(...(reply as RedisReply[]).map(toValue));
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
      stored.push(...allOrError(await Promise.allSettled(sets), stored.length > 0));
    }
    return stored;
  }

  async deleteMany(keys: readonly string[], deadline: Deadline): Promise<number> {
    let [deleted, hasBegun] = [0, false];
    for (const chunk of chunksOf(keys)) {
      const unlinking = this.#connection.command(["UNLINK", ...chunk], deadline, chunk[0]);
      const [count = 0] = allOrError(await Promise.allSettled([unlinking]), hasBegun);
      deleted += Number(count);
      hasBegun = true;
    }
    return deleted;
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
    for await (const keys of this.#pages(`${escapeGlob(prefix)}*`, pageDeadline)) {
      for (const key of keys) {
        if (seen.has(key)) continue;
        seen.add(key);
        yield key;
      }
    }
  }

  async *clear(keyPrefix: string, pageDeadline: () => Deadline): AsyncGenerator<number, void, undefined> {
    for await (const keys of this.#pages(`${escapeGlob(keyPrefix)}:*`, pageDeadline)) {
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

  async *#pages(pattern: string, pageDeadline: () => Deadline): AsyncGenerator<string[], void, undefined> {
    let cursor = "0";
    do {
      const args = ["SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_COUNT] as const;
      const [next, keys] = (await this.#connection.command(args, pageDeadline())) as [string, string[]];
      cursor = next;
      yield keys;
    } while (cursor !== "0");
  }
}

function toValue(reply: RedisReply): string | undefined {
  return typeof reply === "string" ? reply : undefined;
}

function* chunksOf<Item>(items: readonly Item[]): Generator<readonly Item[], void, undefined> {
  if (items.length <= CHUNK) {
    if (items.length > 0) yield items;
    return;
  }
  for (let start = 0; start < items.length; start += CHUNK) yield items.slice(start, start + CHUNK);
}

/** @param hasBegun Whether other parts of the same call have been written already. */
function allOrError<Value>(results: readonly PromiseSettledResult<Value>[], hasBegun: boolean): Value[] {
  const failed = results.filter((result) => result.status === "rejected");
  const [first] = failed;
  if (first === undefined) return results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const unknown = failed.find(({ reason }) => isStoreError(reason) && reason.outcome === "unknown");
  if (unknown !== undefined) throw unknown.reason;
  throw hasBegun || failed.length < results.length ? writtenInPart(first.reason) : first.reason;
}

function writtenInPart(cause: unknown): unknown {
  if (!isStoreError(cause)) return cause;
  const message = `Some of the keys were written, then it failed. ${cause.message}`;
  const options = { outcome: "unknown", cause } as const;
  return cause instanceof RedisConnectionError
    ? new RedisConnectionError(message, options)
    : new RedisServiceError(message, options);
}

function isStoreError(error: unknown): error is RedisConnectionError | RedisServiceError {
  return error instanceof RedisConnectionError || error instanceof RedisServiceError;
}
