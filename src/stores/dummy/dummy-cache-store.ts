import type { Clock, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type {
  CacheEntry,
  CacheStore,
  CacheStoreCapabilities,
  FillResult,
  IncrementOptions,
  IncrementResult,
  LeaseResult,
  SetCondition,
  StoredValue,
} from "../cache-store.ts";
import { checkDeadline } from "../memory/check-deadline.ts";
import { MemoryLocks } from "../memory/memory-locks.ts";

/** Maximum number of locks held at once. */
const MAX_LOCKS = 10_000;

/**
 * A store whose entries are gone at once. That is what a store may do with any entry but counters,
 * which are gone too here; so nothing may rely on it. Locks are those of a store in memory, since a
 * lock that several callers hold would be none.
 */
export class DummyCacheStore implements CacheStore {
  readonly name = "dummy";
  readonly capabilities: CacheStoreCapabilities = {
    atomicIncrement: true,
    scan: true,
    // A session whose record is gone at once is none.
    compareAndSet: false,
    leases: true,
    locks: true,
  };
  readonly #locks: MemoryLocks;

  constructor(clock: Clock) {
    this.#locks = new MemoryLocks(clock, MAX_LOCKS);
  }

  async get(_: string, deadline: Deadline): Promise<undefined> {
    checkDeadline(deadline);
  }

  getSync(): undefined {}

  getMany(keys: readonly string[], deadline: Deadline): Promise<readonly undefined[]> {
    return answer(deadline, () => keys.map(() => undefined));
  }

  set(_: CacheEntry, condition: SetCondition, deadline: Deadline): Promise<boolean> {
    return answer(deadline, () => condition !== "if-present");
  }

  setMany(
    entries: readonly CacheEntry[],
    condition: SetCondition,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    return answer(deadline, () => entries.map(() => condition !== "if-present"));
  }

  ensureMany(entries: readonly CacheEntry[], deadline: Deadline): Promise<readonly StoredValue[]> {
    return answer(deadline, () => entries.map(({ value }) => value));
  }

  deleteMany(_: readonly string[], deadline: Deadline): Promise<number> {
    return answer(deadline, () => 0);
  }

  takeMany(keys: readonly string[], deadline: Deadline): Promise<readonly undefined[]> {
    return this.getMany(keys, deadline);
  }

  touchMany(
    keys: readonly string[],
    _: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    return answer(deadline, () => keys.map(() => false));
  }

  touchHeadless(
    keys: readonly string[],
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    return this.touchMany(keys, ttl, deadline);
  }

  replaceHead(_key: string, _head: StoredValue, _next: unknown, deadline: Deadline): Promise<boolean> {
    return answer(deadline, () => false);
  }

  ttlMany(keys: readonly string[], deadline: Deadline): Promise<readonly undefined[]> {
    return this.getMany(keys, deadline);
  }

  incr(
    _key: string,
    _delta: bigint,
    deadline: Deadline,
    { begin }: IncrementOptions = {},
  ): Promise<IncrementResult> {
    return answer(deadline, () =>
      begin === undefined
        ? { status: "missing" }
        : { status: "incremented", value: BigInt(Buffer.from(begin.value as string).toString()) },
    );
  }

  compareAndSet(_key: string, _expected: StoredValue, _next: unknown, deadline: Deadline): Promise<boolean> {
    return answer(deadline, () => false);
  }

  lease(_lease: unknown, _ttl: Milliseconds, deadline: Deadline): Promise<LeaseResult> {
    return answer(deadline, () => ({ status: "leased" }));
  }

  renew(_lease: unknown, _ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    return answer(deadline, () => true);
  }

  fill(_lease: unknown, _entry: unknown, deadline: Deadline): Promise<FillResult> {
    return answer(deadline, () => ({ status: "stored" }));
  }

  release(_lease: unknown, deadline: Deadline): Promise<boolean> {
    return answer(deadline, () => true);
  }

  acquireLock(
    key: string,
    token: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<number | undefined> {
    return answer(deadline, () => this.#locks.acquire(key, token, ttl));
  }

  extendLock(key: string, token: string, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    return answer(deadline, () => this.#locks.extend(key, token, ttl));
  }

  releaseLock(key: string, token: string, deadline: Deadline): Promise<boolean> {
    return answer(deadline, () => this.#locks.release(key, token));
  }

  lockHolder(key: string, deadline: Deadline): Promise<string | undefined> {
    return answer(deadline, () => this.#locks.holder(key));
  }

  async *scan(_: string, pageDeadline: () => Deadline): AsyncGenerator<string, void, undefined> {
    checkDeadline(pageDeadline());
    yield* [];
  }

  async *clear(_: string, pageDeadline: () => Deadline): AsyncGenerator<number, void, undefined> {
    checkDeadline(pageDeadline());
    yield* [];
  }

  async ping(deadline: Deadline): Promise<void> {
    checkDeadline(deadline);
  }

  async close(): Promise<void> {
    this.#locks.clear();
  }
}

async function answer<Answer>(deadline: Deadline, work: () => Answer): Promise<Answer> {
  checkDeadline(deadline);
  return work();
}
