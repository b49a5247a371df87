import { setTimeout as sleep } from "node:timers/promises";

import type * as ProperLockfile from "proper-lockfile";

import type { Milliseconds } from "../../core/clock.ts";
import { ImproperlyConfigured, StoreConnectionError } from "../../core/errors.ts";
import { isMissingPackage, leaveToCaller } from "../../core/optional-packages.ts";
import { Semaphore } from "../../core/semaphore.ts";
import { hasCode } from "./file-errors.ts";
import type { TimedOperation } from "./timed-operation.ts";

export type LockLibrary = Pick<typeof ProperLockfile, "lock" | "check">;

/**
 * A lock that was not renewed for so long belongs to a process that has ended, and others take it.
 */
export const STALE_AFTER: Milliseconds = 10_000;

/** Maximum pause between attempts to get another process's lock: about the time of a write. */
const MAX_PAUSE: Milliseconds = 6;

/** Time that the library may take to examine a lock, once its timer is due. */
const TIME_TO_LOOK: Milliseconds = 100;

// Node works on files with four threads: thousands of locks at once would each last seconds.
const attempts = new Semaphore(16);

/** A lock that is held. */
export interface HeldLock {
  /**
   * @throws {StoreConnectionError} If it was held for so long that another process may soon take
   * it.
   */
  readonly checkHeld: () => void;
}

/**
 * One lock per file, over all processes of this host: a folder `{file}.lock`, made by
 * `proper-lockfile`, which is loaded when the first lock is needed. Within a process, locks are
 * granted in the order of requests.
 */
export class FileLocks {
  readonly #load: () => Promise<LockLibrary>;
  readonly #tails = new Map<string, Promise<unknown>>();
  #library: LockLibrary | undefined;

  readonly #setting: string;

  /** @param setting Name of the setting that needs the library, for messages. */
  constructor(
    load: () => Promise<LockLibrary> = () => import("proper-lockfile").catch(leaveToCaller),
    setting = "sessions.store",
  ) {
    this.#load = load;
    this.#setting = setting;
  }

  /** @throws {ImproperlyConfigured} If the library is not installed. */
  async prepare(): Promise<void> {
    try {
      this.#library ??= await this.#load();
    } catch (cause) {
      if (!isMissingPackage(cause)) throw cause;
      const message =
        "the library that locks files is not installed. Install it with: npm install proper-lockfile";
      throw new ImproperlyConfigured(this.#setting, message, { cause });
    }
  }

  /**
   * Runs a task under the lock of a file.
   *
   * @throws {StoreConnectionError} If the lock is not free before the deadline; the task was not
   * run then.
   */
  async hold<Result>(
    file: string,
    operation: TimedOperation,
    task: (lock: HeldLock) => Promise<Result>,
  ): Promise<Result> {
    const before = this.#tails.get(file) ?? Promise.resolve();
    const own = before.then(() => this.#holdAmongProcesses(file, operation, task));
    const tail = own.catch(() => {});
    this.#tails.set(file, tail);
    try {
      return await own;
    } finally {
      if (this.#tails.get(file) === tail) this.#tails.delete(file);
    }
  }

  /** Returns whether the lock of a file is held; a stale one is not. */
  async isHeld(file: string): Promise<boolean> {
    await this.prepare();
    return (await this.#library?.check(file, { realpath: false, stale: STALE_AFTER })) ?? false;
  }

  async #holdAmongProcesses<Result>(
    file: string,
    operation: TimedOperation,
    task: (lock: HeldLock) => Promise<Result>,
  ): Promise<Result> {
    for (;;) {
      const done = await attempts.run(() => this.#attempt(file, operation, task));
      if (done) return done.result;
      await sleep(Math.random() * MAX_PAUSE);
    }
  }

  /** @returns `undefined` if another process holds the lock. */
  async #attempt<Result>(
    file: string,
    operation: TimedOperation,
    task: (lock: HeldLock) => Promise<Result>,
  ): Promise<{ result: Result } | undefined> {
    operation.checkTime();
    const since = performance.now();
    const release = await this.#tryLock(file);
    if (!release) return undefined;
    try {
      operation.checkTime();
      return { result: await task({ checkHeld: () => checkHeldSince(since) }) };
    } finally {
      // The library then detects whether others have taken it; releasing it would end theirs.
      if (isOverdue(since)) await sleep(TIME_TO_LOOK);
      await release();
    }
  }

  async #tryLock(file: string): Promise<(() => Promise<void>) | undefined> {
    await this.prepare();
    try {
      // Holders check the time before they write, so nothing more is to be done when it is lost.
      const options = {
        realpath: false,
        stale: STALE_AFTER,
        update: STALE_AFTER / 2,
        onCompromised: () => {},
      };
      const release = await this.#library?.lock(file, options);
      return release && (() => releaseOnce(release));
    } catch (error) {
      // EEXIST: two processes have found a lock to be stale, and removed it, at the same time.
      if (hasCode(error, "ELOCKED", "EEXIST")) return undefined;
      throw error;
    }
  }
}

async function releaseOnce(release: () => Promise<void>): Promise<void> {
  try {
    await release();
  } catch (error) {
    // Others have taken it, as they may after STALE_AFTER.
    if (!hasCode(error, "ERELEASED", "ENOTACQUIRED")) throw error;
  }
}

// Half of the time is left to write, and the library has renewed the lock, or has found that others
// have taken it.
function isOverdue(since: Milliseconds): boolean {
  return performance.now() - since >= STALE_AFTER / 2;
}

function checkHeldSince(since: Milliseconds): void {
  if (!isOverdue(since)) return;
  const held = Math.round(performance.now() - since);
  const message = `This process was blocked for ${held} ms while it held the lock of a file, so nothing was written.`;
  throw new StoreConnectionError(message, { outcome: "not-sent" });
}
