import type { Milliseconds } from "../../../core/clock.ts";
import type { Deadline } from "../../../core/deadlines.ts";
import type { RedisArgument } from "../../../redis/commands.ts";
import type { RedisConnection } from "../../../redis/connection.ts";
import { FENCE_AFTERLIFE } from "../../cache-store.ts";
import { throwWrittenInPart } from "../../await-writes.ts";
import { toRedisTtl } from "../arguments.ts";
import { unlessHalfMoved } from "./half-moved-slots.ts";
import { ownKeyOf } from "./own-keys.ts";
import { CACHE_COMPARE_AND_SET, CACHE_LOCK } from "../scripts/scripts.ts";

/** Names of locks: keys of their own beside the entries, or the keys of entries, as in redis-py. */
export type LockNames = "own" | "django-redis";

/**
 * Locks as Redis strings, one per lock, which hold the token of the holder, and beside it the
 * fencing token of the last holder, which outlives the lock by an hour. Each operation is one
 * command.
 */
export class RedisLocks {
  readonly #connection: RedisConnection;
  readonly #names: LockNames;

  constructor(connection: RedisConnection, names: LockNames) {
    this.#connection = connection;
    this.#names = names;
  }

  /** See {@link CacheStore.acquireLock}. Two commands in a half-moved slot. */
  async acquire(
    key: string,
    token: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<number | undefined> {
    const [lockKey, fenceKey] = [this.#keyOf(key), ownKeyOf(key, "fence")];
    const fenceTtl = toRedisTtl(ttl + FENCE_AFTERLIFE);
    const args = [fenceTtl, token, toRedisTtl(ttl)];
    const acquiring = this.#connection.run(CACHE_LOCK, [fenceKey, lockKey], args, deadline, "text", "brief");
    const reply = await unlessHalfMoved(acquiring, async () => {
      // In this order: a caller that is refused the lock takes no number, and a holder whose number
      // arrives after the lock's expiry does not use it.
      const set = ["SET", lockKey, token, "NX", "PX", toRedisTtl(ttl)] as const;
      if ((await this.#connection.command(set, deadline, lockKey)) === null) return null;
      return this.#connection.run(CACHE_LOCK, [fenceKey], [fenceTtl], deadline).catch(throwWrittenInPart);
    });
    return reply === null ? undefined : Number(reply);
  }

  /** See {@link CacheStore.extendLock}. */
  extend(key: string, token: string, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    return this.#replace(key, [token, token, toRedisTtl(ttl)], deadline);
  }

  /** See {@link CacheStore.releaseLock}. */
  release(key: string, token: string, deadline: Deadline): Promise<boolean> {
    return this.#replace(key, [token], deadline);
  }

  /** See {@link CacheStore.lockHolder}. */
  async holder(key: string, deadline: Deadline): Promise<string | undefined> {
    const lockKey = this.#keyOf(key);
    return (
      ((await this.#connection.command(["GET", lockKey], deadline, lockKey)) as string | null) ?? undefined
    );
  }

  async #replace(key: string, args: readonly RedisArgument[], deadline: Deadline): Promise<boolean> {
    return (await this.#connection.run(CACHE_COMPARE_AND_SET, [this.#keyOf(key)], args, deadline)) === 1;
  }

  #keyOf(key: string): RedisArgument {
    return this.#names === "own" ? ownKeyOf(key, "lock") : key;
  }
}
