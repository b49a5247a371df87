import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { Etag } from "../../core/etag.ts";
import type { SessionKey } from "../../core/ids.ts";
import {
  type CommitResult,
  type CreateResult,
  hasEtag,
  type SessionStore,
} from "../../stores/session-store.ts";

/**
 * Store for one request whose cookie carries its session: holds one record, and two while it gets a
 * new key. The code shared by all engines works on it; the age of the signature determines the
 * expiry.
 */
export class CookieRecords implements SessionStore {
  readonly name = "cookie";
  readonly #texts = new Map<SessionKey, string>();

  /** Adds the record of the request's cookie. */
  put(key: SessionKey, text: string): void {
    this.#texts.set(key, text);
  }

  /** Returns the record for the cookie to carry; `undefined` for a key without one. */
  textAt(key: SessionKey): string | undefined {
    return this.#texts.get(key);
  }

  async read(key: SessionKey): Promise<string | undefined> {
    return this.#texts.get(key);
  }

  async create(key: SessionKey, record: string): Promise<CreateResult> {
    if (this.#texts.has(key)) return { status: "exists" };
    this.#texts.set(key, record);
    return { status: "created" };
  }

  commit(key: SessionKey, record: string, etag: Etag): Promise<CommitResult> {
    return this.#ifMatch(key, etag, () => this.#texts.set(key, record));
  }

  touch(key: SessionKey, etag: Etag, _ttl: Milliseconds): Promise<CommitResult> {
    return this.#ifMatch(key, etag, () => {});
  }

  async delete(key: SessionKey): Promise<boolean> {
    return this.#texts.delete(key);
  }

  deleteIfMatch(key: SessionKey, etag: Etag): Promise<CommitResult> {
    return this.#ifMatch(key, etag, () => this.#texts.delete(key));
  }

  /** Yields nothing: only the browsers have the sessions. */
  async *scan(): AsyncGenerator<SessionKey, void, undefined> {}

  async ping(_deadline: Deadline): Promise<void> {}

  async clearExpired(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {}

  async #ifMatch(key: SessionKey, etag: Etag, act: () => unknown): Promise<CommitResult> {
    const stored = this.#texts.get(key);
    if (stored === undefined) return { status: "gone" };
    if (!hasEtag(stored, etag)) return { status: "conflict", record: stored };
    act();
    return { status: "committed" };
  }
}
