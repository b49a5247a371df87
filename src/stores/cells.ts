import type { EpochMilliseconds, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { CacheEntry } from "./cache-store.ts";

/** Stored value and time of expiry; `Infinity` for none. */
export interface CellEntry {
  readonly value: Buffer;
  readonly expiresAt: EpochMilliseconds;
}

/** State of the lease on a key. */
export interface CellLease {
  /** Token of the loading caller; absent for a moment after a load without a value. */
  readonly token?: string;
  /** Time from which others can take it. */
  readonly endsAt: EpochMilliseconds;
  readonly forgottenAt: EpochMilliseconds;
  /** Number of recent loads that ended without a value. */
  readonly ended: number;
  readonly hasWaiters: boolean;
  /**
   * End of the entry that was there when the lease was taken. Kept by cells whose entries others
   * delete without ending the lease.
   *
   * @defaultValue there was none, or it is not kept
   */
  readonly foundUntil?: EpochMilliseconds;
}

/** State of a lock. */
export interface CellLock {
  /** Token of the holder; absent if it is free. */
  readonly token?: string;
  readonly endsAt: EpochMilliseconds;
  /** Fencing token of the last holder. */
  readonly fence: number;
  readonly forgottenAt: EpochMilliseconds;
}

/** All that is stored for one key of a cache. What has expired is absent. */
export interface Cell {
  readonly entry?: CellEntry | undefined;
  readonly lease?: CellLease | undefined;
}

/** Answer of a decision, and what is stored from then on; without `next` nothing changes. */
export interface Decision<State, Answer> {
  readonly answer: Answer;
  readonly next?: State;
  /** Whether the lease that ends has given the right to store the entry. @defaultValue `false` */
  readonly isFill?: boolean;
}

/** Decides about one key. It may be called several times, and has no other effect. */
export type Decide<State, Answer> = (state: State, now: EpochMilliseconds) => Decision<State, Answer>;

/** An entry to be stored by a rule. */
export interface NewCellEntry {
  readonly key: string;
  readonly value: Buffer;
  readonly ttl: Milliseconds | null;
}

/**
 * Place of cache entries that can only be read and replaced: rows of a table, files of a folder.
 * The rules of a cache are in `CellCacheStore`.
 *
 * Errors and deadlines are those of `CacheStore`.
 */
export interface Cells {
  /** Reads live entries, in the order of the keys. */
  read(keys: readonly string[], deadline: Deadline): Promise<readonly (CellEntry | undefined)[]>;

  /**
   * Decides about each key, at one instant of its own among all processes: what is stored then is
   * the result of the last call of its rule.
   *
   * @param ruleOf Returns the rule for the key at an index.
   * @returns The answers, in the order of the keys.
   */
  change<Answer>(
    keys: readonly string[],
    ruleOf: (index: number) => Decide<Cell, Answer>,
    deadline: Deadline,
  ): Promise<readonly Answer[]>;

  /** {@link change} for the lock of a key. */
  changeLock<Answer>(
    key: string,
    decide: Decide<CellLock | undefined, Answer>,
    deadline: Deadline,
  ): Promise<Answer>;

  /** Stores entries, whatever is there. Each of them ends the leases on its key first, if short. */
  put(entries: readonly CacheEntry[], deadline: Deadline): Promise<unknown>;

  /** {@link put} of one entry, where that has a shorter way. @returns `true`. */
  putOne?(entry: CacheEntry, deadline: Deadline): Promise<boolean>;

  /** Ends the leases on keys, then deletes their entries. @returns Number of live ones. */
  delete(keys: readonly string[], deadline: Deadline): Promise<number>;

  /** Walks the keys of all live entries, a page at a time. No key comes twice. */
  pages(pageDeadline: () => Deadline): AsyncIterable<readonly string[]>;

  /** Ends the leases on the keys that are meant, page by page. */
  endLeases(isMeant: (key: string) => boolean, pageDeadline: () => Deadline): Promise<void>;

  ping(deadline: Deadline): Promise<void>;

  close(): Promise<void>;
}
