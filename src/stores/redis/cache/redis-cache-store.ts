import type { Milliseconds } from "../../../core/clock.ts";
import type { Deadline } from "../../../core/deadlines.ts";
import type { RedisArgument, RedisReply, ReplyForm } from "../../../redis/commands.ts";
import type { RedisConnection } from "../../../redis/connection.ts";
import type { Patience } from "../../../redis/outstanding-command.ts";
import type { RedisScript } from "../../../redis/script.ts";
import {
  type CacheEntry,
  type CacheStore,
  type CacheStoreCapabilities,
  ENDED_TTL,
  type EntryHead,
  type FillResult,
  type IncrementOptions,
  type IncrementResult,
  isCacheKey,
  type Lease,
  type LeaseResult,
  MAX_LEASE,
  type NewValue,
  type SetCondition,
  type StoredValue,
} from "../../cache-store.ts";
import { chunksOf, COMMANDS_AT_ONCE, KEYS_AT_ONCE } from "../../chunks.ts";
import { endsLease } from "../../ends-lease.ts";
import type { ChangeListener } from "../../tracked-reads.ts";
import { awaitWrites, writeInChunks } from "../../await-writes.ts";
import { asReply, escapeGlob, toArgument, toRedisTtl, SCAN_COUNT } from "../arguments.ts";
import { toExpiry, toIncrement, toTtl, toValue } from "./cache-replies.ts";
import { isReply, isSeen, unlessHalfMoved } from "./half-moved-slots.ts";
import { commandsFor, type Round, roundsOf } from "./key-groups.ts";
import { ownKeyOf, ownKindOf } from "./own-keys.ts";
import { type LockNames, RedisLocks } from "./redis-locks.ts";
import { RedisTrackedReads } from "./redis-tracked-reads.ts";
import {
  CACHE_COMPARE_AND_SET,
  CACHE_ENSURE,
  CACHE_FILL,
  CACHE_INCR,
  CACHE_LEASE,
  CACHE_PERSIST,
  CACHE_RELEASE,
  CACHE_RENEW,
  CACHE_REPLACE_HEAD,
  CACHE_TAKE,
  CACHE_TOUCH,
} from "../scripts/scripts.ts";

const CONDITIONS: Readonly<Record<Exclude<SetCondition, "always">, string>> = {
  "if-absent": "NX",
  "if-present": "XX",
};

/**
 * Cache entries as Redis strings, one per entry, under exactly the given keys.
 *
 * Reading up to 500 keys is one command, deleting them two, anything else one per entry; a cluster
 * gets one for each slot, and one for each key of a slot that is half moved. One call has at most
 * 200 commands under way at once.
 *
 * The lease on an entry, and the lock of its name, are strings beside it, under keys that no text
 * makes ({@link ownKeyOf}).
 */
export class RedisCacheStore implements CacheStore {
  readonly name = "redis";
  readonly capabilities: CacheStoreCapabilities = {
    atomicIncrement: true,
    scan: true,
    compareAndSet: true,
    leases: true,
    locks: true,
  };
  readonly #connection: RedisConnection;
  readonly #form: ReplyForm;
  readonly #locks: RedisLocks;
  /** Whether the keys of one command have to lie in one slot. */
  #isSlotted: boolean;

  constructor(connection: RedisConnection, form: ReplyForm = "text", locks: LockNames = "own") {
    this.#connection = connection;
    this.#form = form;
    this.#locks = new RedisLocks(connection, locks);
    this.#isSlotted = connection.isCluster;
  }

  /** @returns `undefined` on an application's client that cannot be duplicated. */
  track(listener: ChangeListener): RedisTrackedReads | undefined {
    if (!this.#connection.canTrack) return undefined;
    const connection = this.#connection.tracking(listener);
    return new RedisTrackedReads(connection, new RedisCacheStore(connection, this.#form));
  }

  get(key: string, deadline: Deadline): Promise<StoredValue | undefined> {
    return this.#connection.command(["GET", key], deadline, key, this.#form).then(toValue);
  }

  async getMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]> {
    const [first] = keys;
    if (first === undefined) return [];
    if (keys.length === 1) return [await this.get(first, deadline)];
    if (!this.#isSlotted && keys.length <= KEYS_AT_ONCE) {
      try {
        return (await this.#mgetAtOnce(keys, deadline, "brief")).map(toValue);
      } catch (error) {
        this.#learnSlots(error);
      }
    }
    const answers = await this.#inRounds(keys, async (groups) => ({
      groups,
      replies: await this.#mget(groups, deadline),
    }));
    const values = new Map<string, StoredValue | undefined>();
    for (const { groups, replies } of answers) {
      for (const [at, group] of groups.entries()) {
        for (const [each, key] of group.entries()) values.set(key, toValue(replies[at]?.[each]));
      }
    }
    return keys.map((key) => values.get(key));
  }

  set(entry: CacheEntry, condition: SetCondition, deadline: Deadline): Promise<boolean> {
    return endsLease(entry.ttl)
      ? this.setMany([entry], condition, deadline).then(([isStored = false]) => isStored)
      : this.#set(entry, condition, deadline);
  }

  async setMany(
    entries: readonly CacheEntry[],
    condition: SetCondition,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    const stored: boolean[] = [];
    for (const chunk of chunksOf(entries, COMMANDS_AT_ONCE)) {
      const leases = chunk.filter(({ ttl }) => endsLease(ttl)).map(({ key }) => leaseKeyOf(key));
      const ended = leases.length > 0 ? [this.#unlinkAll(leases, deadline)] : [];
      const sets = chunk.map((entry) => this.#set(entry, condition, deadline));
      const results = await awaitWrites<boolean | number>([...ended, ...sets], stored.length > 0);
      stored.push(...results.filter((result) => typeof result === "boolean"));
    }
    return stored;
  }

  async ensureMany(entries: readonly CacheEntry[], deadline: Deadline): Promise<readonly StoredValue[]> {
    return writeInChunks(entries, async ({ key, value, ttl }) => {
      const args = [toArgument(value), toExpiry(ttl)];
      const reply = await this.#connection.run(CACHE_ENSURE, [key], args, deadline, this.#form);
      return toValue(reply) ?? asReply(value, this.#form);
    });
  }

  async deleteMany(keys: readonly string[], deadline: Deadline): Promise<number> {
    const counts = await this.#inRounds(keys, async (groups, hasWritten) => {
      // In this order: a load that ends between the two must not refill a deleted entry.
      const leases = groups.flat().map(leaseKeyOf);
      const writes = [
        this.#unlink(commandsFor(leases, this.#isSlotted), deadline),
        this.#unlink(groups, deadline),
      ];
      const [, deleted = 0] = await awaitWrites(writes, hasWritten);
      return deleted;
    });
    return sumOf(counts);
  }

  takeMany(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]> {
    return writeInChunks(keys, (key) =>
      this.#endingLease(key, deadline, async (names, patience) =>
        toValue(await this.#connection.run(CACHE_TAKE, names, [], deadline, this.#form, patience)),
      ),
    );
  }

  async touchMany(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    const replies = await writeInChunks(keys, (key) =>
      ttl === null
        ? this.#connection.run(CACHE_PERSIST, [key], [], deadline)
        : this.#connection.command(["PEXPIRE", key, toRedisTtl(ttl)], deadline, key),
    );
    return replies.map((reply) => reply === 1);
  }

  touchHeadless(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly (boolean | EntryHead)[]> {
    return writeInChunks(keys, async (key) => {
      const reply = await this.#connection.run(CACHE_TOUCH, [key], [toExpiry(ttl)], deadline, this.#form);
      if (!Array.isArray(reply)) return reply === 1;
      const [head, left] = reply as [StoredValue, number];
      return { head, ttl: toTtl(left) ?? null };
    });
  }

  async replaceHead(
    key: string,
    head: StoredValue,
    { value, ttl }: NewValue,
    deadline: Deadline,
  ): Promise<boolean> {
    const args = [toArgument(head), toArgument(value), toExpiry(ttl)];
    return (await this.#connection.run(CACHE_REPLACE_HEAD, [key], args, deadline)) === 1;
  }

  async ttlMany(
    keys: readonly string[],
    deadline: Deadline,
  ): Promise<readonly (Milliseconds | null | undefined)[]> {
    const left: RedisReply[] = [];
    for (const chunk of chunksOf(keys, COMMANDS_AT_ONCE)) {
      left.push(
        ...(await Promise.all(chunk.map((key) => this.#connection.command(["PTTL", key], deadline, key)))),
      );
    }
    return left.map(toTtl);
  }

  async incr(
    key: string,
    delta: bigint,
    deadline: Deadline,
    { begin, least }: IncrementOptions = {},
  ): Promise<IncrementResult> {
    const args: RedisArgument[] = [String(delta), String(least ?? "")];
    if (begin !== undefined) args.push(toArgument(begin.value), toExpiry(begin.ttl));
    const run = async (keys: readonly RedisArgument[], patience?: Patience): Promise<IncrementResult> =>
      toIncrement(await this.#connection.run(CACHE_INCR, keys, args, deadline, "text", patience));
    return begin !== undefined && endsLease(begin.ttl) ? this.#endingLease(key, deadline, run) : run([key]);
  }

  async compareAndSet(
    key: string,
    expected: StoredValue,
    next: NewValue | undefined,
    deadline: Deadline,
  ): Promise<boolean> {
    const args = [toArgument(expected)];
    if (next !== undefined) args.push(toArgument(next.value), toExpiry(next.ttl));
    const run = async (keys: readonly RedisArgument[], patience?: Patience): Promise<boolean> =>
      (await this.#connection.run(CACHE_COMPARE_AND_SET, keys, args, deadline, "text", patience)) === 1;
    return next !== undefined && !endsLease(next.ttl) ? run([key]) : this.#endingLease(key, deadline, run);
  }

  async lease(lease: Lease, ttl: Milliseconds, deadline: Deadline): Promise<LeaseResult> {
    const args = [lease.token, ...lifeOf(ttl), ...seenBy(lease)];
    const leasing = this.#runOnLease(CACHE_LEASE, lease, args, deadline, "brief").then(
      (reply): LeaseResult => {
        if (typeof reply !== "number") return { status: "found", value: reply as StoredValue };
        return reply === -1 ? { status: "leased" } : { status: "busy", ended: reply };
      },
    );
    return unlessHalfMoved(leasing, () => this.#leaseFirst(lease, ttl, deadline));
  }

  async renew(lease: Lease, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    const args = [lease.token, ...lifeOf(ttl), ...seenBy(lease)];
    return (await this.#runOnLease(CACHE_RENEW, lease, args, deadline)) === 1;
  }

  async fill(lease: Lease, { value, ttl }: NewValue, deadline: Deadline): Promise<FillResult> {
    const args = [lease.token, toArgument(value), toExpiry(ttl), ...seenBy(lease)];
    const filling = this.#runOnLease(CACHE_FILL, lease, args, deadline, "brief").then((reply): FillResult =>
      reply === 1 ? { status: "stored" } : { status: "superseded", value: toValue(reply) },
    );
    // Lease and entry have to be examined together.
    return unlessHalfMoved(filling, async (error) => {
      await this.release(lease, deadline);
      return { status: "unstored", error };
    });
  }

  async release({ key, token }: Lease, deadline: Deadline): Promise<boolean> {
    return (
      (await this.#connection.run(CACHE_RELEASE, [leaseKeyOf(key)], [token, String(ENDED_TTL)], deadline)) ===
      1
    );
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

  /** Remembers all yielded keys, since SCAN may return one twice: about 100 bytes each. */
  async *scan(prefix: string, pageDeadline: () => Deadline): AsyncGenerator<string, void, undefined> {
    const seen = new Set<string>();
    for await (const names of this.#connection.scanKeys(
      `${escapeGlob(prefix)}*`,
      SCAN_COUNT,
      pageDeadline,
      "bytes",
    )) {
      for (const name of names) {
        if (ownKindOf(name) !== undefined) continue;
        const key = name.toString();
        if (seen.has(key)) continue;
        seen.add(key);
        yield key;
      }
    }
  }

  async *clear(keyPrefix: string, pageDeadline: () => Deadline): AsyncGenerator<number, void, undefined> {
    const pattern = `${escapeGlob(keyPrefix)}:*`;
    for await (const names of this.#connection.scanKeys(pattern, SCAN_COUNT, pageDeadline, "bytes")) {
      const own = names.filter((name) => isCacheKey(name.toString(), keyPrefix));
      if (own.length > 0) yield await this.#deletePage(own, pageDeadline());
    }
  }

  async ping(deadline: Deadline): Promise<void> {
    await this.#connection.command(["PING"], deadline);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #set({ key, value, ttl }: CacheEntry, condition: SetCondition, deadline: Deadline): Promise<boolean> {
    const args: [string, ...RedisArgument[]] = ["SET", key, toArgument(value)];
    if (condition !== "always") args.push(CONDITIONS[condition]);
    if (ttl !== null) args.push("PX", toRedisTtl(ttl));
    return this.#connection.command(args, deadline, key).then(isNotNull);
  }

  /**
   * Runs a script that writes an entry and ends the lease on it.
   *
   * @param run Receives the key, and that of the lease.
   */
  #endingLease<Result>(
    key: string,
    deadline: Deadline,
    run: (keys: readonly RedisArgument[], patience?: Patience) => Promise<Result>,
  ): Promise<Result> {
    const leaseKey = leaseKeyOf(key);
    return unlessHalfMoved(run([key, leaseKey], "brief"), async () => {
      // In this order: see deleteMany.
      await this.#connection.command(["UNLINK", leaseKey], deadline, leaseKey);
      return run([key]);
    });
  }

  #runOnLease(
    script: RedisScript,
    { key }: Lease,
    args: readonly RedisArgument[],
    deadline: Deadline,
    patience?: Patience,
  ): Promise<RedisReply<string | Buffer>> {
    return this.#connection.run(script, [key, leaseKeyOf(key)], args, deadline, this.#form, patience);
  }

  /** Takes a lease, then reads the entry: one that is stored later is noticed when it is used. */
  async #leaseFirst(lease: Lease, ttl: Milliseconds, deadline: Deadline): Promise<LeaseResult> {
    const leaseKey = leaseKeyOf(lease.key);
    const [life, afterlife] = lifeOf(ttl);
    const args = ["SET", leaseKey, `${lease.token} 0 ${afterlife}`, "NX", "PX", life] as const;
    if ((await this.#connection.command(args, deadline, leaseKey)) === null)
      return { status: "busy", ended: 0 };
    const value = await this.get(lease.key, deadline);
    if (value === undefined || isSeen(value, lease.expected)) return { status: "leased" };
    await this.release(lease, deadline);
    return { status: "found", value };
  }

  /**
   * @param names May include those of leases, possibly on missing entries, and of locks, which
   * stay.
   */
  async #deletePage(names: readonly Buffer[], deadline: Deadline): Promise<number> {
    const kinds = names.map(ownKindOf);
    await this.#unlinkAll(
      names.filter((_, at) => kinds[at] === "lease"),
      deadline,
    );
    const entries = names.filter((_, at) => kinds[at] === undefined);
    return this.deleteMany(
      entries.map((name) => name.toString()),
      deadline,
    );
  }

  #mget(groups: Round, deadline: Deadline): Promise<readonly (readonly RedisReply<string | Buffer>[])[]> {
    return Promise.all(groups.map((group) => this.#mgetGroup(group, deadline)));
  }

  #mgetGroup(group: readonly string[], deadline: Deadline): Promise<readonly RedisReply<string | Buffer>[]> {
    const oneByOne = async (): Promise<RedisReply<string | Buffer>[]> => {
      const values: RedisReply<string | Buffer>[] = [];
      for (const key of group) values.push(...(await this.#mgetAtOnce([key], deadline)));
      return values;
    };
    return unlessHalfMoved(this.#mgetAtOnce(group, deadline, "brief"), oneByOne);
  }

  #mgetAtOnce(
    keys: readonly string[],
    deadline: Deadline,
    patience?: Patience,
  ): Promise<readonly RedisReply<string | Buffer>[]> {
    const args = ["MGET", ...keys] as const;
    // The reply to MGET is a list.
    return this.#connection.command(args, deadline, keys[0], this.#form, patience) as Promise<
      readonly RedisReply<string | Buffer>[]
    >;
  }

  async #unlink(groups: Round<RedisArgument>, deadline: Deadline): Promise<number> {
    const unlink = async (keys: readonly RedisArgument[], patience?: Patience): Promise<number> =>
      Number(await this.#connection.command(["UNLINK", ...keys], deadline, keys[0], "text", patience));
    const oneByOne = async (keys: readonly RedisArgument[]): Promise<number> =>
      sumOf(await writeInChunks(keys, (key) => unlink([key]), 1));
    const sent = groups.map((group) => unlessHalfMoved(unlink(group, "brief"), () => oneByOne(group)));
    return sumOf(await awaitWrites(sent, false));
  }

  async #unlinkAll(keys: readonly RedisArgument[], deadline: Deadline): Promise<number> {
    return sumOf(await this.#inRounds(keys, (groups) => this.#unlink(groups, deadline)));
  }

  /**
   * Sends commands for keys, grouped by slot: one for all if there are no slots.
   *
   * @param send Receives the keys of each command, and whether those of other rounds have been
   * executed.
   */
  async #inRounds<Key extends RedisArgument, Result>(
    keys: readonly Key[],
    send: (groups: Round<Key>, isLater: boolean) => Promise<Result>,
    isLater = false,
  ): Promise<readonly Result[]> {
    const results: Result[] = [];
    const isSlotted = this.#isSlotted;
    for (const round of roundsOf(keys, isSlotted)) {
      const hasBegun = isLater || results.length > 0;
      try {
        results.push(await send(round, hasBegun));
      } catch (error) {
        if (isSlotted) throw error;
        this.#learnSlots(error);
        results.push(...(await this.#inRounds(round.flat(), send, hasBegun)));
      }
    }
    return results;
  }

  /** A proxy or a node of a cluster reveals itself by an error, before anything has been done. */
  #learnSlots(error: unknown): void {
    if (!isReply(error, "CROSSSLOT") && !isReply(error, "TRYAGAIN")) throw error;
    this.#isSlotted = true;
  }
}

/** Returns how long a lease is kept, and how long of that others may take it. */
function lifeOf(ttl: Milliseconds): [life: string, afterlife: string] {
  return [toRedisTtl(MAX_LEASE), String(Math.max(0, Math.floor(MAX_LEASE - ttl)))];
}

function leaseKeyOf(key: string): Buffer {
  return ownKeyOf(key, "lease");
}

function isNotNull(reply: RedisReply): boolean {
  return reply !== null;
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function seenBy({ expected }: Lease): RedisArgument[] {
  return expected === undefined ? [] : [toArgument(expected)];
}
