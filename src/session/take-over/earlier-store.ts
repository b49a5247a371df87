import { createHmac } from "node:crypto";
import type { Clock, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { SessionInterrupted } from "../../core/errors.ts";
import type { Etag } from "../../core/etag.ts";
import { hashSessionKey, isSessionKey, type SessionKey } from "../../core/ids.ts";
import type { CommitResult, CreateResult, SessionStore } from "../../stores/session-store.ts";
import type { SessionTombstones } from "../../stores/session-tombstones.ts";
import { TOO_LARGE } from "./earlier-codec.ts";
import { readEarlier, renewEarlier } from "./earlier-record.ts";
import type { EarlierSessions } from "./earlier-sessions.ts";

/** Ids of another library as session keys. */
export class EarlierKeys {
  readonly #secretKey: string;
  readonly #ids = new Map<SessionKey, string>();
  readonly #presented = new Set<string>();

  constructor(secretKey: string) {
    this.#secretKey = secretKey;
  }

  /**
   * Returns the key for an id, and remembers the id. A key of Sojourn's is its own id, so what
   * Sojourn begins has the same id for every request.
   */
  keyOf(id: string): SessionKey {
    this.#presented.add(id);
    const isOwn: boolean = isSessionKey(id);
    if (isOwn) return id;
    const digest = createHmac("sha256", this.#secretKey).update(`sojourn.earlier:${id}`).digest("hex");
    const key = hashSessionKey(digest);
    this.#ids.set(key, id);
    return key;
  }

  /** Ids that the request came with. */
  get presented(): Iterable<string> {
    return this.#presented;
  }

  idOf(key: SessionKey): string {
    return this.#ids.get(key) ?? key;
  }
}

/** Sessions that other processes have moved since this request has read them. */
export interface MovedElsewhere {
  /** Returns whether the session of an id was moved. */
  has(source: EarlierSessions, id: string, deadline: Deadline): Promise<boolean>;
  /** Ends the session that was made from an id, if there is one. */
  end(source: EarlierSessions, id: string, deadline: Deadline): Promise<void>;
}

/** Dependencies of {@link EarlierStore}. */
export interface EarlierStoreOptions {
  readonly tombstones: SessionTombstones;
  readonly clock: Clock;
  readonly moved: MovedElsewhere;
}

/** The records of another library as a session store, for one request. */
export class EarlierStore implements SessionStore {
  readonly name: string;
  readonly comparesWholeRecords = true;
  readonly tombstones: SessionTombstones;
  readonly #source: EarlierSessions;
  readonly #keys: EarlierKeys;
  readonly #clock: Clock;
  readonly #moved: MovedElsewhere;

  constructor(source: EarlierSessions, keys: EarlierKeys, { tombstones, clock, moved }: EarlierStoreOptions) {
    this.name = source.name;
    this.#moved = moved;
    this.tombstones = tombstones;
    this.#clock = clock;
    this.#source = source;
    this.#keys = keys;
  }

  async read(key: SessionKey, deadline: Deadline): Promise<string | undefined> {
    const read = await this.#source.records.read(this.#keys.idOf(key), deadline);
    if (read === "absent") return undefined;
    if (read === "too-large") return TOO_LARGE;
    const content = readEarlier(read.text, this.#source.format);
    const hasEnded = content?.end !== undefined && content.end <= this.#clock.now();
    return hasEnded ? undefined : read.text;
  }

  /** @throws {SessionInterrupted} When the request's session was moved: its cookie leads there. */
  async create(
    key: SessionKey,
    record: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CreateResult> {
    const { records } = this.#source;
    for (const presented of this.#keys.presented)
      if (await this.#moved.has(this.#source, presented, deadline)) throw new SessionInterrupted();
    const id = this.#keys.idOf(key);
    const isCreated = await records.create(id, record, this.#within(record, ttl), deadline);
    return { status: isCreated ? "created" : "exists" };
  }

  commit(
    key: SessionKey,
    record: string,
    etag: Etag,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<CommitResult> {
    const id = this.#keys.idOf(key);
    return this.#source.records.commit(id, record, etag, this.#within(record, ttl), deadline);
  }

  touch(key: SessionKey, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult> {
    const { records, format } = this.#source;
    const record = Buffer.from(etag.text, "latin1").toString();
    const [id, life] = [this.#keys.idOf(key), this.#within(record, ttl)];
    const renewed = renewEarlier(record, format, this.#clock.now());
    return renewed === undefined
      ? records.touch(id, etag, life, deadline)
      : records.commit(id, renewed, etag, life, deadline);
  }

  /** A logout ends the session wherever it is by now. A mover that is under way finds no record. */
  async delete(key: SessionKey, deadline: Deadline): Promise<boolean> {
    const id = this.#keys.idOf(key);
    const wasThere = await this.#source.records.delete(id, deadline);
    if (!wasThere) await this.#moved.end(this.#source, id, deadline);
    return wasThere;
  }

  /** @throws {SessionInterrupted} When the session was moved. */
  async deleteIfMatch(key: SessionKey, etag: Etag, deadline: Deadline): Promise<CommitResult> {
    const id = this.#keys.idOf(key);
    const result = await this.#source.records.deleteIfMatch(id, etag, deadline);
    if (result.status === "gone" && (await this.#moved.has(this.#source, id, deadline)))
      throw new SessionInterrupted();
    return result;
  }

  /** Nothing walks the records of one request. */
  async *scan(): AsyncGenerator<SessionKey, void, undefined> {}

  ping(deadline: Deadline): Promise<void> {
    return this.#source.records.ping(deadline);
  }

  clearExpired(): Promise<number> {
    return Promise.resolve(0);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** A session lives no longer than its own cookie says. */
  #within(record: string, ttl: Milliseconds): Milliseconds {
    const content = readEarlier(record, this.#source.format);
    return Math.min(ttl, content === undefined ? ttl : (this.#source.format.lifeOf(content.own) ?? ttl));
  }
}
