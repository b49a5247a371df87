import { LRUCache } from "lru-cache";
import { KeyQueues } from "../../stores/key-queues.ts";
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

  constructor(store: SessionStoreLike) {
    this.#store = store;
  }

  async read(sid: string): Promise<StoredRecord | undefined> {
    const data = await call<SessionData>((callback) => this.#store.get(sid, callback)).catch(ignoreMissing);
    return data ? { text: JSON.stringify(data), data: toRecordData(data) } : undefined;
  }

  write(sid: string, expected: StoredRecord | undefined, make: Make): Promise<Written> {
    return this.#writes.run(sid, async () => {
      const stored = expected && (await this.read(sid));
      if (expected && !stored) return "gone";
      const session = make(stored);
      await call((callback) => this.#store.set(sid, session, callback));
      return { text: JSON.stringify(session), data: toRecordData(session) };
    });
  }

  async touch(sid: string, session: SessionData): Promise<void> {
    await this.#writes.run(sid, async () => {
      if (this.#store.touch) await call((callback) => this.#store.touch?.(sid, session, callback));
    });
  }

  async destroy(sid: string): Promise<void> {
    await this.#writes.run(sid, () => call((callback) => this.#store.destroy(sid, callback)));
  }

  async noteReplaced(sid: string): Promise<void> {
    this.#replaced.set(sid, true);
  }

  async isReplaced(sid: string): Promise<boolean> {
    return this.#replaced.has(sid);
  }
}

/** Some stores of files fail with `ENOENT` where there is no session. */
function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  throw error;
}
