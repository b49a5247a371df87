import type { Milliseconds } from "../../core/clock.ts";
import type { SessionKey } from "../../core/ids.ts";
import { startUnreferencedTimer, type Timer } from "../../core/timers.ts";
import type { GoneCause, RecordWatch, RecordWatchListener } from "../record-watch.ts";

/** Records of a {@link MemorySessionStore}, as its watches see them. */
export interface WatchedRecords {
  /** Returns the time to live of a record; `undefined` if there is none. */
  ttlOf(key: SessionKey): Milliseconds | undefined;
  /** Called when a watch is closed. */
  forget(watch: MemoryRecordWatch): void;
}

/** A watch of records in the memory of this process. */
export class MemoryRecordWatch implements RecordWatch {
  readonly #records: WatchedRecords;
  readonly #listener: RecordWatchListener;
  /** The keys, each with the timer of its expiry. */
  readonly #timers = new Map<SessionKey, Timer | undefined>();

  constructor(records: WatchedRecords, listener: RecordWatchListener) {
    this.#records = records;
    this.#listener = listener;
  }

  add(key: SessionKey): void {
    if (this.#timers.has(key)) return;
    this.#timers.set(key, undefined);
    // Later, as other engines answer.
    queueMicrotask(() => this.#look(key, "deleted"));
  }

  remove(key: SessionKey): void {
    this.#timers.get(key)?.stop();
    this.#timers.delete(key);
  }

  close(): Promise<void> {
    for (const key of this.#timers.keys()) this.remove(key);
    this.#records.forget(this);
    return Promise.resolve();
  }

  /** Called when a record is deleted. */
  noteDeletion(key: SessionKey): void {
    if (this.#timers.has(key)) queueMicrotask(() => this.#look(key, "deleted"));
  }

  #look(key: SessionKey, cause: GoneCause): void {
    if (!this.#timers.has(key)) return;
    const ttl = this.#records.ttlOf(key);
    this.#timers.get(key)?.stop();
    if (ttl === undefined) {
      this.#timers.set(key, undefined);
      this.#listener.onGone(key, cause);
      return;
    }
    this.#timers.set(
      key,
      startUnreferencedTimer(ttl, () => this.#look(key, "expired")),
    );
  }
}
