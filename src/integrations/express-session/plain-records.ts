import { LRUCache } from "lru-cache";
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
  /** Id -> the last write of this process. */
  readonly #writes = new Map<string, Promise<unknown>>();
  readonly #replaced = new LRUCache<string, true>({ max: MAX_REPLACED, ttl: REPLACED_FOR });

  constructor(store: SessionStoreLike) {
    this.#store = store;
  }

  async read(sid: string): Promise<StoredRecord | undefined> {
    const data = await call<SessionData>((callback) => this.#store.get(sid, callback)).catch(ignoreMissing);
    return data ? { text: JSON.stringify(data), data: toRecordData(data) } : undefined;
  }

  write(sid: string, expected: StoredRecord | undefined, make: Make): Promise<Written> {
    return this.#inTurn(sid, async () => {
      const stored = expected && (await this.read(sid));
      if (expected && !stored) return "gone";
      const session = make(stored);
      await call((callback) => this.#store.set(sid, session, callback));
      return { text: JSON.stringify(session), data: toRecordData(session) };
    });
  }

  async touch(sid: string, session: SessionData): Promise<void> {
    await this.#inTurn(sid, async () => {
      if (this.#store.touch) await call((callback) => this.#store.touch?.(sid, session, callback));
    });
  }

  async destroy(sid: string): Promise<void> {
    await this.#inTurn(sid, () => call((callback) => this.#store.destroy(sid, callback)));
  }

  async noteReplaced(sid: string): Promise<void> {
    this.#replaced.set(sid, true);
  }

  async isReplaced(sid: string): Promise<boolean> {
    return this.#replaced.has(sid);
  }

  async #inTurn<Result>(sid: string, task: () => Promise<Result>): Promise<Result> {
    const turn = (this.#writes.get(sid) ?? Promise.resolve()).then(task);
    const settled = turn.catch(() => {});
    this.#writes.set(sid, settled);
    try {
      return await turn;
    } finally {
      if (this.#writes.get(sid) === settled) this.#writes.delete(sid);
    }
  }
}

/** Some stores of files fail with `ENOENT` where there is no session. */
function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  throw error;
}
