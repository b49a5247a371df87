import type { Clock, Milliseconds } from "../../core/clock.ts";
import { Deadline } from "../../core/deadlines.ts";
import type { StoredValue } from "../cache-store.ts";
import type { ChangeListener, TrackedReads } from "../tracked-reads.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { MemoryLevel } from "./memory-level.ts";

/** Parts and settings of a {@link CoherentLevel}. */
export interface CoherentLevelOptions {
  readonly level: MemoryLevel;
  readonly clock: Clock;
  /** Maximum age of the last proof that all changes were reported. */
  readonly maxStale: Milliseconds;
  /** Opens the reads. */
  readonly track: (listener: ChangeListener) => TrackedReads;
}

/** A read that may put its values into the level. */
interface Fill {
  readonly sentAt: Milliseconds;
}

/**
 * Maximum interval of heartbeats, whatever `maxStale` is: a link that is silently dropped is closed
 * by its connection soon after one was not answered, and the level is emptied then.
 */
const MAX_INTERVAL: Milliseconds = 2000;

/** Heartbeats within `maxStale`: one may be late, and one may be lost. */
const BEATS = 4;

/** Integers are not kept: they may be counters. At most the 20 characters of 64 bits. */
const INTEGER = /^-?\d{1,19}$/;
const INTEGER_LENGTH = 20;

/**
 * Values in this process that are kept coherent with those of a store elsewhere.
 *
 * - A value enters only by a tracked read, and only if no change of its key was reported, no write
 *   of this process began and no link ended between the sending of the read and its answer. Of
 *   several reads of a key under way, the last one enters.
 * - A value leaves when its key's change is reported, when a write of this process begins, and with
 *   all others when a link ends. Meanwhile nothing enters under a key that is written to.
 * - A value is served for its time to live, and while a proof exists that is younger than
 *   `maxStale`: the sending of its own read, or of a later question whose answer shows that all
 *   changes before it were reported. Without a proof it stays, and is served again after the next
 *   one.
 */
export class CoherentLevel implements ChangeListener {
  readonly #level: MemoryLevel;
  readonly #clock: Clock;
  readonly #maxStale: Milliseconds;
  readonly #reads: TrackedReads;
  readonly #heartbeat: Heartbeat;
  readonly #interval: Milliseconds;
  /** The last read under way of each key. */
  readonly #fills = new Map<string, Fill>();
  /** Number of writes of this process under way, by key. */
  readonly #writes = new Map<string, number>();
  /** Latest time at which a question was sent whose answer proves coherence. */
  #provenAt: Milliseconds = Number.NEGATIVE_INFINITY;

  constructor({ level, clock, maxStale, track }: CoherentLevelOptions) {
    this.#level = level;
    this.#clock = clock;
    this.#maxStale = maxStale;
    this.#interval = Math.min(maxStale / BEATS, MAX_INTERVAL);
    this.#heartbeat = new Heartbeat(this.#interval, () => this.#beat());
    this.#reads = track(this);
  }

  /** Returns a value that may be served now. */
  get(key: string): StoredValue | undefined {
    const kept = this.#level.get(key);
    if (kept === undefined) return undefined;
    const now = this.#clock.monotonic();
    this.#heartbeat.use();
    if (now >= kept.endsAt) {
      this.#level.delete(key);
      return undefined;
    }
    const provenAt = Math.max(kept.readAt, this.#provenAt);
    return now - provenAt <= this.#maxStale ? this.#level.valueOf(kept) : undefined;
  }

  /** Returns whether a write of this process to a key is under way. */
  isWritten(key: string): boolean {
    return this.#writes.has(key);
  }

  /** Reads values elsewhere, in the order of the keys, and keeps them. */
  async read(keys: readonly string[], deadline: Deadline): Promise<readonly (StoredValue | undefined)[]> {
    const fill: Fill = { sentAt: this.#clock.monotonic() };
    for (const key of keys) if (!this.#writes.has(key)) this.#fills.set(key, fill);
    try {
      const found = await this.#reads.getMany(keys, deadline);
      if (this.#reads.hasOneOrder) this.#prove(fill.sentAt);
      return found.map((each, at) => {
        if (each !== undefined) this.#keep(keys[at] ?? "", each.value, each.ttl, fill);
        return each?.value;
      });
    } finally {
      for (const key of keys) if (this.#fills.get(key) === fill) this.#fills.delete(key);
    }
  }

  /** Runs a write of this process to keys, which leave the level before. */
  async during<Result>(keys: readonly string[], write: () => Promise<Result>): Promise<Result> {
    for (const key of keys) {
      this.onChange(key);
      this.#writes.set(key, (this.#writes.get(key) ?? 0) + 1);
    }
    try {
      return await write();
    } finally {
      for (const key of keys) this.#endWrite(key);
    }
  }

  onChange(key: string | undefined): void {
    if (key === undefined) return this.clear();
    this.#fills.delete(key);
    this.#level.delete(key);
  }

  onLinkEnd(): void {
    this.clear();
  }

  /** Removes all values. */
  clear(): void {
    this.#fills.clear();
    this.#level.clear();
  }

  async close(): Promise<void> {
    this.#heartbeat.stop();
    this.clear();
    await this.#reads.close();
  }

  #keep(key: string, value: StoredValue, ttl: Milliseconds | null, fill: Fill): void {
    if (this.#fills.get(key) !== fill || isInteger(value)) return;
    const endsAt = ttl === null ? Number.POSITIVE_INFINITY : fill.sentAt + ttl;
    this.#level.set(key, value, fill.sentAt, endsAt);
    this.#heartbeat.use();
  }

  #endWrite(key: string): void {
    const left = (this.#writes.get(key) ?? 1) - 1;
    if (left === 0) this.#writes.delete(key);
    else this.#writes.set(key, left);
  }

  #prove(sentAt: Milliseconds): void {
    if (sentAt > this.#provenAt) this.#provenAt = sentAt;
  }

  async #beat(): Promise<void> {
    const sentAt = this.#clock.monotonic();
    if (this.#level.size === 0 || sentAt - this.#provenAt < this.#interval) return;
    try {
      await this.#reads.confirm(new Deadline(Math.min(this.#maxStale, 1000)));
      this.#prove(sentAt);
    } catch {
      // Without a proof nothing is served from here; the reads elsewhere report what is wrong.
    }
  }
}

function isInteger(value: StoredValue): boolean {
  return value.length <= INTEGER_LENGTH && INTEGER.test(value.toString());
}
