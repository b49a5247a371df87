import { LRUCache } from "lru-cache";
import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import { KeyQueues } from "../../stores/key-queues.ts";
import { bounded } from "./bounded.ts";
import { call } from "./callbacks.ts";
import {
  type Make,
  REPLACED_FOR,
  type SessionRecords,
  type StoredRecord,
  toRecordData,
  type Written,
} from "./session-records.ts";
import type { SessionData, SessionStoreLike } from "./types.ts";

/** Maximum number of replaced ids that are remembered. About 150 bytes each. */
const MAX_REPLACED = 10_000;

/**
 * The records of any store of express-session, which has no conditional write: a record is read
 * again right before it is written, and the requests of this process write one after the other. A
 * write of another process in between is lost, as with express-session itself.
 */
export class PlainRecords implements SessionRecords {
  readonly touchEvery = 0;
  readonly #store: SessionStoreLike;
  readonly #writes = new KeyQueues();
  readonly #replaced = new LRUCache<string, true>({ max: MAX_REPLACED, ttl: REPLACED_FOR });

  readonly #deadline: Milliseconds;

  /** @param deadline Maximum time of a turn: a store that never answers blocks no later one. */
  constructor(store: SessionStoreLike, deadline: Milliseconds) {
    this.#store = store;
    this.#deadline = deadline;
  }

  async read(sid: string): Promise<StoredRecord | undefined> {
    const data = await call<SessionData>((callback) => this.#store.get(sid, callback)).catch(ignoreMissing);
    return data ? { text: JSON.stringify(data), data: toRecordData(data) } : undefined;
  }

  write(sid: string, expected: StoredRecord | undefined, make: Make, deadline: Deadline): Promise<Written> {
    return this.#inTurn("save", sid, async (): Promise<Written> => {
      const stored = expected && (await this.read(sid));
      if (expected && !stored) return "gone";
      // An answer that comes late must not bring back what has ended meanwhile.
      if (deadline.hasPassed)
        throw new StoreConnectionError("The session store has read the session too late to save it.", {
          outcome: "not-sent",
        });
      const session = make(stored);
      await call((callback) => this.#store.set(sid, session, callback));
      return { text: JSON.stringify(session), data: toRecordData(session) };
    });
  }

  async touch(sid: string, session: SessionData): Promise<void> {
    await this.#inTurn("extend", sid, async () => {
      if (this.#store.touch) await call((callback) => this.#store.touch?.(sid, session, callback));
    });
  }

  async destroy(sid: string): Promise<void> {
    await this.#inTurn("end", sid, () => call((callback) => this.#store.destroy(sid, callback)));
  }

  async noteReplaced(sid: string): Promise<void> {
    this.#replaced.set(sid, true);
  }

  async isReplaced(sid: string): Promise<boolean> {
    return this.#replaced.has(sid);
  }

  #inTurn<Result>(act: string, sid: string, task: () => Promise<Result>): Promise<Result> {
    return this.#writes.run(sid, () => bounded(act, task(), this.#deadline));
  }
}

/** Some stores of files fail with `ENOENT` where there is no session. */
function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  throw error;
}
