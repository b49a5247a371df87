import type { DecodedRecord, RecordCodec, UndecodableReason } from "../codec/index.ts";
import type { Clock, Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import {
  SessionConflictError,
  SessionInterrupted,
  SessionTooLargeError,
  StoreConnectionError,
} from "../core/errors.ts";
import { newNonce, newSessionKey, type SessionKey } from "../core/ids.ts";
import type { CommitResult, Etag, SessionStore } from "../stores/session-store.ts";
import { userIdOf } from "./auth.ts";
import { KeyQueue } from "./key-queue.ts";
import { SessionRecord } from "./session-record.ts";
import { type Timeouts, timeToLive } from "./timeouts.ts";

/** A record as it is in the store, and the etag that a commit on top of it has to show. */
export interface Version {
  readonly record: SessionRecord;
  readonly etag: Etag;
}

/** Answer of {@link SessionRecords.load}. */
export type LoadResult =
  | { readonly status: "live"; readonly version: Version }
  | { readonly status: "absent" }
  | { readonly status: "expired" }
  | { readonly status: "undecodable"; readonly reason: UndecodableReason };

/** A version under its key. */
export interface StoredSession {
  readonly key: SessionKey;
  readonly version: Version;
}

/** What a commit has led to. */
export interface Committed {
  /** `undefined` when the session's own expiry has ended it: then it is no longer in the store. */
  readonly version: Version | undefined;
  /** Whether the record holds changes of others that the caller has not seen. */
  readonly hasOthers: boolean;
  /** `false` when the change wanted nothing written. */
  readonly isWritten: boolean;
}

/** Makes the record to write from the newest one. It is called again after each conflict. @returns `undefined` to write nothing. */
export type Change = (newest: SessionRecord) => SessionRecord | undefined;

/** What {@link SessionRecords} needs. */
export interface SessionRecordsOptions {
  readonly store: SessionStore;
  readonly codec: RecordCodec;
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  /** Most that a record and its payload may have, in bytes. */
  readonly maxBytes: number;
}

/**
 * Session records in a store of text: encodes and decodes, commits by compare-and-set until it fits, and finds out
 * what became of a write whose answer got lost.
 */
export class SessionRecords {
  readonly #store: SessionStore;
  readonly #codec: RecordCodec;
  readonly #clock: Clock;
  readonly #timeouts: Timeouts;
  readonly #maxBytes: number;
  readonly #queue = new KeyQueue<Version>();

  constructor({ store, codec, clock, timeouts, maxBytes }: SessionRecordsOptions) {
    this.#store = store;
    this.#codec = codec;
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#maxBytes = maxBytes;
  }

  async load(key: SessionKey, deadline: Deadline): Promise<LoadResult> {
    const text = await this.#store.read(key, deadline);
    if (text === undefined) return { status: "absent" };
    const version = this.#decode(text);
    if (typeof version === "string") return { status: "undecodable", reason: version };
    return this.#timeToLive(version.record) > 0 ? { status: "live", version } : { status: "expired" };
  }

  /** Stores a record under a new key. @returns `undefined` when the session's own expiry has already passed. */
  async create(record: SessionRecord, deadline: Deadline): Promise<StoredSession | undefined> {
    const ttl = this.#timeToLive(record);
    if (ttl <= 0) return undefined;
    const { text, version } = this.#encode(record);
    for (;;) {
      const key = newSessionKey();
      const result = await this.#settle(key, version, deadline, () => this.#store.create(key, text, ttl, deadline));
      if (result.status !== "exists") return { key, version };
    }
  }

  /**
   * Writes a change on top of the newest version.
   *
   * @throws {SessionInterrupted} When the record is gone.
   * @throws {SessionConflictError} When others kept being first until the deadline.
   */
  commit(key: SessionKey, version: Version, change: Change, deadline: Deadline): Promise<Committed> {
    return this.#queue.run(key, async (latest, leave) => {
      let newest = latest ?? version;
      for (;;) {
        const record = change(newest.record);
        if (record === undefined) {
          leave(newest);
          return { version: newest, hasOthers: newest !== version, isWritten: false };
        }
        const written = await this.#replace(key, newest, record, deadline);
        if (written.status === "committed") {
          leave(written.version);
          return { version: written.version, hasOthers: newest !== version, isWritten: true };
        }
        newest = this.#newest(written, deadline);
      }
    });
  }

  /**
   * Gives a record a new key: creates the new one, then deletes the old one if it still is the version that was
   * carried over; what others have written meanwhile is carried over too.
   *
   * @returns `undefined` when the old one was gone; then there is no new one either.
   */
  move(
    key: SessionKey,
    version: Version,
    change: (newest: SessionRecord) => SessionRecord,
    deadline: Deadline,
  ): Promise<StoredSession | undefined> {
    return this.#queue.run(key, async (latest) => {
      let newest = latest ?? version;
      let target = await this.create(change(newest.record), deadline);
      try {
        for (;;) {
          const result = await this.#store.deleteIfMatch(key, newest.etag, deadline);
          if (result.status === "committed") return target;
          newest = this.#newest(result, deadline);
          target = target && (await this.#rewrite(target, change(newest.record), deadline));
        }
      } catch (error) {
        // Nobody knows the new key, so it would end by itself; sooner is better.
        if (target) await this.#store.delete(target.key, deadline).catch(() => false);
        if (error instanceof SessionInterrupted) return undefined;
        throw error;
      }
    });
  }

  /** Extends the time to live. @returns Whether the session is still there. */
  async touch(key: SessionKey, version: Version, deadline: Deadline): Promise<boolean> {
    const ttl = this.#timeToLive(version.record);
    if (ttl <= 0) return false;
    // In a conflict another writer has just extended it.
    return (await this.#store.touch(key, version.etag, ttl, deadline)).status !== "gone";
  }

  /** Deletes a record, and tries again while it is not known to be gone and there is time. */
  async delete(key: SessionKey, deadline: Deadline): Promise<void> {
    for (;;) {
      try {
        await this.#store.delete(key, deadline);
        return;
      } catch (error) {
        const mayHelp = error instanceof StoreConnectionError && error.outcome === "unknown" && !deadline.hasPassed;
        if (!mayHelp) throw error;
      }
    }
  }

  /** The version to try next after a write that did not fit. */
  #newest(result: Exclude<CommitResult, { status: "committed" }>, deadline: Deadline): Version {
    if (result.status === "gone") throw new SessionInterrupted();
    const version = this.#decode(result.record);
    // A record that cannot be read is never overwritten.
    if (typeof version === "string") throw new SessionInterrupted();
    if (!deadline.hasPassed) return version;
    throw new SessionConflictError(
      `Other requests kept changing the session for ${deadline.total} ms, so this change was not saved. ` +
        "Try the request again, change the session less often, or raise sessions.deadline.",
    );
  }

  async #replace(
    key: SessionKey,
    newest: Version,
    record: SessionRecord,
    deadline: Deadline,
  ): Promise<{ status: "committed"; version: Version | undefined } | Exclude<CommitResult, { status: "committed" }>> {
    const ttl = this.#timeToLive(record);
    if (ttl <= 0) {
      const result = await this.#store.deleteIfMatch(key, newest.etag, deadline);
      return result.status === "committed" ? { ...result, version: undefined } : result;
    }
    const { text, version } = this.#encode(record);
    const result = await this.#settle(key, version, deadline, () =>
      this.#store.commit(key, text, newest.etag, ttl, deadline),
    );
    return result.status === "committed" ? { ...result, version } : result;
  }

  /** Replaces a record that nobody else knows of. */
  async #rewrite(target: StoredSession, record: SessionRecord, deadline: Deadline): Promise<StoredSession | undefined> {
    const result = await this.#replace(target.key, target.version, record, deadline);
    if (result.status !== "committed") throw new SessionInterrupted();
    return result.version && { key: target.key, version: result.version };
  }

  /** Where the answer of a write got lost, looks once whether the record in the store has the nonce of that write. */
  async #settle<Result extends { status: string }>(
    key: SessionKey,
    version: Version,
    deadline: Deadline,
    write: () => Promise<Result>,
  ): Promise<Result | { status: "committed" }> {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof StoreConnectionError) || error.outcome !== "unknown" || deadline.hasPassed) throw error;
      if (await this.#isInStore(key, version, deadline)) return { status: "committed" };
      throw error;
    }
  }

  async #isInStore(key: SessionKey, { record }: Version, deadline: Deadline): Promise<boolean> {
    try {
      const text = await this.#store.read(key, deadline);
      const found = text === undefined ? "malformed" : this.#decode(text);
      return typeof found !== "string" && found.record.facts.nonce === record.facts.nonce;
    } catch {
      // The failure of the write is what the caller has to hear of.
      return false;
    }
  }

  // A fraction of a millisecond comes from a fractional `_session_expiry`; stores count whole ones.
  #timeToLive(record: SessionRecord): Milliseconds {
    return Math.ceil(timeToLive(record, this.#timeouts, this.#clock.now()));
  }

  #encode(record: SessionRecord): { text: string; version: Version } {
    const now = this.#clock.now();
    const fresh = record.withFacts({ nonce: newNonce(), created: record.facts.created ?? now });
    const payload = fresh.toPayload(this.#codec.factsFirst);
    const text = this.#codec.encode(payload);
    const bytes = Math.max(Buffer.byteLength(payload), Buffer.byteLength(text));
    if (bytes > this.#maxBytes) throw new SessionTooLargeError(bytes, this.#maxBytes);
    return { text, version: { record: fresh, etag: this.#codec.etag(text) } };
  }

  #decode(text: string): Version | UndecodableReason {
    const decoded = this.#codec.decode(text);
    if (!decoded.ok) return decoded.reason;
    try {
      return { record: parseRecord(decoded.value), etag: this.#codec.etag(text) };
    } catch (error) {
      if (error instanceof SyntaxError) return "malformed";
      throw error;
    }
  }
}

/** A record that Django made has no facts; the time when it was written stands in for them. */
function parseRecord({ payload, writtenAt }: DecodedRecord): SessionRecord {
  const record = SessionRecord.parse(payload);
  const { created = writtenAt, authenticated = userIdOf(record) === undefined ? undefined : writtenAt } = record.facts;
  return record.withFacts({
    ...(created !== undefined && { created }),
    ...(authenticated !== undefined && { authenticated }),
  });
}
