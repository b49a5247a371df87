import { isUtf8 } from "node:buffer";
import { deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";
import * as v from "valibot";

import { CacheUsageError } from "../../core/errors.ts";
import { parseSettings, type SettingsSchema, settingsObject } from "../../core/settings.ts";

/**
 * Compresses values. Any library fits: zlib, snappy, zstd, lz4. Both methods are synchronous, and
 * `decompress` restores the input of `compress`.
 */
export interface CacheCompressor {
  compress(bytes: Uint8Array): Uint8Array;

  /**
   * @param maxBytes Maximum size of the result. Beyond it, an error with the code
   *   `ERR_BUFFER_TOO_LARGE` is thrown, as Node's zlib does with `maxOutputLength`. A compressor
   *   that cannot stop there may return more, which is refused afterwards.
   * @throws Any other error for bytes that are not compressed, which are then used unchanged.
   */
  decompress(bytes: Uint8Array, maxBytes: number): Uint8Array;

  /**
   * Returns whether the bytes may be compressed, judged by the first of them. It saves a try: if
   * false, `decompress` is not called.
   *
   * @defaultValue every value is tried
   */
  recognizes?(bytes: Uint8Array): boolean;
}

/** Compression of a cache. */
export interface CompressionSettings {
  /** A compressor, such as `zlibCompressor()`. */
  readonly compressor: CacheCompressor;
  /** Minimum size for compression, in bytes. @defaultValue `16`, as in django-redis */
  readonly minLength?: number;
  /** Maximum inflated size of a value, in bytes. @defaultValue 64 MiB */
  readonly maxInflatedBytes?: number;
}

/** {@link CompressionSettings}, checked and complete. */
export type Compression = Required<CompressionSettings>;

/** Options of the compressors. */
export interface DeflateOptions {
  /** 1 (fast) to 9 (small). @defaultValue `6`, as in django-redis */
  readonly level?: number;
}

/** Minimum size in django-redis, which leaves values of up to 15 bytes uncompressed. */
const MIN_LENGTH = 16;
const MAX_INFLATED_BYTES = 64 * 1024 * 1024;
const COMPRESSOR = "a compressor such as zlibCompressor(), with compress and decompress";

const settingsSchema = settingsObject({
  compressor: v.custom<CacheCompressor>(isCacheCompressor, COMPRESSOR),
  minLength: v.optional(wholeNumber(0, Number.MAX_SAFE_INTEGER, "a number of bytes"), MIN_LENGTH),
  maxInflatedBytes: v.optional(
    wholeNumber(1, Number.MAX_SAFE_INTEGER, "a number of bytes above 0"),
    MAX_INFLATED_BYTES,
  ),
});

const levelSchema = settingsObject({ level: v.optional(wholeNumber(1, 9, "a level from 1 to 9"), 6) });

/** Schema of settings, or of a compressor alone. */
export const compressionSchema: SettingsSchema<CacheCompressor | CompressionSettings, Compression> = v.lazy(
  (input) =>
    isCacheCompressor(input)
      ? v.pipe(
          v.custom<CacheCompressor>(isCacheCompressor),
          v.transform((compressor) => v.parse(settingsSchema, { compressor })),
        )
      : settingsSchema,
) as SettingsSchema<CacheCompressor | CompressionSettings, Compression>;

/**
 * zlib, compatible with Python's `zlib.compress` and django-redis's `ZlibCompressor` in both
 * directions.
 *
 * @throws {ImproperlyConfigured} When the level is not from 1 to 9.
 */
export function zlibCompressor(options: DeflateOptions = {}): CacheCompressor {
  const { level } = parseSettings(levelSchema, options, "zlibCompressor");
  return {
    compress: (bytes) => deflateSync(bytes, { level }),
    decompress: (bytes, maxBytes) => inflateSync(bytes, { maxOutputLength: maxBytes }),
    // RFC 1950, 2.2: the method is 8, and both bytes as one number are a multiple of 31.
    recognizes: ([first = 0, second = 0]) => (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0,
  };
}

/**
 * gzip, compatible with Python's `gzip.compress` and django-redis's `GzipCompressor` in both
 * directions.
 *
 * @throws {ImproperlyConfigured} When the level is not from 1 to 9.
 */
export function gzipCompressor(options: DeflateOptions = {}): CacheCompressor {
  const { level } = parseSettings(levelSchema, options, "gzipCompressor");
  return {
    compress: (bytes) => gzipSync(bytes, { level }),
    decompress: (bytes, maxBytes) => gunzipSync(bytes, { maxOutputLength: maxBytes }),
    // RFC 1952, 2.3.1
    recognizes: ([first, second]) => first === 0x1f && second === 0x8b,
  };
}

/** Returns whether a value has the form of a {@link CacheCompressor}, for checks of settings. */
export function isCacheCompressor(input: unknown): input is CacheCompressor {
  if (typeof input !== "object" || input === null) return false;
  const { compress, decompress, recognizes } = input as Partial<CacheCompressor>;
  const isSniffer = recognizes === undefined || typeof recognizes === "function";
  return typeof compress === "function" && typeof decompress === "function" && isSniffer;
}

/**
 * Compresses a text for the store, by django-redis's rule: compressed bytes carry no mark.
 *
 * Integers stay digits, so that `INCR` counts with them. A text stays uncompressed if it is shorter
 * than `minLength`, longer than `maxInflatedBytes`, or not made smaller by compression. If such a
 * text would be read as compressed, it is compressed anyway.
 *
 * @throws {CacheUsageError} When the compressor does not return bytes. Its own errors are passed
 *   on.
 */
export function pack(text: string, compression: Compression): Uint8Array {
  const { minLength, maxInflatedBytes } = compression;
  const bytes = Buffer.from(text);
  if (isInteger(bytes)) return bytes;
  if (bytes.length >= minLength && bytes.length <= maxInflatedBytes) {
    const compressed = deflated(bytes, compression);
    if (compressed.length < bytes.length) return compressed;
  }
  return isTakenForCompressed(bytes, compression) ? deflated(bytes, compression) : bytes;
}

/**
 * Reads the output of {@link pack}, or of django-redis with the same compressor.
 *
 * Bytes that the compressor cannot read are used unchanged, since an uncompressed value cannot be
 * told from a broken one. A broken one fails in the next step: it is hardly ever UTF-8, and such
 * bytes do not start like JSON.
 *
 * @throws {SyntaxError} When the value would inflate beyond the limit, or is no text. The message
 *   shows nothing of it.
 * @throws {CacheUsageError} When the compressor does not return bytes.
 */
export function unpack(stored: Uint8Array, compression: Compression): string {
  const bytes = inflated(stored, compression) ?? stored;
  if (isUtf8(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  throw new SyntaxError("it is neither text nor compressed text that the compressor of this cache can read");
}

function deflated(bytes: Uint8Array, { compressor }: Compression): Uint8Array {
  return checked(compressor.compress(bytes), "compress");
}

/** @returns `undefined` when it is not compressed. */
function inflated(stored: Uint8Array, { compressor, maxInflatedBytes }: Compression): Uint8Array | undefined {
  if (isInteger(stored) || compressor.recognizes?.(stored) === false) return undefined;
  let bytes: Uint8Array;
  try {
    bytes = compressor.decompress(stored, maxInflatedBytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException | undefined)?.code === "ERR_BUFFER_TOO_LARGE")
      throw tooLarge(maxInflatedBytes);
    return undefined;
  }
  if (checked(bytes, "decompress").length > maxInflatedBytes) throw tooLarge(maxInflatedBytes);
  return bytes;
}

function isTakenForCompressed(bytes: Uint8Array, compression: Compression): boolean {
  try {
    return inflated(bytes, compression) !== undefined;
  } catch (error) {
    // It would inflate beyond the limit.
    if (error instanceof SyntaxError) return true;
    throw error;
  }
}

function tooLarge(maxBytes: number): SyntaxError {
  return new SyntaxError(`it inflates to more than compression.maxInflatedBytes allows (${maxBytes})`);
}

function checked(bytes: unknown, method: string): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  throw new CacheUsageError(
    `The compressor's ${method} has to return a Uint8Array, and not a promise of one. Use its synchronous form.`,
  );
}

const MINUS = 0x2d;

/** Returns whether bytes are the digits of an integer. */
function isInteger(bytes: Uint8Array): boolean {
  const start = bytes[0] === MINUS ? 1 : 0;
  return bytes.length > start && bytes.subarray(start).every((byte) => byte >= 0x30 && byte <= 0x39);
}

function wholeNumber(least: number, most: number, expected: string): SettingsSchema<number, number> {
  return v.pipe(
    v.number(expected),
    v.safeInteger(expected),
    v.minValue(least, expected),
    v.maxValue(most, expected),
  );
}
