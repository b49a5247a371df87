import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { SessionKey } from "../../core/ids.ts";
import type {
  IndexedSession,
  UserIndex,
  UserIndexAddition,
  UserIndexCheck,
  UserIndexEntry,
  UserIndexLimits,
} from "../user-index.ts";
import { checkDeadline } from "./check-deadline.ts";

interface UserList {
  epoch: string;
  readonly entries: Map<SessionKey, UserIndexEntry>;
}

/** The sessions of each user, in the memory of this process. */
export class MemoryUserIndex implements UserIndex {
  readonly #lists = new Map<string, UserList>();

  async add(
    userId: string,
    { key, entry }: IndexedSession,
    { most, replaces, now }: UserIndexLimits,
    deadline: Deadline,
  ): Promise<UserIndexAddition> {
    checkDeadline(deadline);
    const list = this.#listOf(userId);
    for (const [listed, { expiresAt }] of list.entries) if (expiresAt <= now) list.entries.delete(listed);
    list.entries.set(key, entry);
    const evicted = oldestBeyond(list.entries, most ?? Number.POSITIVE_INFINITY, [key, replaces]);
    for (const each of evicted) list.entries.delete(each);
    return { epoch: list.epoch, evicted };
  }

  async check(userId: string, key: SessionKey, deadline: Deadline): Promise<UserIndexCheck> {
    checkDeadline(deadline);
    const list = this.#lists.get(userId);
    return { epoch: list?.epoch ?? "", isListed: list?.entries.has(key) ?? false };
  }

  async put(userId: string, { key, entry }: IndexedSession, _ttl: Milliseconds, deadline: Deadline): Promise<void> {
    checkDeadline(deadline);
    this.#listOf(userId).entries.set(key, entry);
  }

  async remove(userId: string, keys: readonly SessionKey[], deadline: Deadline): Promise<void> {
    checkDeadline(deadline);
    const list = this.#lists.get(userId);
    if (list === undefined) return;
    for (const key of keys) list.entries.delete(key);
    // A list with an epoch stays: a creation that began before the revocation may still want to see it.
    if (list.entries.size === 0 && list.epoch === "") this.#lists.delete(userId);
  }

  async list(userId: string, deadline: Deadline): Promise<readonly IndexedSession[]> {
    checkDeadline(deadline);
    return Array.from(this.#lists.get(userId)?.entries ?? [], ([key, entry]) => ({ key, entry }));
  }

  async revoke(
    userId: string,
    epoch: string,
    _ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<readonly IndexedSession[]> {
    checkDeadline(deadline);
    this.#listOf(userId).epoch = epoch;
    return this.list(userId, deadline);
  }

  #listOf(userId: string): UserList {
    const known = this.#lists.get(userId);
    if (known) return known;
    const list: UserList = { epoch: "", entries: new Map() };
    this.#lists.set(userId, list);
    return list;
  }
}

/** Neither the newcomer nor the session that it replaces is among them. */
function oldestBeyond(
  entries: ReadonlyMap<SessionKey, UserIndexEntry>,
  most: number,
  spared: readonly (SessionKey | undefined)[],
): SessionKey[] {
  const others = [...entries].filter(([key]) => !spared.includes(key));
  const excess = Math.max(0, others.length + 1 - most);
  return others
    .toSorted(([, left], [, right]) => left.createdAt - right.createdAt)
    .slice(0, excess)
    .map(([key]) => key);
}
