import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { isSessionKey, type SessionKey } from "../../core/ids.ts";
import {
  endOf,
  EVICTION_CANDIDATES,
  type IndexedSession,
  MAX_EVICTIONS,
  oldestOf,
  type Unlisting,
  type UserIndex,
  type UserIndexAddition,
  type UserIndexCheck,
  type UserIndexLimits,
  type UserIndexPage,
  type UserIndexRange,
} from "../user-index.ts";
import { clearInBatches } from "./clear-in-batches.ts";
import type { Run, SqlDatabase } from "./database.ts";
import { type UserSessionRow, UserStatements } from "./user-statements.ts";

/**
 * The sessions of each user, one row per session, and the epoch of each user, one row per user.
 *
 * An addition under a limit begins with the row of the epoch, whose lock admits one at a time for
 * each user.
 */
export class SqlUserIndex implements UserIndex {
  readonly #database: SqlDatabase;
  readonly #statements: UserStatements;
  readonly #clock: Clock;

  constructor(database: SqlDatabase, clock: Clock) {
    this.#database = database;
    this.#statements = new UserStatements(database.dialect);
    this.#clock = clock;
  }

  async epoch(userId: string, deadline: Deadline): Promise<string> {
    const { rows } = await this.#database.run(this.#statements.readEpoch(userId), deadline, "reads");
    return rows[0]?.epoch ?? "";
  }

  async add(
    userId: string,
    session: IndexedSession,
    limits: UserIndexLimits,
    deadline: Deadline,
  ): Promise<UserIndexAddition> {
    const { most, isWaiting = false } = limits;
    if (most !== undefined && !isWaiting) {
      return this.#database.transact(
        (run) => this.#addWithin(run, userId, session, { ...limits, most }),
        deadline,
      );
    }
    await this.#database.run(this.#statements.add(userId, session, isWaiting), deadline);
    return { epoch: await this.epoch(userId, deadline), evicted: [] };
  }

  async check(userId: string, key: SessionKey, deadline: Deadline): Promise<UserIndexCheck> {
    const { rows } = await this.#database.run(this.#statements.check(userId, key), deadline, "reads");
    return { epoch: rows[0]?.epoch ?? "", isListed: Number(rows[0]?.listed) > 0 };
  }

  async put(
    userId: string,
    session: IndexedSession,
    _now: EpochMilliseconds,
    deadline: Deadline,
  ): Promise<void> {
    await this.#database.run(this.#statements.put(userId, session), deadline);
  }

  async replace(userId: string, old: SessionKey, by: SessionKey, deadline: Deadline): Promise<void> {
    // In this order: a failure in between leaves the session uncounted until its next activity, and
    // no session has to make room.
    await this.#database.run(this.#statements.remove(userId, [{ key: old }]), deadline);
    await this.#database.run(this.#statements.settle(userId, by), deadline);
  }

  async remove(userId: string, sessions: readonly Unlisting[], deadline: Deadline): Promise<void> {
    if (sessions.length > 0) await this.#database.run(this.#statements.remove(userId, sessions), deadline);
  }

  async page(userId: string, range: UserIndexRange, deadline: Deadline): Promise<UserIndexPage> {
    const { rows } = await this.#database.run(this.#statements.page(userId, range), deadline, "reads");
    const last = rows.length < range.limit ? undefined : rows.at(-1);
    return { sessions: toSessions(rows), next: last && `${last.expires_at}:${last.session_key}` };
  }

  async revoke(userId: string, epoch: string, ttl: Milliseconds, deadline: Deadline): Promise<void> {
    await this.#database.run(this.#statements.setEpoch(userId, epoch, this.#clock.now() + ttl), deadline);
  }

  /**
   * Deletes expired entries of sessions, and epochs that are no longer needed.
   *
   * @param onBatch Called after each batch.
   */
  async clearExpired(pageDeadline: () => Deadline, onBatch: () => void): Promise<void> {
    for (const clearing of this.#statements.clearings(this.#clock.now()))
      await clearInBatches(clearing, { database: this.#database, clock: this.#clock, pageDeadline, onBatch });
  }

  async #addWithin(
    run: Run,
    userId: string,
    session: IndexedSession,
    { now, slack, most, replaces }: UserIndexLimits & { readonly most: number },
  ): Promise<UserIndexAddition> {
    await run(this.#statements.keepUser(userId, session.entry.keepUntil));
    const { rows: epochs } = await run(this.#statements.readEpoch(userId));
    await run(this.#statements.add(userId, session));
    const spared = [session.key, replaces];
    // The two spared sessions count as well.
    const upTo = most + MAX_EVICTIONS + spared.length;
    const { rows: counts } = await run(this.#statements.count(userId, now + slack, upTo));
    if (Number(counts[0]?.count) > most) await this.#doomOldest(run, userId, now + slack, most, spared, upTo);
    const { rows: doomed } = await run(this.#statements.doomed(userId, MAX_EVICTIONS));
    const evicted = doomed.map((row) => row.session_key).filter((key) => !spared.includes(key));
    return { epoch: epochs[0]?.epoch ?? "", evicted };
  }

  async #doomOldest(
    run: Run,
    userId: string,
    live: EpochMilliseconds,
    most: number,
    spared: readonly (SessionKey | undefined)[],
    upTo: number,
  ): Promise<void> {
    const { rows } = await run(
      this.#statements.endingFirst(userId, live, Math.max(EVICTION_CANDIDATES, upTo)),
    );
    const others = rows.filter((row) => !spared.includes(row.session_key));
    const candidates = others.map((row) => ({ key: row.session_key, createdAt: Number(row.created_at) }));
    const oldest = oldestOf(candidates.slice(0, EVICTION_CANDIDATES), others.length + 1 - most);
    if (oldest.length > 0) await run(this.#statements.doom(userId, oldest));
  }
}

function toSessions(rows: readonly UserSessionRow[]): IndexedSession[] {
  return rows
    .filter((row) => isSessionKey(row.session_key))
    .map((row) => ({
      key: row.session_key,
      entry: {
        createdAt: Number(row.created_at),
        lastSeenAt: Number(row.last_seen_at),
        keepUntil: endOf(Number(row.expires_at)),
        device: row.device,
      },
    }));
}
