import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { SessionKey } from "../../core/ids.ts";
import { startUnreferencedTimer, type Timer } from "../../core/timers.ts";
import type { RecordWatch, RecordWatchListener } from "../../stores/record-watch.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import { inSteps } from "../users/steps.ts";

/** Options of {@link PolledRecords}. */
export interface PolledRecordsOptions {
  readonly store: Pick<SessionStore, "read">;
  /** Time from the end of a round to the next one. */
  readonly every: Milliseconds;
  readonly newDeadline: () => Deadline;
}

/** A watch for stores that have none: it reads each record now and then. */
export class PolledRecords implements RecordWatch {
  readonly #options: PolledRecordsOptions;
  readonly #listener: RecordWatchListener;
  readonly #keys = new Set<SessionKey>();
  readonly #added: SessionKey[] = [];
  #timer: Timer | undefined;
  #isFailing = false;

  constructor(options: PolledRecordsOptions, listener: RecordWatchListener) {
    this.#options = options;
    this.#listener = listener;
  }

  add(key: SessionKey): void {
    if (this.#keys.has(key)) return;
    this.#keys.add(key);
    if (this.#added.push(key) === 1) queueMicrotask(() => void this.#look(this.#added.splice(0)));
    this.#timer ??= this.#startTimer();
  }

  remove(key: SessionKey): void {
    this.#keys.delete(key);
  }

  close(): Promise<void> {
    this.#keys.clear();
    this.#timer?.stop();
    this.#timer = undefined;
    return Promise.resolve();
  }

  #startTimer(): Timer {
    return startUnreferencedTimer(this.#options.every, () => void this.#lookAtAll());
  }

  async #lookAtAll(): Promise<void> {
    await this.#look([...this.#keys]);
    this.#timer = this.#keys.size > 0 ? this.#startTimer() : undefined;
  }

  /** A failure ends the round: the next one looks at all keys. */
  async #look(keys: readonly SessionKey[]): Promise<void> {
    const { store, newDeadline } = this.#options;
    try {
      await inSteps(keys, newDeadline, async (key, deadline) => {
        const isGone = this.#keys.has(key) && (await store.read(key, deadline)) === undefined;
        if (isGone && this.#keys.has(key)) this.#listener.onGone(key, "unknown");
      });
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#listener.onFailure(error as Error);
      this.#isFailing = true;
    }
  }
}
