import type { Clock, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { SessionUsageError, StoreServiceError } from "../../core/errors.ts";
import type { Etag } from "../../core/etag.ts";
import type { SessionKey } from "../../core/ids.ts";
import { RecordTombstones } from "../record-tombstones.ts";
import {
  type CommitResult,
  type CreateResult,
  hasEtag,
  type RecordWithTtl,
  type SessionStore,
} from "../session-store.ts";
import { type MemcachedClient, tokenOf } from "./client/memcached-client.ts";
import { toExpiration } from "./expiration.ts";
import { readRecord, type TimedRecord, writeRecord } from "./memcached-record.ts";

/** A record that was read, and the version that memcached gave it. */
interface Found extends TimedRecord {
  readonly cas: string;
}

/** Parts of a {@link MemcachedSessionStore}. */
export interface MemcachedSessionStoreParts {
  readonly client: MemcachedClient;
  readonly clock: Clock;
  /** First part of all keys. */
  readonly namespace: string;
  /** Maximum size of a value, in bytes. */
  readonly maxItemBytes: number;
}

/**
 * Sessions in memcached, one item each. A conditional write reads the item with its version, and
 * replaces that version alone (`ms` with `C`).
 *
 * memcached drops items to make room, and loses all of them when it ends: sessions and tombstones
 * too.
 */
export class MemcachedSessionStore implements SessionStore {
  readonly name = "memcached";
  readonly comparesWholeRecords = true;
  readonly tombstones: RecordTombstones;
  readonly #client: MemcachedClient;
  readonly #clock: Clock;
  readonly #namespace: string;
  readonly #maxItemBytes: number;

  constructor({ client, clock, namespace, maxItemBytes }: MemcachedSessionStoreParts) {
    this.#client = client;
    this.#clock = clock;
    this.#namespace = namespace;
    this.#maxItemBytes = maxItemBytes;
    this.tombstones = new RecordTombstones(this, (name) => `moved:${name}`);
  }

  async read(key: string, deadline: Deadline): Promise<string | undefined> {
    return (await this.#find(key, deadline))?.record;
  }

  async readWithTtl(key: SessionKey, deadline: Deadline): Promise<RecordWithTtl | undefined> {
    const found = await this.#find(key, deadline);
    return found && { record: found.record, ttl: Math.max(1, found.expiresAt - this.#clock.now()) };
  }

  async create(key: string, record: string, ttl: Milliseconds, deadline: Deadline): Promise<CreateResult> {
    const { code } = await this.#store(key, record, ttl, ["ME"], deadline);
    if (code === "HD") return { status: "created" };
    // One that has expired by its own time takes its last second with memcached.
    const expired = await this.#find(key, deadline, { isLive: false });
    if (expired === undefined || this.#isLive(expired)) return { status: "exists" };
    const replaced = await this.#store(key, record, ttl, [`C${expired.cas}`], deadline);
    return { status: replaced.code === "HD" ? "created" : "exists" };
  }

  /** Stores a record, replacing an existing one. */
  async put(key: string, record: string, ttl: Milliseconds, deadline: Deadline): Promise<void> {
    await this.#store(key, record, ttl, [], deadline);
  }

  commit(
    key: SessionKey,
    record: string,
    etag: Etag,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CommitResult> {
    return this.#ifMatch(key, etag, deadline, ({ cas }) =>
      this.#store(key, record, ttl, [`C${cas}`], deadline),
    );
  }

  touch(key: SessionKey, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult> {
    return this.#ifMatch(key, etag, deadline, ({ record, cas }) =>
      this.#store(key, record, ttl, [`C${cas}`], deadline),
    );
  }

  async delete(key: string, deadline: Deadline): Promise<boolean> {
    const found = await this.#find(key, deadline);
    const { code } = await this.#client.ask("md", this.#at(key), [], deadline);
    return code === "HD" && found !== undefined;
  }

  deleteIfMatch(key: SessionKey, etag: Etag, deadline: Deadline): Promise<CommitResult> {
    return this.#ifMatch(key, etag, deadline, ({ cas }) =>
      this.#client.ask("md", this.#at(key), [`C${cas}`], deadline),
    );
  }

  /** memcached lists no keys. */
  scan(): AsyncIterable<SessionKey> {
    throw new SessionUsageError(
      "memcached cannot list its keys, so its sessions cannot be walked through. Keep sessions in Redis or a database to do so.",
    );
  }

  ping(deadline: Deadline): Promise<void> {
    return this.#client.ping(deadline);
  }

  /** memcached drops expired records itself. */
  clearExpired(): Promise<number> {
    return Promise.resolve(0);
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  #at(key: string): string {
    return this.#namespace + key;
  }

  #isLive({ expiresAt }: TimedRecord): boolean {
    return expiresAt > this.#clock.now();
  }

  async #find(key: string, deadline: Deadline, { isLive } = { isLive: true }): Promise<Found | undefined> {
    const reply = await this.#client.ask("mg", this.#at(key), ["v", "c"], deadline);
    const found = reply.value && readRecord(reply.value);
    if (found === undefined || (isLive && !this.#isLive(found))) return undefined;
    return { ...found, cas: tokenOf(reply, "c") ?? "" };
  }

  #store(key: string, record: string, ttl: Milliseconds, flags: readonly string[], deadline: Deadline) {
    const value = writeRecord({ record, expiresAt: this.#clock.now() + ttl });
    // memcached deletes the stored item when a new one is too large.
    if (value.length > this.#maxItemBytes)
      throw new StoreServiceError(
        `The record has ${value.length} bytes, more than memcached takes (maxItemBytes ${this.#maxItemBytes}).`,
        { outcome: "not-sent" },
      );
    return this.#client.ask(
      "ms",
      this.#at(key),
      [...flags, `T${toExpiration(ttl, this.#clock)}`],
      deadline,
      value,
    );
  }

  /** Reads a record, and acts on it if it has the etag; again, if another writer was first. */
  async #ifMatch(
    key: SessionKey,
    etag: Etag,
    deadline: Deadline,
    act: (found: Found) => Promise<{ readonly code: string }>,
  ): Promise<CommitResult> {
    for (;;) {
      const found = await this.#find(key, deadline);
      if (found === undefined) return { status: "gone" };
      if (!hasEtag(found.record, etag)) return { status: "conflict", record: found.record };
      const { code } = await act(found);
      if (code === "HD") return { status: "committed" };
      if (code === "NF") return { status: "gone" };
    }
  }
}
