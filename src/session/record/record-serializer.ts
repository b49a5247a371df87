import type { DecodedRecord, RecordCodec, UndecodableReason } from "../../codec/index.ts";
import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import { SessionTooLargeError } from "../../core/errors.ts";
import type { Etag } from "../../core/etag.ts";
import { newNonce, type SessionKey } from "../../core/ids.ts";
import { SessionRecord } from "./session-record.ts";
import { type Timeouts, timeToLive } from "./timeouts.ts";

/** A stored record, and the etag that a commit on top of it has to present. */
export interface Version {
  readonly record: SessionRecord;
  readonly etag: Etag;
  /** Time of the write, if the format records it. */
  readonly writtenAt: EpochMilliseconds | undefined;
  /** The record was made with a fallback secret and should be rewritten. */
  readonly isOutdated: boolean;
}

/** Dependencies of {@link RecordSerializer}. */
export interface RecordSerializerOptions {
  readonly codec: RecordCodec;
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  /** Maximum size of a record and of its payload, in bytes. */
  readonly maxBytes: number;
  /** Version of the application's data, written into records from 2 on. */
  readonly dataVersion: number;
  /**
   * A record expires by the time of its signature instead of the store's expiry: a cookie that
   * carries a record may be sent at any time. @defaultValue `false`
   */
  readonly agesWithSignature?: boolean;
}

/** Encodes and decodes versions of records. */
export class RecordSerializer {
  readonly #codec: RecordCodec;
  readonly #clock: Clock;
  readonly #timeouts: Timeouts;
  readonly #maxBytes: number;
  readonly #dataVersion: number;
  readonly #agesWithSignature: boolean;

  constructor({
    codec,
    clock,
    timeouts,
    maxBytes,
    dataVersion,
    agesWithSignature = false,
  }: RecordSerializerOptions) {
    this.#codec = codec;
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#maxBytes = maxBytes;
    this.#dataVersion = dataVersion;
    this.#agesWithSignature = agesWithSignature;
  }

  /**
   * Makes a new version, with a new nonce.
   *
   * @throws {SessionTooLargeError}
   */
  encode(record: SessionRecord, storageKey: SessionKey): EncodedVersion {
    const now = this.#clock.now();
    const created = record.metadata.created ?? now;
    const version = Math.max(this.#dataVersion, record.metadata.version ?? 1);
    const fresh = record.withMetadata({ nonce: newNonce(), created, ...(version > 1 && { version }) });
    const payload = fresh.toPayload(this.#codec.metadataFirst);
    const text = this.#codec.encode(payload, storageKey);
    const bytes = Math.max(Buffer.byteLength(payload), Buffer.byteLength(text));
    if (bytes > this.#maxBytes) throw new SessionTooLargeError(bytes, this.#maxBytes);
    return new EncodedVersion(text, new RecordVersion(fresh, this.#codec.etag(text), now, false));
  }

  decode(text: string, storageKey: SessionKey): Version | UndecodableReason {
    const decoded = this.#codec.decode(text, storageKey);
    if (!decoded.ok) return decoded.reason;
    try {
      const { isOutdated, writtenAt } = decoded.value;
      return new RecordVersion(parseRecord(decoded.value), this.#codec.etag(text), writtenAt, isOutdated);
    } catch (error) {
      if (error instanceof SyntaxError) return "malformed";
      throw error;
    }
  }

  /** Returns whether a record has expired. */
  hasEnded({ record, writtenAt }: Version): boolean {
    const now = this.#clock.now();
    const from = this.#agesWithSignature ? (writtenAt ?? now) : now;
    return from + timeToLive(record, this.#timeouts, from) <= now;
  }

  /**
   * Returns the remaining time of a session without further requests, in whole milliseconds; 0 or
   * less: it has ended.
   */
  timeToLive(record: SessionRecord): Milliseconds {
    return Math.ceil(timeToLive(record, this.#timeouts, this.#clock.now()));
  }
}

/** A version, and the text to store. */
class EncodedVersion {
  readonly text: string;
  readonly version: Version;

  constructor(text: string, version: Version) {
    this.text = text;
    this.version = version;
  }
}

class RecordVersion implements Version {
  readonly record: SessionRecord;
  readonly etag: Etag;
  readonly writtenAt: EpochMilliseconds | undefined;
  readonly isOutdated: boolean;

  constructor(
    record: SessionRecord,
    etag: Etag,
    writtenAt: EpochMilliseconds | undefined,
    isOutdated: boolean,
  ) {
    this.record = record;
    this.etag = etag;
    this.writtenAt = writtenAt;
    this.isOutdated = isOutdated;
  }
}

/** Parses a record. Django's have no metadata, so the write time is used as the creation time. */
function parseRecord({ payload, writtenAt }: DecodedRecord): SessionRecord {
  const record = SessionRecord.parse(payload);
  const { created = writtenAt } = record.metadata;
  return created === undefined ? record : record.withMetadata({ created });
}
