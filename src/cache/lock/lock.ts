import { randomBytes } from "node:crypto";

import { checkFunction } from "../../core/calls.ts";
import type { Clock, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { Duration } from "../../core/durations.ts";
import { CacheLockError, CacheUsageError, isStoreError } from "../../core/errors.ts";
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

/** Parts of its cache that a {@link CacheLock} uses. */
export interface LockContext {
  readonly store: Pick<CacheStore, "acquireLock" | "extendLock" | "lockHolder" | "releaseLock">;
  readonly clock: Clock;
  readonly newDeadline: () => Deadline;
  /** Waits between two tries. @defaultValue a timer of Node.js */
  readonly pause?: (span: Milliseconds, signal: AbortSignal | undefined) => Promise<void>;
}

/** Function that runs under a lock. See {@link CacheLock.run}. */
export type LockedWork<Result> = (signal: AbortSignal, fencingToken: number) => Result | Promise<Result>;

/**
 * A lock that one caller among all processes holds. `cache.lock` makes it; one object is one
 * holder.
 *
 * Locks are not entries: the entry with the same key is independent of the lock. With
 * `redisCacheStore({ locks: "django-redis" })` as the store, the lock is shared with django-redis's
 * `cache.lock()` of the same key, and an entry with that key blocks it.
 *
 * A lock avoids duplicate work; it does not make it impossible. After a holder was stopped for
 * longer than the timeout, or after a failover of Redis, two callers can both believe that they
 * hold it. Where that does damage, let the system they write to refuse a {@link fencingToken}
 * smaller than one it has seen.
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
    // JavaScript callers may omit the options.
    const {
      timeout,
      version: _version,
      ...wait
    } = (options as LockOptions | undefined) ?? { timeout: undefined };
    this.key = key.key;
    this.#wholeKey = key.storageKey;
    this.#timeout = toLockTimeout(timeout);
    this.#wait = wait;
    this.#context = context;
    resolveLockWait(wait);
  }

  /**
   * Whether this object holds the lock, as far as known without calling the store: acquired, not
   * released and not expired.
   */
  get isHeld(): boolean {
    return this.#hold !== undefined && !this.#hold.isOver;
  }

  /**
   * A whole number below 2^53, greater than the tokens of all earlier holders of this lock;
   * `undefined` while {@link isHeld} is false. In the database or the service that the work under
   * the lock writes to, refuse a token smaller than one seen before: its holder does not know that
   * the lock has expired. Tokens of different locks are unrelated.
   */
  get fencingToken(): number | undefined {
    return this.isHeld ? this.#hold?.fencingToken : undefined;
  }

  /**
   * Acquires the lock, and waits while another caller holds it.
   *
   * @param options Replace the options of the lock.
   * @returns Whether the lock was acquired within `blockingTimeout`.
   * @throws {CacheUsageError} When this object holds the lock already, or is acquiring it.
   * @throws {StoreConnectionError} With the `outcome` `"unknown"`, the lock may have been stored.
   *   It is released if the store can be reached, and expires by its timeout in any case.
   */
  async acquire(options: LockWaitOptions = NO_OPTIONS): Promise<boolean> {
    checkCallOptions(options, "lock().acquire");
    return (await this.#acquire(options)) !== undefined;
  }

  /**
   * Releases the lock.
   *
   * @throws {CacheLockError} When it is not held, or was lost meanwhile. A lock that another caller
   *   holds by now stays.
   */
  async release(): Promise<void> {
    const hold = this.#expectHold();
    this.#hold = undefined;
    if (await this.#releaseHold(hold)) hold.stopWatching();
    else throw hold.lose();
  }

  /**
   * Sets the remaining time to live of the lock, whatever was left of it.
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

  /** Reads from the store whether this object holds the lock. */
  async isOwned(): Promise<boolean> {
    const hold = this.#hold;
    if (hold === undefined) return false;
    const isOwned = (await this.#holder()) === hold.token;
    if (!isOwned) this.#lose(hold);
    return isOwned;
  }

  /** Reads from the store whether any caller holds the lock. */
  async isLocked(): Promise<boolean> {
    return (await this.#holder()) !== undefined;
  }

  /**
   * Runs a function under the lock: acquires the lock, and releases it when the function has
   * returned or thrown.
   *
   * @param work Gets a signal that aborts when the lock expires, or when `extend` or `isOwned`
   *   finds it lost: the work should stop then, as others may begin. Also gets the
   *   {@link fencingToken}.
   * @param options Replace the options of the lock.
   * @returns The result of the function.
   * @throws {CacheLockError} `"busy"`, when the lock was not acquired, and the function not run;
   *   `"lost"`, when it was not held to the end. An error of the function takes precedence.
   */
  async run<Result>(work: LockedWork<Result>, options: LockWaitOptions = NO_OPTIONS): Promise<Result> {
    checkCallOptions(options, "lock().run");
    checkFunction(work, "The first argument of lock().run()", CacheUsageError);
    const hold = await this.#acquire(options);
    if (hold === undefined) throw new CacheLockError(this.key, "busy");
    hold.watch();
    const result = await this.#work(work, hold);
    if (this.#hold === hold) await this.release();
    else hold.signal.throwIfAborted();
    return result;
  }

  /** Releases the lock if it is held, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hold !== undefined) await this.release();
  }

  async #work<Result>(work: LockedWork<Result>, hold: LockHold): Promise<Result> {
    try {
      return await work(hold.signal, hold.fencingToken);
    } catch (error) {
      // The function's error says more than a lost lock, or a failed release, after which the lock
      // expires.
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
      // Jitter, so that waiters do not retry in lockstep.
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
      // An answer that took longer than the lock's time to live grants nothing.
      this.#takeBack(token);
      return undefined;
    } catch (error) {
      if (mayHaveHappened(error)) this.#takeBack(token);
      throw error;
    }
  }

  /**
   * Releases a lock without a holder if the store can be reached; otherwise it expires. The caller
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
      // The lock may still be stored, so `release` can be called again.
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
  return isStoreError(error) && error.outcome === "unknown";
}
