import { isUtf8 } from "node:buffer";
import { deflateSync, inflateSync } from "node:zlib";

import { StoreServiceError } from "../../../core/errors.ts";
import { BucketDictionaries, type SessionDictionary } from "./bucket-dictionaries.ts";
import type { RecordCompressor } from "./record-compressor.ts";

/** Compression of records. */
export interface BucketCompression {
  /** `undefined`: zlib. `null`: none. */
  readonly compressor: RecordCompressor | null | undefined;
  /** If not empty, the first one compresses all records, instead of the compressor. */
  readonly dictionaries: readonly SessionDictionary[];
  /** Minimum size of a body that the compressor compresses, in bytes. */
  readonly minLength: number;
  /** Maximum size of an inflated body, in bytes. Larger ones are stored as they are. */
  readonly maxInflatedBytes: number;
}

/**
 * The byte after the expiry, which gives the form of the rest. The scripts know 2 and the valid
 * values.
 *
 * - 0: nonce and body
 * - 1: nonce and body, deflated with zlib
 * - 2: a whole record of another form, such as an encrypted one
 * - 3: nonce and body, compressed with the compressor of the options
 * - 128 + n, n from 1: nonce and body, deflated with dictionary n
 */
export const FLAG = { plain: 0, zlib: 1, whole: 2, compressor: 3, dictionary: 128 } as const;

const EXPIRY_BYTES = 4;
const NONCE_BYTES = 8;
const BODY_AT = EXPIRY_BYTES + 1 + NONCE_BYTES;

/** Beginning of a record of the format `json`, before the nonce and a quotation mark. */
const HEAD = '{"_sojourn":{"nonce":"';
const NONCE_DIGITS = 2 * NONCE_BYTES;
const JSON_RECORD = /^\{"_sojourn":\{"nonce":"([0-9a-f]{16})"/;
const NONCE = /^[0-9a-f]{16}$/;

/** A record that no codec reads: it exists, but counts as broken. */
const BROKEN = "";

const ZLIB: RecordCompressor = {
  compress: (bytes) => deflateSync(bytes),
  decompress: (bytes, maxBytes) => inflateSync(bytes, { maxOutputLength: maxBytes }),
};

/**
 * Converts records to the part of a field's value after the expiry, and whole values to records.
 */
export class BucketValues {
  readonly #compressor: RecordCompressor | undefined;
  readonly #compressedFlag: number;
  readonly #dictionaries: BucketDictionaries;
  readonly #minLength: number;
  readonly #maxInflatedBytes: number;

  constructor({ compressor = ZLIB, dictionaries, minLength, maxInflatedBytes }: BucketCompression) {
    this.#compressor = compressor ?? undefined;
    this.#compressedFlag = compressor === ZLIB ? FLAG.zlib : FLAG.compressor;
    this.#dictionaries = new BucketDictionaries(dictionaries);
    this.#minLength = minLength;
    this.#maxInflatedBytes = maxInflatedBytes;
  }

  /** @throws {StoreServiceError} If the compressor fails. */
  encode(record: string): Buffer {
    const parts = splitRecord(record);
    if (parts === undefined) return Buffer.concat([Buffer.of(FLAG.whole), Buffer.from(record)]);
    const body = Buffer.from(parts.body);
    const compressed = this.#compressed(body);
    const isSmaller = compressed !== undefined && compressed.bytes.length < body.length;
    const { flag, bytes } = isSmaller ? compressed : { flag: FLAG.plain, bytes: body };
    return Buffer.concat([Buffer.of(flag), Buffer.from(parts.nonce, "hex"), bytes]);
  }

  /**
   * Returns a text that is not a record of any format if the value cannot be read.
   *
   * @throws {StoreServiceError} If it was compressed with a dictionary that is not in the options.
   */
  decode(value: Buffer): string {
    const flag = value[EXPIRY_BYTES];
    if (flag === FLAG.whole) return value.toString("utf8", EXPIRY_BYTES + 1);
    const body = value.length < BODY_AT ? undefined : this.#body(flag, value.subarray(BODY_AT));
    if (body === undefined) return BROKEN;
    return HEAD + value.toString("hex", EXPIRY_BYTES + 1, BODY_AT) + body.toString();
  }

  #compressed(body: Buffer): { readonly flag: number; readonly bytes: Uint8Array } | undefined {
    if (body.length > this.#maxInflatedBytes) return undefined;
    const dictionary = this.#dictionaries.writer;
    if (dictionary) return { flag: FLAG.dictionary + dictionary.id, bytes: dictionary.compress(body) };
    if (!this.#compressor || body.length < this.#minLength) return undefined;
    return { flag: this.#compressedFlag, bytes: compress(this.#compressor, body) };
  }

  #body(flag: number | undefined, bytes: Buffer): Buffer | undefined {
    if (flag === FLAG.plain) return bytes;
    const compressor = this.#compressorOf(flag, bytes);
    return compressor && this.#decompress(compressor, bytes);
  }

  #compressorOf(flag: number | undefined, bytes: Buffer): RecordCompressor | undefined {
    if (flag === FLAG.zlib) return ZLIB;
    if (flag === FLAG.compressor) return this.#compressor;
    if (flag === undefined || flag <= FLAG.dictionary) return undefined;
    return this.#dictionaries.readerOf(flag - FLAG.dictionary, bytes);
  }

  #decompress(compressor: RecordCompressor, bytes: Buffer): Buffer | undefined {
    try {
      const body: unknown = compressor.decompress(bytes, this.#maxInflatedBytes);
      if (!(body instanceof Uint8Array) || body.length > this.#maxInflatedBytes || !isUtf8(body))
        return undefined;
      return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    } catch {
      // Broken, too large, or of another compressor: readers of the session learn that its record
      // is undecodable.
      return undefined;
    }
  }
}

/** Nonce and body of a record. */
export interface RecordParts {
  /** Decimal digits. */
  readonly nonce: string;
  /** The rest, after the nonce. */
  readonly body: string;
}

/** @returns `undefined` for a record of another form than `json`. */
export function splitRecord(record: string): RecordParts | undefined {
  const nonce = JSON_RECORD.exec(record)?.[1];
  return nonce === undefined ? undefined : { nonce, body: record.slice(HEAD.length + NONCE_DIGITS) };
}

/** Returns an etag's nonce as bytes; none if the etag is another piece of a record. */
export function nonceOf({ start, text }: { readonly start: number; readonly text: string }): Buffer {
  return start === HEAD.length && NONCE.test(text) ? Buffer.from(text, "hex") : Buffer.alloc(0);
}

function compress(compressor: RecordCompressor, body: Buffer): Uint8Array {
  let compressed: unknown;
  try {
    compressed = compressor.compress(body);
  } catch (cause) {
    throw compressorError("it threw", cause);
  }
  if (compressed instanceof Uint8Array) return compressed;
  throw compressorError("it has to return a Uint8Array, not a promise of one");
}

function compressorError(problem: string, cause?: unknown): StoreServiceError {
  const message = `The compressor of redisBucketSessionStore could not compress a record: ${problem}. Nothing was written.`;
  return new StoreServiceError(message, { outcome: "not-sent", cause });
}
