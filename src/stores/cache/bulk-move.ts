import type { Deadline } from "../../core/deadlines.ts";
import { newNonce, type SessionKey } from "../../core/ids.ts";
import type { CacheStore, Lease } from "../cache-store.ts";
import type { CacheableSessionStore } from "../cached-db/cached-db-session-store.ts";
import { ignoreStoreError } from "../partial-failures.ts";
import type { RecordWithTtl } from "../session-store.ts";
import { LEASE_TTL } from "./lease-ttl.ts";
import { isMark } from "./writers-mark.ts";

/** Number of sessions moved together. Each is at most two commands in the cache's queue. */
export const BATCH_SIZE = 100;

/**
 * Number of batches under way at a time: while one waits for the database, others use the cache.
 */
const LANES = 4;

/** Source and target of the sessions. */
export interface BulkMoveParts {
  readonly from: CacheableSessionStore;
  readonly cache: CacheStore;
  /** Returns the key of a session in the cache. */
  readonly at: (key: SessionKey) => string;
}

interface Leased {
  readonly key: SessionKey;
  readonly lease: Lease;
}

/**
 * Moves sessions that no request has read, many at a time. Each is moved as by a read: a lease on
 * its place in the cache, the read, the fill, and the deletion in the other store.
 */
export class BulkMove {
  readonly #parts: BulkMoveParts;

  constructor(parts: BulkMoveParts) {
    this.#parts = parts;
  }

  /**
   * Moves all sessions of the other store. One that is being written stays.
   *
   * @param pageDeadline Makes the deadline of each batch.
   * @param onBatch Called after each batch, with the number moved so far.
   * @returns Number of moved sessions.
   */
  async moveAll(pageDeadline: () => Deadline, onBatch: (moved: number) => void): Promise<number> {
    const running = new Set<Promise<void>>();
    let moved = 0;
    let failure: { readonly error: unknown } | undefined;
    const start = (keys: readonly SessionKey[]): void => {
      const batch = this.#moveBatch(keys, pageDeadline())
        .then((count) => onBatch((moved += count)))
        .catch((error: unknown) => void (failure ??= { error }))
        .finally(() => running.delete(batch));
      running.add(batch);
    };
    try {
      for await (const keys of inBatches(this.#parts.from.scan(pageDeadline))) {
        if (running.size === LANES) await Promise.race(running);
        if (failure) break;
        start(keys);
      }
    } finally {
      await Promise.all(running);
    }
    if (failure) throw failure.error;
    return moved;
  }

  async #moveBatch(keys: readonly SessionKey[], deadline: Deadline): Promise<number> {
    const { from } = this.#parts;
    const { free, moved } = await this.#look(keys, deadline);
    const { leased, moved: overtaken } = await this.#lease(free, deadline);
    const filled = await this.#fill(leased, deadline);
    // A mover that was interrupted has left the old rows of sessions that it had moved.
    const over = [...moved, ...overtaken, ...filled];
    if (from.deleteMany !== undefined) await from.deleteMany(over, deadline);
    else await Promise.all(over.map((key) => from.delete(key, deadline)));
    return filled.length;
  }

  async #look(keys: readonly SessionKey[], deadline: Deadline) {
    const { cache, at } = this.#parts;
    const held = await cache.getMany(keys.map(at), deadline);
    return {
      free: keys.filter((_, index) => held[index] === undefined),
      moved: keys.filter((_, index) => isRecord(held[index]?.toString())),
    };
  }

  async #lease(keys: readonly SessionKey[], deadline: Deadline) {
    const { cache, at } = this.#parts;
    const leases = keys.map((key): Leased => ({
      key,
      lease: { key: at(key), token: newNonce(), expected: undefined },
    }));
    const answers = await Promise.all(leases.map(({ lease }) => cache.lease(lease, LEASE_TTL, deadline)));
    return {
      leased: leases.filter((_, index) => answers[index]?.status === "leased"),
      moved: keys.filter((_, index) => {
        const answer = answers[index];
        return answer?.status === "found" && isRecord(answer.value.toString());
      }),
    };
  }

  /** @returns The keys of those that are in the cache now. */
  async #fill(leased: readonly Leased[], deadline: Deadline): Promise<SessionKey[]> {
    const { cache } = this.#parts;
    const keys = leased.map(({ key }) => key);
    const found = keys.length === 0 ? [] : await this.#readMany(keys, deadline);
    const results = await Promise.all(
      leased.map(async ({ lease }, index) => {
        const read = found[index];
        if (read !== undefined) return cache.fill(lease, { value: read.record, ttl: read.ttl }, deadline);
        await ignoreStoreError(cache.release(lease, deadline));
        return undefined;
      }),
    );
    return keys.filter((_, index) => results[index]?.status === "stored");
  }

  #readMany(
    keys: readonly SessionKey[],
    deadline: Deadline,
  ): Promise<readonly (RecordWithTtl | undefined)[]> {
    const { from } = this.#parts;
    if (from.readManyWithTtl !== undefined) return from.readManyWithTtl(keys, deadline);
    return Promise.all(keys.map((key) => from.readWithTtl(key, deadline)));
  }
}

async function* inBatches(
  scan: AsyncIterable<SessionKey>,
): AsyncGenerator<readonly SessionKey[], void, undefined> {
  let keys: SessionKey[] = [];
  for await (const key of scan) {
    if (keys.push(key) < BATCH_SIZE) continue;
    yield keys;
    keys = [];
  }
  if (keys.length > 0) yield keys;
}

function isRecord(held: string | undefined): boolean {
  return held !== undefined && !isMark(held);
}
