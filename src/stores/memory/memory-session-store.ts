import { setImmediate as nextTurn } from "node:timers/promises";

import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { Etag } from "../../core/etag.ts";
import type { SessionKey } from "../../core/ids.ts";
import {
  type ClearProgress,
  type CommitResult,
  type CreateResult,
  hasEtag,
  type RecordWithTtl,
  type SessionStore,
} from "../session-store.ts";
import type { RecordWatch, RecordWatchListener } from "../record-watch.ts";
import { checkDeadline } from "./check-deadline.ts";
import { MemoryRecordWatch } from "./memory-record-watch.ts";
import { MemoryTombstones } from "./memory-tombstones.ts";
import { MemoryUserIndex } from "./memory-user-index.ts";

interface Entry {
  readonly record: string;
  readonly expiresAt: EpochMilliseconds;
}

/** Minimum number of records that is worth a sweep. */
const MIN_SWEEP_SIZE = 1000;

/**
 * Number of records that a step of clearExpired examines while it blocks the process: about 1 ms.
 */
const STEP_SIZE = 10_000;

const COMMITTED: CommitResult = { status: "committed" };
const GONE: CommitResult = { status: "gone" };

/**
 * Sessions in the memory of this process, for development and tests: they end with it and are
 * invisible to other processes.
 *
 * It keeps at most twice as many records as were live at its last sweep.
 */
export class MemorySessionStore implements SessionStore {
  readonly name = "memory";
  readonly comparesWholeRecords = true;
  readonly users: MemoryUserIndex;
  readonly tombstones: MemoryTombstones;
  readonly #clock: Clock;
  readonly #entries = new Map<SessionKey, Entry>();
  readonly #watches = new Set<MemoryRecordWatch>();
  #sweepSize = MIN_SWEEP_SIZE;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.users = new MemoryUserIndex(clock);
    this.tombstones = new MemoryTombstones(clock);
  }

  async read(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    checkDeadline(deadline);
    return this.#live(key)?.record;
  }

  async readWithTtl(key: SessionKey, deadline: Deadline): Promise<RecordWithTtl | undefined> {
    checkDeadline(deadline);
    const entry = this.#live(key);
    return entry && { record: entry.record, ttl: entry.expiresAt - this.#clock.now() };
  }

  async create(
    key: SessionKey,
    record: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CreateResult> {
    checkDeadline(deadline);
    if (this.#live(key) !== undefined) return { status: "exists" };
    this.#sweepWhenLarge();
    this.#put(key, record, ttl);
    return { status: "created" };
  }

  async commit(
    key: SessionKey,
    record: string,
    etag: Etag,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CommitResult> {
    return this.#ifMatch(key, etag, deadline, () => this.#put(key, record, ttl));
  }

  async touch(key: SessionKey, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult> {
    return this.#ifMatch(key, etag, deadline, (stored) => this.#put(key, stored, ttl));
  }

  async delete(key: SessionKey, deadline: Deadline): Promise<boolean> {
    checkDeadline(deadline);
    return this.#live(key) !== undefined && this.#delete(key);
  }

  async deleteIfMatch(key: SessionKey, etag: Etag, deadline: Deadline): Promise<CommitResult> {
    return this.#ifMatch(key, etag, deadline, () => void this.#delete(key));
  }

  async *scan(pageDeadline: () => Deadline): AsyncGenerator<SessionKey, void, undefined> {
    checkDeadline(pageDeadline());
    // A copy: in the map itself, a key deleted and created again during the walk would come twice.
    const keys = [...this.#entries.keys()];
    for (const key of keys) {
      if (this.#live(key) !== undefined) yield key;
    }
  }

  async ping(deadline: Deadline): Promise<void> {
    checkDeadline(deadline);
  }

  async clearExpired(
    pageDeadline: () => Deadline,
    onProgress?: (progress: ClearProgress) => void,
  ): Promise<number> {
    checkDeadline(pageDeadline());
    let [cleared, looked] = [0, 0];
    const step = async (): Promise<void> => {
      onProgress?.({ cleared });
      await nextTurn();
      checkDeadline(pageDeadline());
    };
    for (const [key, entry] of this.#entries) {
      if (this.#clock.now() >= entry.expiresAt && this.#entries.delete(key)) cleared++;
      if (++looked % STEP_SIZE === 0) await step();
    }
    await this.users.clearExpired(step);
    onProgress?.({ cleared });
    return cleared;
  }

  watch(listener: RecordWatchListener): RecordWatch {
    const watch = new MemoryRecordWatch(
      {
        ttlOf: (key) => {
          const entry = this.#live(key);
          return entry && entry.expiresAt - this.#clock.now();
        },
        forget: (closed) => this.#watches.delete(closed),
      },
      listener,
    );
    this.#watches.add(watch);
    return watch;
  }

  async close(): Promise<void> {
    this.#entries.clear();
  }

  #ifMatch(key: SessionKey, etag: Etag, deadline: Deadline, act: (stored: string) => void): CommitResult {
    checkDeadline(deadline);
    const stored = this.#live(key)?.record;
    if (stored === undefined) return GONE;
    if (!hasEtag(stored, etag)) return { status: "conflict", record: stored };
    act(stored);
    return COMMITTED;
  }

  #delete(key: SessionKey): boolean {
    const wasThere = this.#entries.delete(key);
    for (const watch of this.#watches) watch.noteDeletion(key);
    return wasThere;
  }

  #put(key: SessionKey, record: string, ttl: Milliseconds): void {
    this.#entries.set(key, { record, expiresAt: this.#clock.now() + ttl });
  }

  #live(key: SessionKey): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#clock.now() < entry.expiresAt) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  #sweepWhenLarge(): void {
    if (this.#entries.size < this.#sweepSize) return;
    this.#sweep();
    this.#sweepSize = Math.max(MIN_SWEEP_SIZE, 2 * this.#entries.size);
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const [key, { expiresAt }] of this.#entries) {
      if (expiresAt <= now) this.#entries.delete(key);
    }
  }
}
