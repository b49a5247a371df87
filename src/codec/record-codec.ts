import type { EpochMilliseconds } from "../core/clock.ts";
import type { Etag } from "../core/etag.ts";
import type { SessionKey } from "../core/ids.ts";

/** Reason why a record could not be read. */
export type UndecodableReason = "bad-signature" | "malformed" | "too-large";

/** A decoded record: the payload, and its time of writing if the format has it. */
export interface DecodedRecord {
  /** A JSON object as text. */
  readonly payload: string;
  readonly writtenAt: EpochMilliseconds | undefined;
  /** Whether a fallback secret was needed to read it: the record should be rewritten. */
  readonly isOutdated: boolean;
}

/**
 * Result of {@link RecordCodec.decode}. Records come from outside, so a bad one is a result, not an
 * exception.
 */
export type DecodeResult =
  | { readonly ok: true; readonly value: DecodedRecord }
  | { readonly ok: false; readonly reason: UndecodableReason };

/** Converts the payload of a session (a JSON object as text) to a record (text) and back. */
export interface RecordCodec {
  /** Name of the format in the settings. */
  readonly format: string;
  /**
   * Whether the payload has to begin with the member `_sojourn`, whose first member is the nonce.
   */
  readonly metadataFirst: boolean;
  /**
   * @param storageKey Key under which the record will be stored, for formats that bind it to its
   *   place.
   */
  encode(payload: string, storageKey: SessionKey): string;
  decode(record: string, storageKey: SessionKey): DecodeResult;
  /** Returns the part of an encoded record that changes with every commit. */
  etag(record: string): Etag;
}
