import type { EpochMilliseconds } from "../core/clock.ts";
import type { Etag } from "../core/etag.ts";
import type { SessionKey } from "../core/ids.ts";

/** Why a record could not be read. */
export type UndecodableReason = "bad-signature" | "malformed" | "too-large";

/** A record that was read: the payload, and when the record was written, where the format says so. */
export interface DecodedRecord {
  /** A JSON object as text. */
  readonly payload: string;
  readonly writtenAt: EpochMilliseconds | undefined;
  /** Whether a fallback secret was needed to read it: it should be written anew. */
  readonly isOutdated: boolean;
}

/**
 * Answer of {@link RecordCodec.decode}. Records come from outside, so a bad one is an answer, not an
 * exception.
 */
export type DecodeResult =
  | { readonly ok: true; readonly value: DecodedRecord }
  | { readonly ok: false; readonly reason: UndecodableReason };

/** Turns the payload of a session (a JSON object as text) into a record (text) and back. */
export interface RecordCodec {
  /** The format's name in the settings. */
  readonly format: string;
  /** Whether the member `_sojourn` has to be the first of the payload, with the nonce as its first member. */
  readonly factsFirst: boolean;
  /** @param storageKey The key under which the record will be stored, for formats that bind it to its place. */
  encode(payload: string, storageKey: SessionKey): string;
  decode(record: string, storageKey: SessionKey): DecodeResult;
  /** The piece of an encoded record that is another one after every commit. */
  etag(record: string): Etag;
}
