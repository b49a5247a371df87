import { LRUCache } from "lru-cache";
import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { SessionKey } from "../../core/ids.ts";
import {
  type IndexedSession,
  MAX_EVICTIONS,
  oldestOf,
  type Unlisting,
  type UserIndex,
  type UserIndexAddition,
  type UserIndexCheck,
  type UserIndexEntry,
  type UserIndexLimits,
  type UserIndexPage,
  type UserIndexRange,
} from "../user-index.ts";
import { checkDeadline } from "./check-deadline.ts";
import { UserList } from "./user-list.ts";

interface Epoch {
  readonly text: string;
  readonly keepUntil: EpochMilliseconds;
}

// Some 200 bytes each: 2 MB at most. A creation under way needs that of its user for the time of
// its deadline.
const MAX_EPOCHS = 10_000;

/** Minimum number of lists that is worth a sweep. */
const MIN_SWEEP_SIZE = 1000;

/** Number of lists that a step of clearExpired examines while it blocks the process: about 1 ms. */
const STEP_SIZE = 10_000;

/**
 * The sessions of each user, in the memory of this process.
 *
 * It keeps at most twice as many lists as there were after its last sweep, and the epochs of the
 * last 10 000 revocations.
 */
export class MemoryUserIndex implements UserIndex {
  readonly #clock: Clock;
  readonly #lists = new Map<string, UserList>();
  readonly #epochs = new LRUCache<string, Epoch>({ max: MAX_EPOCHS });
  #sweepSize = MIN_SWEEP_SIZE;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async epoch(userId: string, deadline: Deadline): Promise<string> {
    checkDeadline(deadline);
    return this.#epochOf(userId);
  }

  async add(
    userId: string,
    { key, entry }: IndexedSession,
    limits: UserIndexLimits,
    deadline: Deadline,
  ): Promise<UserIndexAddition> {
    checkDeadline(deadline);
    this.#sweepWhenLarge();
    const list = this.#listOf(userId);
    list.dropUntil(limits.now);
    list.set(key, entry, limits.isWaiting);
    if (limits.most !== undefined && limits.isWaiting !== true) evict(list, key, limits, limits.most);
    const evicted = [...list.doomed].filter((each) => each !== limits.replaces).slice(0, MAX_EVICTIONS);
    return { epoch: this.#epochOf(userId), evicted };
  }

  async check(userId: string, key: SessionKey, deadline: Deadline): Promise<UserIndexCheck> {
    checkDeadline(deadline);
    const list = this.#lists.get(userId);
    return { epoch: this.#epochOf(userId), isListed: list?.get(key) !== undefined && !list.doomed.has(key) };
  }

  async put(
    userId: string,
    { key, entry }: IndexedSession,
    _now: EpochMilliseconds,
    deadline: Deadline,
  ): Promise<void> {
    checkDeadline(deadline);
    const list = this.#listOf(userId);
    list.set(key, merge(list.get(key), entry));
  }

  async replace(userId: string, old: SessionKey, by: SessionKey, deadline: Deadline): Promise<void> {
    checkDeadline(deadline);
    const list = this.#lists.get(userId);
    list?.settle(by);
    list?.delete([old]);
    if (list?.size === 0) this.#lists.delete(userId);
  }

  async remove(userId: string, sessions: readonly Unlisting[], deadline: Deadline): Promise<void> {
    checkDeadline(deadline);
    const list = this.#lists.get(userId);
    if (list === undefined) return;
    const isUnchanged = ({ key, keptUntil }: Unlisting): boolean =>
      keptUntil === undefined || list.get(key)?.keepUntil === keptUntil;
    list.delete(sessions.filter(isUnchanged).map(({ key }) => key));
    if (list.size === 0) this.#lists.delete(userId);
  }

  async page(userId: string, range: UserIndexRange, deadline: Deadline): Promise<UserIndexPage> {
    checkDeadline(deadline);
    return this.#lists.get(userId)?.page(range) ?? { sessions: [], next: undefined };
  }

  async revoke(userId: string, epoch: string, ttl: Milliseconds, deadline: Deadline): Promise<void> {
    checkDeadline(deadline);
    this.#epochs.set(userId, { text: epoch, keepUntil: this.#clock.now() + ttl });
  }

  /**
   * Drops entries and epochs that have been kept long enough.
   *
   * @param onStep Awaited after each step.
   */
  async clearExpired(onStep: () => Promise<void>): Promise<void> {
    let looked = 0;
    for (const userId of this.#lists.keys()) {
      this.#dropExpired(userId);
      if (++looked % STEP_SIZE === 0) await onStep();
    }
    for (const userId of this.#epochs.keys()) {
      if (this.#epochOf(userId) === "") this.#epochs.delete(userId);
      if (++looked % STEP_SIZE === 0) await onStep();
    }
  }

  #sweepWhenLarge(): void {
    if (this.#lists.size < this.#sweepSize) return;
    for (const userId of this.#lists.keys()) this.#dropExpired(userId);
    this.#sweepSize = Math.max(MIN_SWEEP_SIZE, 2 * this.#lists.size);
  }

  #dropExpired(userId: string): void {
    const list = this.#lists.get(userId);
    list?.dropUntil(this.#clock.now());
    if (list?.size === 0) this.#lists.delete(userId);
  }

  #epochOf(userId: string): string {
    const epoch = this.#epochs.get(userId);
    return epoch !== undefined && this.#clock.now() < epoch.keepUntil ? epoch.text : "";
  }

  #listOf(userId: string): UserList {
    const known = this.#lists.get(userId);
    if (known) return known;
    const list = new UserList();
    this.#lists.set(userId, list);
    return list;
  }
}

function merge(old: UserIndexEntry | undefined, entry: UserIndexEntry): UserIndexEntry {
  if (old === undefined) return entry;
  return {
    ...entry,
    createdAt: Math.min(old.createdAt, entry.createdAt),
    keepUntil: Math.max(old.keepUntil, entry.keepUntil),
    device: entry.device === "" ? old.device : entry.device,
  };
}

/** Neither the new session nor the one that it replaces makes room. */
function evict(
  list: UserList,
  newcomer: SessionKey,
  { now, slack, replaces }: UserIndexLimits,
  most: number,
): void {
  const spared = replaces === undefined ? [newcomer] : [newcomer, replaces];
  const excess = list.countAfter(now + slack, spared) + 1 - most;
  if (excess > 0)
    for (const key of oldestOf(list.candidatesAfter(now + slack, spared), excess)) list.doom(key);
}
