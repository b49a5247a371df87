import { createHash } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";

import { StoreServiceError } from "../../../core/errors.ts";
import type { RecordCompressor } from "./record-compressor.ts";

/** Bytes shared by many records, which are compressed against them. See `makeSessionDictionary`. */
export interface SessionDictionary {
  /** Number of the dictionary, from 1 to 127. Other bytes need another number. */
  readonly id: number;
  /** Content, from 1 byte to {@link DICTIONARY_BYTES}. */
  readonly bytes: Uint8Array;
}

/** Maximum distance of a back reference in deflate (RFC 1951, section 2). */
export const DICTIONARY_BYTES: number = 32 * 1024;

/** Maximum number of a dictionary: one bit of the flag marks a dictionary, the rest number it. */
export const LAST_DICTIONARY_ID = 127;

/**
 * Length of the mark. Raw deflate has no checksum: with other bytes under its number, a record
 * would inflate to another one.
 */
const MARK_BYTES = 2;

/** Dictionaries by their numbers. */
export class BucketDictionaries {
  /** Compresses records; `undefined` if there is no dictionary. */
  readonly writer: SharedDictionary | undefined;
  readonly #dictionaries: ReadonlyMap<number, SharedDictionary>;

  /** @param dictionaries The first one compresses, the others only read. */
  constructor(dictionaries: readonly SessionDictionary[]) {
    const shared = dictionaries.map((dictionary) => new SharedDictionary(dictionary));
    this.writer = shared[0];
    this.#dictionaries = new Map(shared.map((each) => [each.id, each]));
  }

  /**
   * Returns the dictionary with which some bytes were compressed.
   *
   * @throws {StoreServiceError} If it is missing, or has other bytes. The record would be readable
   * with the right settings, so it must not be treated as broken, nor its user as anonymous.
   */
  readerOf(id: number, compressed: Uint8Array): SharedDictionary {
    const dictionary = this.#dictionaries.get(id);
    if (dictionary === undefined) {
      throw unreadable(`dictionary ${id}, which is missing`, "Put it back");
    }
    if (!dictionary.hasMade(compressed)) {
      const advice = "Put the former bytes back, and give the new ones a number of their own";
      throw unreadable(`dictionary ${id}, which now has other bytes`, advice);
    }
    return dictionary;
  }
}

/** Compresses by raw deflate with a preset dictionary, whose mark comes first. */
class SharedDictionary implements RecordCompressor {
  readonly id: number;
  readonly #dictionary: Buffer;
  readonly #mark: Buffer;

  constructor({ id, bytes }: SessionDictionary) {
    this.id = id;
    this.#dictionary = Buffer.from(bytes);
    this.#mark = createHash("sha256").update(bytes).digest().subarray(0, MARK_BYTES);
  }

  compress(bytes: Uint8Array): Buffer {
    return Buffer.concat([this.#mark, deflateRawSync(bytes, { dictionary: this.#dictionary })]);
  }

  decompress(bytes: Uint8Array, maxBytes: number): Buffer {
    const deflated = bytes.subarray(MARK_BYTES);
    return inflateRawSync(deflated, { dictionary: this.#dictionary, maxOutputLength: maxBytes });
  }

  hasMade(compressed: Uint8Array): boolean {
    return this.#mark.equals(compressed.subarray(0, MARK_BYTES));
  }
}

/** Bytes that deflate can shrink only against themselves. */
const PROBE = createHash("sha512").digest();

/**
 * Returns whether the zlib of this runtime supports preset dictionaries. Deno 2.9 ignores them
 * silently: it cannot inflate records written elsewhere, and they would be treated as broken.
 */
export function heedsDictionaries(): boolean {
  return deflateRawSync(PROBE, { dictionary: PROBE }).length < PROBE.length;
}

function unreadable(dictionary: string, advice: string): StoreServiceError {
  return new StoreServiceError(
    `A session record cannot be read: it was compressed with ${dictionary} in redisBucketSessionStore.dictionaries. ` +
      `${advice}; the record stays as it is until then.`,
    { outcome: "not-sent" },
  );
}
