import { randomBytes } from "node:crypto";

import { checkFunction } from "../../core/calls.ts";
import type { Clock, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { Duration } from "../../core/durations.ts";
import { CacheLockError, CacheUsageError, StoreConnectionError, StoreServiceError } from "../../core/errors.ts";
import { pause as pauseByTimer } from "../../core/timers.ts";
import type { CacheStore } from "../../stores/cache-store.ts";
import { checkCallOptions, NO_OPTIONS } from "../options/cache-calls.ts";
import type { EntryKey } from "../keys/keys.ts";
import { LockHold } from "./lock-hold.ts";
import {
  type LockOptions,
  type LockWait,
  type LockWaitOptions,
  resolveLockWait,
  toLockTimeout,
} from "./lock-options.ts";

/** What {@link CacheLock} needs of its cache. */
export interface LockContext {
  readonly store: Pick<CacheStore, "acquireLock" | "extendLock" | "lockHolder" | "releaseLock">;
  readonly clock: Clock;
  readonly newDeadline: () => Deadline;
  /** Waits between two tries. @defaultValue a timer of Node.js */
  readonly pause?: (span: Milliseconds, signal: AbortSignal | undefined) => Promise<void>;
}

/** What runs under a lock. See {@link CacheLock.run}. */
export type LockedWork<Result> = (signal: AbortSignal, fencingToken: number) => Result | Promise<Result>;

/**
 * A lock that one caller of all processes holds. Made by `cache.lock`; one object is one holder.
 *
 * Locks are no entries: an entry of the same key has nothing to do with it. Where the store is
 * `redisCacheStore({ locks: "django-redis" })`, it is shared with django-redis's `cache.lock()` of the same key,
 * and an entry of that key is in its way.
 *
 * It saves work that is done twice; it does not make doing it twice impossible. A holder that was stopped for
 * longer than the timeout, or a failover of Redis, leaves two who both believe that they hold it. Where that does
 * damage, let what they write to refuse a {@link fencingToken} that is smaller than one it has seen.
 */
export class CacheLock {
  /** The key as the caller gave it. */
  readonly key: string;
  readonly #wholeKey: string;
  readonly #timeout: Milliseconds;
  readonly #wait: LockWaitOptions;
  readonly #context: LockContext;
  #hold: LockHold | undefined;
  #isAcquiring = false;

  /** @internal Use `cache.lock`. @throws {CacheUsageError} */
  constructor(key: EntryKey, options: LockOptions, context: LockContext) {
    // From JavaScript, the options can be missing.
    const { timeout, version: _version, ...wait } = (options as LockOptions | undefined) ?? { timeout: undefined };
    this.key = key.key;
    this.#wholeKey = key.storageKey;
    this.#timeout = toLockTimeout(timeout);
    this.#wait = wait;
    this.#context = context;
    resolveLockWait(wait);
  }

  /**
   * Whether this object holds the lock, as far as it can tell without asking: it has acquired it, has not
   * given it back, and the time is not over.
   */
  get isHeld(): boolean {
    return this.#hold !== undefined && !this.#hold.isOver;
  }

  /**
   * A whole number below 2^53 that is greater than those of all holders of this lock before; `undefined` while
   * it is not held, as {@link isHeld} tells. In the database or the service that the work under the lock writes
   * to, refuse a smaller one than was seen before: it is that of a holder who does not know that its time is
   * over. Numbers of two locks have nothing to do with each other.
   */
  get fencingToken(): number | undefined {
    return this.isHeld ? this.#hold?.fencingToken : undefined;
  }

  /**
   * Takes the lock, and waits for it while somebody else holds it.
   *
   * @param options In place of those of the lock.
   * @returns Whether it could be had within `blockingTimeout`.
   * @throws {CacheUsageError} When this object holds the lock already, or is acquiring it.
   * @throws {StoreConnectionError} When its `outcome` is `"unknown"` the lock may have been stored. It is
   *   taken back as far as the store can be reached, and ends by its timeout in any case.
   */
  async acquire(options: LockWaitOptions = NO_OPTIONS): Promise<boolean> {
    checkCallOptions(options, "lock().acquire");
    return (await this.#acquire(options)) !== undefined;
  }

  /**
   * Gives the lock back.
   *
   * @throws {CacheLockError} When it is not held, or was lost meanwhile. What others hold by now is left to them.
   */
  async release(): Promise<void> {
    const hold = this.#expectHold();
    this.#hold = undefined;
    if (await this.#releaseHold(hold)) hold.stopWatching();
    else throw hold.lose();
  }

  /**
   * Lets the lock live for this time from now on, whatever was left of it.
   *
   * @param timeout At least 1 ms. @defaultValue the lock's `timeout`
   * @throws {CacheLockError} When it is not held, or was lost meanwhile.
   */
  async extend(timeout?: Duration): Promise<void> {
    const ttl = timeout === undefined ? this.#timeout : toLockTimeout(timeout);
    const hold = this.#expectHold();
    const { store, clock, newDeadline } = this.#context;
    const startedAt = clock.monotonic();
    if (!(await store.extendLock(this.#wholeKey, hold.token, ttl, newDeadline()))) throw this.#lose(hold);
    hold.moveEnd(startedAt + ttl);
  }

  /** Asks the store whether the lock is this object's. */
  async isOwned(): Promise<boolean> {
    const hold = this.#hold;
    if (hold === undefined) return false;
    const isOwned = (await this.#holder()) === hold.token;
    if (!isOwned) this.#lose(hold);
    return isOwned;
  }

  /** Asks the store whether anybody has the lock. */
  async isLocked(): Promise<boolean> {
    return (await this.#holder()) !== undefined;
  }

  /**
   * Runs a function under the lock: acquires it, and gives it back when the function has ended, with a result
   * or an error.
   *
   * @param work Is given a signal that aborts when the lock's time is over, or `extend` or `isOwned` finds
   *   that it is lost: it should stop then, as others may begin. And it is given the {@link fencingToken}.
   * @param options In place of those of the lock.
   * @returns What the function returns.
   * @throws {CacheLockError} `"busy"`, when the lock could not be had, and the function was not run;
   *   `"lost"`, when it was not held to the end. An error of the function comes first.
   */
  async run<Result>(work: LockedWork<Result>, options: LockWaitOptions = NO_OPTIONS): Promise<Result> {
    checkCallOptions(options, "lock().run");
    checkFunction(work, "What lock().run() is given", CacheUsageError);
    const hold = await this.#acquire(options);
    if (hold === undefined) throw new CacheLockError(this.key, "busy");
    hold.watch();
    const result = await this.#work(work, hold);
    if (this.#hold === hold) await this.release();
    else hold.signal.throwIfAborted();
    return result;
  }

  /** Gives the lock back if it is held, so that `await using` can have it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hold !== undefined) await this.release();
  }

  async #work<Result>(work: LockedWork<Result>, hold: LockHold): Promise<Result> {
    try {
      return await work(hold.signal, hold.fencingToken);
    } catch (error) {
      // The function's error says more than that its lock was lost, or cannot be given back: then its timeout
      // ends it.
      if (this.#hold === hold) await this.release().catch(() => {});
      throw error;
    }
  }

  async #acquire(options: LockWaitOptions): Promise<LockHold | undefined> {
    const wait = resolveLockWait({ ...this.#wait, ...options });
    if (this.isHeld || this.#isAcquiring) {
      const advice = "One object is one holder: make another with cache.lock().";
      throw new CacheUsageError(`This lock is held, or being acquired, already. ${advice}`);
    }
    this.#isAcquiring = true;
    try {
      this.#hold?.stopWatching();
      this.#hold = await this.#tryUntil(wait);
      return this.#hold;
    } finally {
      this.#isAcquiring = false;
    }
  }

  async #tryUntil({ blockingTimeout, sleep: span, signal }: LockWait): Promise<LockHold | undefined> {
    const { clock, pause = pauseByTimer } = this.#context;
    const end = clock.monotonic() + blockingTimeout;
    while (true) {
      signal?.throwIfAborted();
      const hold = await this.#try();
      if (hold !== undefined) return hold;
      const left = end - clock.monotonic();
      if (left <= 0) return undefined;
      // Callers who have begun to wait together shall not come back together.
      await pause(Math.min(left, span * (0.5 + Math.random())), signal);
    }
  }

  async #try(): Promise<LockHold | undefined> {
    const { store, clock, newDeadline } = this.#context;
    const [token, endsAt] = [randomBytes(16).toString("hex"), clock.monotonic() + this.#timeout];
    try {
      const fencingToken = await store.acquireLock(this.#wholeKey, token, this.#timeout, newDeadline());
      if (fencingToken === undefined) return undefined;
      const hold = new LockHold({ key: this.key, token, fencingToken, endsAt, clock });
      if (!hold.isOver) return hold;
      // An answer that took longer than the lock lives brings none.
      this.#takeBack(token);
      return undefined;
    } catch (error) {
      if (mayHaveHappened(error)) this.#takeBack(token);
      throw error;
    }
  }

  /**
   * A lock that nobody knows of goes now, if the store can be reached, and else with its timeout. The caller
   * has the error.
   */
  #takeBack(token: string): void {
    const { store, newDeadline } = this.#context;
    store.releaseLock(this.#wholeKey, token, newDeadline()).catch(() => {});
  }

  async #releaseHold(hold: LockHold): Promise<boolean> {
    const { store, newDeadline } = this.#context;
    try {
      return await store.releaseLock(this.#wholeKey, hold.token, newDeadline());
    } catch (error) {
      // It may still be there, so `release` can be called again.
      this.#hold ??= hold;
      throw error;
    }
  }

  #holder(): Promise<string | undefined> {
    const { store, newDeadline } = this.#context;
    return store.lockHolder(this.#wholeKey, newDeadline());
  }

  #expectHold(): LockHold {
    if (this.#hold === undefined) throw new CacheLockError(this.key, "not-held");
    return this.#hold;
  }

  #lose(hold: LockHold): CacheLockError {
    if (this.#hold === hold) this.#hold = undefined;
    return hold.lose();
  }
}

function mayHaveHappened(error: unknown): boolean {
  return (error instanceof StoreConnectionError || error instanceof StoreServiceError) && error.outcome === "unknown";
}
