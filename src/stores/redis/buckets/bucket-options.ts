import { randomBytes } from "node:crypto";
import * as v from "valibot";

import { ImproperlyConfigured } from "../../../core/errors.ts";
import { parseSettings, settingsObject } from "../../../core/settings.ts";
import {
  DICTIONARY_BYTES,
  heedsDictionaries,
  LAST_DICTIONARY_ID,
  type SessionDictionary,
} from "./bucket-dictionaries.ts";
import type { BucketKeyGenerators } from "./bucket-keys.ts";
import type { BucketCompression } from "./bucket-values.ts";
import type { RecordCompressor } from "./record-compressor.ts";
import type { HashKeysCheckForExpiry } from "./bucket-walk.ts";
import { type CheckedWaitFor, type RedisWaitFor, waitForSchema } from "../wait-for.ts";

/** Options of {@link redisBucketSessionStore}. */
export interface RedisBucketSessionStoreOptions extends BucketKeyGenerators {
  /**
   * Name of the connection.
   *
   * @defaultValue `"session"` if there is a connection of this name, else `"default"`
   */
  readonly connection?: string | undefined;
  /**
   * Middle part of the keys of the hashes, `{project name}:{prefix}:{hash key}`.
   *
   * It must not begin with an integer, as in `1` or `1:a`: there the cache keeps its entries, and
   * clears them.
   *
   * @defaultValue `"session"`
   */
  readonly prefix?: string | undefined;
  /** Makes writes wait for replicas. @defaultValue none */
  readonly waitFor?: RedisWaitFor | undefined;
  /** Hashes that `clearExpired` examines. @defaultValue `"all"` */
  readonly hashKeysCheckForExpiry?: HashKeysCheckForExpiry | undefined;
  /** Compresses larger records; `null`: no compression. @defaultValue zlib */
  readonly compressor?: RecordCompressor | null | undefined;
  /**
   * Preset dictionaries for deflate, used instead of `compressor` for records of any size: small
   * ones shrink, too. The first one writes, and all of them read.
   *
   * @defaultValue `[]`, none
   */
  readonly dictionaries?: readonly SessionDictionary[] | undefined;
  /**
   * Minimum size of a record that `compressor` compresses, in bytes, without its nonce.
   *
   * @defaultValue `400`
   */
  readonly minLength?: number | undefined;
  /**
   * Maximum size of an inflated record, in bytes; larger ones are not compressed.
   *
   * @defaultValue 16 MiB
   */
  readonly maxInflatedBytes?: number | undefined;
}

const HASHES = '"all", a whole number of hashes from 1, or a function that gives their names';
const COMPRESSOR = "a compressor such as zlibCompressor(), with compress and decompress, or null";
const DICTIONARY_ID = `a whole number from 1 to ${LAST_DICTIONARY_ID}`;
const DICTIONARY = `a Uint8Array of 1 to ${DICTIONARY_BYTES} bytes, such as the result of makeSessionDictionary()`;
const BYTES = "a whole number of bytes";
const BYTES_FROM_1 = "a whole number of bytes, from 1";

const dictionarySchema = settingsObject({
  id: v.pipe(
    v.number(DICTIONARY_ID),
    v.safeInteger(DICTIONARY_ID),
    v.minValue(1, DICTIONARY_ID),
    v.maxValue(LAST_DICTIONARY_ID, DICTIONARY_ID),
  ),
  bytes: v.custom<Uint8Array>(isDictionary, DICTIONARY),
});

const schema = settingsObject({
  connection: v.optional(v.string()),
  prefix: v.optional(v.string(), "session"),
  waitFor: waitForSchema,
  hashKeyGenerator: v.optional(v.custom<(key: string) => string>(isFunction, "a function")),
  keyGenerator: v.optional(v.custom<(key: string) => string>(isFunction, "a function")),
  sessionKeyOf: v.optional(v.custom<(hashKey: string, field: string) => string>(isFunction, "a function")),
  hashKeysCheckForExpiry: v.optional(v.custom<HashKeysCheckForExpiry>(isCheckForExpiry, HASHES), "all"),
  compressor: v.optional(v.custom<RecordCompressor | null>(isCompressor, COMPRESSOR)),
  dictionaries: v.optional(v.array(dictionarySchema, "an array of dictionaries, { id, bytes }"), []),
  minLength: v.optional(v.pipe(v.number(BYTES), v.safeInteger(BYTES), v.minValue(0, BYTES)), 400),
  maxInflatedBytes: v.optional(
    v.pipe(v.number(BYTES_FROM_1), v.safeInteger(BYTES_FROM_1), v.minValue(1, BYTES_FROM_1)),
    16 * 1024 * 1024,
  ),
});

/** {@link RedisBucketSessionStoreOptions}, checked and complete. */
export interface BucketOptions {
  readonly connection: string | undefined;
  readonly prefix: string;
  readonly waitFor: CheckedWaitFor | undefined;
  readonly generators: BucketKeyGenerators;
  readonly compression: BucketCompression;
  readonly hashKeysCheckForExpiry: HashKeysCheckForExpiry;
}

/** Name of the options in messages. */
export const BUCKET_SETTING = "redisBucketSessionStore";

/** @throws {ImproperlyConfigured} */
export function parseBucketOptions(options: RedisBucketSessionStoreOptions): BucketOptions {
  const parsed = parseSettings(schema, options, BUCKET_SETTING);
  const { connection, prefix, waitFor, hashKeysCheckForExpiry } = parsed;
  const { compressor, dictionaries, minLength, maxInflatedBytes } = parsed;
  const { hashKeyGenerator, keyGenerator, sessionKeyOf } = parsed;
  if (compressor) checkCompressor(compressor);
  checkIds(dictionaries);
  if (dictionaries.length > 0) checkRuntime();
  return {
    connection,
    prefix,
    waitFor,
    generators: { hashKeyGenerator, keyGenerator, sessionKeyOf },
    compression: { compressor, dictionaries, minLength, maxInflatedBytes },
    hashKeysCheckForExpiry,
  };
}

function checkIds(dictionaries: readonly SessionDictionary[]): void {
  const ids = dictionaries.map(({ id }) => id);
  const twice = ids.findIndex((id, index) => ids.indexOf(id) < index);
  if (twice === -1) return;
  const problem = `expected a number that no other dictionary has, got ${ids[twice]} again.`;
  throw new ImproperlyConfigured(`${BUCKET_SETTING}.dictionaries[${twice}].id`, problem);
}

function checkRuntime(): void {
  if (heedsDictionaries()) return;
  const problem = "expected none on this runtime, whose zlib ignores them: it could not read the records.";
  throw new ImproperlyConfigured(`${BUCKET_SETTING}.dictionaries`, problem);
}

function checkCompressor(compressor: RecordCompressor): void {
  // Half of it is compressible.
  const sample = Buffer.concat([randomBytes(500), Buffer.alloc(500)]);
  let restored: unknown;
  try {
    restored = compressor.decompress(compressor.compress(sample), sample.length);
  } catch (cause) {
    throw compressorError("it threw", cause);
  }
  if (!(restored instanceof Uint8Array)) throw compressorError("it did not return a Uint8Array");
  if (!sample.equals(restored)) throw compressorError("it returned other bytes");
}

function compressorError(problem: string, cause?: unknown): ImproperlyConfigured {
  const expected = "expected decompress to restore the bytes that compress was given, synchronously";
  return new ImproperlyConfigured(`${BUCKET_SETTING}.compressor`, `${expected}, but ${problem}.`, { cause });
}

function isFunction(input: unknown): boolean {
  return typeof input === "function";
}

function isDictionary(input: unknown): boolean {
  return input instanceof Uint8Array && input.length >= 1 && input.length <= DICTIONARY_BYTES;
}

function isCheckForExpiry(input: unknown): boolean {
  return input === "all" || isFunction(input) || (Number.isSafeInteger(input) && (input as number) >= 1);
}

function isCompressor(input: unknown): boolean {
  if (input === null) return true;
  const { compress, decompress } = (input ?? {}) as Partial<RecordCompressor>;
  return typeof compress === "function" && typeof decompress === "function";
}
