import { expect } from "vitest";

import { Deadline } from "../../src/core/deadlines.ts";
import { CacheLockError } from "../../src/core/errors.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import type { CacheStore } from "../../src/stores/cache-store.ts";
import { memoryCacheStore } from "../../src/stores/memory/index.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { CacheLock } from "../../src/cache/lock/lock.ts";
import type { LockOptions } from "../../src/cache/lock/lock-options.ts";
import { turn } from "./cache-harness.ts";

export const KEY = { key: "job", storageKey: "shop:1:job" };

/**
 * Locks of one key on one store. A pause advances the clock at once, and lets waiting tasks go on.
 */
export function openLocks(override: (store: CacheStore) => Partial<CacheStore> = () => ({})) {
  const clock = new ManualClock();
  const store = memoryCacheStore()({ redis: new RedisRegistry(), clock });
  const pauses: number[] = [];
  const overrides = override(store);
  const shown = {
    acquireLock: overrides.acquireLock ?? store.acquireLock.bind(store),
    extendLock: overrides.extendLock ?? store.extendLock.bind(store),
    releaseLock: overrides.releaseLock ?? store.releaseLock.bind(store),
    lockHolder: overrides.lockHolder ?? store.lockHolder.bind(store),
  };
  const newDeadline = (): Deadline => new Deadline(1000, clock);
  const pause = async (span: number): Promise<void> => {
    pauses.push(span);
    clock.advance(span);
    await turn();
  };
  const lock = (options: Partial<LockOptions> = {}): CacheLock =>
    new CacheLock(KEY, { timeout: 10, ...options }, { store: shown, clock, newDeadline, pause });
  const holder = (): Promise<string | undefined> => store.lockHolder(KEY.storageKey, newDeadline());
  /** Gives the lock to another holder, whichever has it. */
  const giveTo = async (token: string): Promise<void> => {
    await store.releaseLock(KEY.storageKey, (await holder()) ?? "", newDeadline());
    await store.acquireLock(KEY.storageKey, token, 3_600_000, newDeadline());
  };
  return { clock, store, pauses, lock, holder, giveTo, newDeadline };
}

export function expectLockError(error: unknown, problem: string): void {
  expect(error).toBeInstanceOf(CacheLockError);
  expect(error).toMatchObject({ code: "ERR_CACHE_LOCK", key: "job", problem });
}
