import { Store } from "./store.ts";
import type { Callback, ResultCallback, SessionData } from "./types.ts";

/** Sessions in the memory of this process, for development and tests. */
export class MemoryStore extends Store {
  /** Id -> record. */
  sessions: Record<string, string> = Object.create(null) as Record<string, string>;

  get(sid: string, callback: ResultCallback<SessionData>): void {
    const found = this.#find(sid);
    setImmediate(() => callback(null, found));
  }

  set(sid: string, session: SessionData, callback?: Callback): void {
    this.sessions[sid] = JSON.stringify(session);
    answer(callback);
  }

  touch(sid: string, session: SessionData, callback?: Callback): void {
    const found = this.#find(sid);
    if (found) this.sessions[sid] = JSON.stringify({ ...found, cookie: session.cookie });
    answer(callback);
  }

  destroy(sid: string, callback?: Callback): void {
    delete this.sessions[sid];
    answer(callback);
  }

  clear(callback?: Callback): void {
    this.sessions = Object.create(null) as Record<string, string>;
    answer(callback);
  }

  /** Reads all sessions, by their ids. */
  all(callback: ResultCallback<Record<string, SessionData>>): void {
    const all = this.#all();
    setImmediate(() => callback(null, all));
  }

  length(callback: ResultCallback<number>): void {
    const count = Object.keys(this.#all()).length;
    setImmediate(() => callback(null, count));
  }

  #all(): Record<string, SessionData> {
    const all = Object.create(null) as Record<string, SessionData>;
    for (const sid of Object.keys(this.sessions)) {
      const found = this.#find(sid);
      if (found) all[sid] = found;
    }
    return all;
  }

  #find(sid: string): SessionData | undefined {
    const text = this.sessions[sid];
    if (text === undefined) return undefined;
    const data = JSON.parse(text) as SessionData;
    const expires = data.cookie?.expires;
    if (!expires || Number(new Date(expires)) > Date.now()) return data;
    delete this.sessions[sid];
    return undefined;
  }
}

function answer(callback: Callback | undefined): void {
  if (callback) setImmediate(callback);
}
