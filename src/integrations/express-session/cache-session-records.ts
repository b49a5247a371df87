import { createHash } from "node:crypto";
import type { CacheRecords } from "../../cache/records.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { SessionConflictError } from "../../core/errors.ts";
import {
  type Make,
  type RecordData,
  REPLACED_FOR,
  type SessionRecords,
  type StoredRecord,
  type Written,
} from "./session-records.ts";
import type { SessionData } from "./types.ts";

/** Sessions as entries of a cache. Each write is one step that compares and sets. */
export class CacheSessionRecords implements SessionRecords {
  readonly touchEvery = 60_000;
  readonly #records: CacheRecords;
  readonly #prefix: string;
  readonly #ttl: number;

  /**
   * @param prefix First part of the keys in the cache.
   * @param ttl Time to live of a session whose cookie has no end, in milliseconds.
   */
  constructor(records: CacheRecords, prefix: string, ttl: number) {
    this.#records = records;
    this.#prefix = prefix;
    this.#ttl = ttl;
  }

  async read(sid: string): Promise<StoredRecord | undefined> {
    const text = await this.#records.read(this.keyOf(sid));
    return text === undefined ? undefined : parse(text);
  }

  async write(
    sid: string,
    expected: StoredRecord | undefined,
    make: Make,
    deadline: Deadline,
  ): Promise<Written> {
    let stored = expected;
    while (!deadline.hasPassed) {
      const session = make(stored);
      const ttl = this.#ttlOf(session);
      if (ttl <= 0) {
        await this.destroy(sid);
        return "ended";
      }
      const text = JSON.stringify(session);
      if (await this.#records.replace(this.keyOf(sid), stored?.text, text, ttl, deadline)) return parse(text);
      const theirs = await this.#records.read(this.keyOf(sid), deadline);
      if (theirs === undefined && stored !== undefined) return "gone";
      stored = theirs === undefined ? undefined : parse(theirs);
    }
    throw new SessionConflictError(
      `Other requests kept changing this session for ${deadline.total} ms, so nothing was saved.`,
    );
  }

  /** Stores a session, whatever is there. */
  async put(sid: string, session: SessionData): Promise<void> {
    const ttl = this.#ttlOf(session);
    await (ttl > 0 ? this.#records.put(this.keyOf(sid), JSON.stringify(session), ttl) : this.destroy(sid));
  }

  /** The record's cookie gets the new end too: express-session's stores look at it. */
  async touch(sid: string, session: SessionData): Promise<void> {
    const stored = await this.read(sid);
    if (stored === undefined) return;
    const text = JSON.stringify({ ...stored.data, cookie: session.cookie });
    // Another request that has written meanwhile has extended it.
    await this.#records.replace(this.keyOf(sid), stored.text, text, this.#ttlOf(session));
  }

  async destroy(...sids: readonly string[]): Promise<void> {
    await this.#records.delete(sids.map((sid) => this.keyOf(sid)));
  }

  async noteReplaced(sid: string): Promise<void> {
    await this.#records.put(this.#replacedKeyOf(sid), "1", REPLACED_FOR);
  }

  async isReplaced(sid: string): Promise<boolean> {
    return (await this.#records.read(this.#replacedKeyOf(sid))) !== undefined;
  }

  keyOf(sid: string): string {
    return this.#prefix + sid;
  }

  #replacedKeyOf(sid: string): string {
    return `replaced:${this.#prefix}${createHash("sha256").update(sid).digest("base64url")}`;
  }

  #ttlOf({ cookie }: SessionData): number {
    const expires = cookie?.expires;
    return expires ? Number(new Date(expires)) - this.#records.clock.now() : this.#ttl;
  }
}

function parse(text: string): StoredRecord {
  return { text, data: JSON.parse(text) as RecordData };
}
