import * as zlib from "node:zlib";
import * as v from "valibot";

import { ImproperlyConfigured } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import type { CacheCompressor } from "./compression.ts";

/** Options of {@link brotliCompressor}. */
export interface BrotliOptions {
  /** 0 (fast) to 11 (small). @defaultValue `4`: near zlib's speed */
  readonly quality?: number;
}

/** Options of {@link zstdCompressor}. */
export interface ZstdOptions {
  /** 1 (fast) to 19 (small). @defaultValue `3`, as in zstd */
  readonly level?: number;
}

/** The two functions of zstd in `node:zlib`, from Node.js 22.15 on. */
interface ZstdLibrary {
  readonly zstdCompressSync?: (bytes: Uint8Array, options: object) => Buffer;
  readonly zstdDecompressSync?: (bytes: Uint8Array, options: object) => Buffer;
}

/** A library of raw snappy: `snappyjs` has `uncompress`, `snappy` the other two. */
export interface SnappyLibrary {
  readonly compress?: unknown;
  readonly uncompress?: unknown;
  readonly compressSync?: unknown;
  readonly uncompressSync?: unknown;
  /** The library, as `import()` gives it. */
  readonly default?: unknown;
}

type Convert = (bytes: Uint8Array) => Uint8Array;

const QUALITY = "a quality from 0 to 11";
const LEVEL = "a level from 1 to 19";

const brotliSchema = settingsObject({
  quality: v.optional(
    v.pipe(v.number(QUALITY), v.safeInteger(QUALITY), v.minValue(0, QUALITY), v.maxValue(11, QUALITY)),
    4,
  ),
});

const zstdSchema = settingsObject({
  level: v.optional(
    v.pipe(v.number(LEVEL), v.safeInteger(LEVEL), v.minValue(1, LEVEL), v.maxValue(19, LEVEL)),
    3,
  ),
});

/** Whether Node's zlib has zstd. */
export const hasZstd: boolean = "zstdCompressSync" in zlib;

/** ZSTD_c_compressionLevel, which Node.js has under this name since 22.15. */
const ZSTD_LEVEL = 100;

/** Maximum size that the length of a raw snappy stream can announce: 32 bits. */
const MAX_VARINT = 5;

/**
 * Brotli (RFC 7932), of Node's own zlib. Its bytes carry no mark, so every value is tried.
 *
 * @throws {ImproperlyConfigured} When the quality is not from 0 to 11.
 */
export function brotliCompressor(options: BrotliOptions = {}): CacheCompressor {
  const { quality } = parseSettings(brotliSchema, options, "brotliCompressor");
  const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: quality };
  return {
    compress: (bytes) => zlib.brotliCompressSync(bytes, { params }),
    decompress: (bytes, maxBytes) => zlib.brotliDecompressSync(bytes, { maxOutputLength: maxBytes }),
  };
}

/**
 * Zstandard (RFC 8878), of Node's own zlib from Node.js 22.15 on.
 *
 * @throws {ImproperlyConfigured} Where Node has none, and when the level is not from 1 to 19.
 */
export function zstdCompressor(options: ZstdOptions = {}): CacheCompressor {
  const { level } = parseSettings(zstdSchema, options, "zstdCompressor");
  const { zstdCompressSync: compress, zstdDecompressSync: decompress } = zlib as ZstdLibrary;
  if (compress === undefined || decompress === undefined) {
    const message = `expected Node.js 22.15 or newer, whose zlib has zstd; this is ${process.version}. Take brotliCompressor().`;
    throw new ImproperlyConfigured("zstdCompressor", message);
  }
  return {
    compress: (bytes) => compress(bytes, { params: { [ZSTD_LEVEL]: level } }),
    decompress: (bytes, maxBytes) => decompress(bytes, { maxOutputLength: maxBytes }),
    // RFC 8878, 3.1.1
    recognizes: ([first, second, third, fourth]) =>
      first === 0x28 && second === 0xb5 && third === 0x2f && fourth === 0xfd,
  };
}

/**
 * Raw snappy, the default of django-redisession, by a library of the application:
 * `snappyCompressor(await import("snappyjs"))`, or the package `snappy`.
 *
 * The announced length is checked before anything is inflated.
 *
 * @throws {ImproperlyConfigured} When it is neither of the two.
 */
export function snappyCompressor(library: SnappyLibrary): CacheCompressor {
  const { compress, uncompress } = functionsOf(library);
  return {
    compress,
    decompress(bytes, maxBytes) {
      const length = announcedLength(bytes);
      if (length === undefined) throw new TypeError("The bytes are no snappy stream.");
      if (length > maxBytes)
        throw Object.assign(new RangeError("The stream is too large."), { code: "ERR_BUFFER_TOO_LARGE" });
      const inflated = uncompress(bytes);
      if (inflated.length !== length) throw new TypeError("The bytes are no whole snappy stream.");
      return inflated;
    },
  };
}

/** The native package has synchronous functions beside asynchronous ones of the other names. */
function functionsOf(library: unknown): { compress: Convert; uncompress: Convert } {
  const given = typeof library === "object" && library !== null ? (library as Record<string, unknown>) : {};
  const found = [given, given["default"] as Record<string, unknown> | undefined].flatMap((each) => {
    const pair = [
      each?.["compressSync"] ?? each?.["compress"],
      each?.["uncompressSync"] ?? each?.["uncompress"],
    ];
    return pair.every((one) => typeof one === "function") ? [pair as [Convert, Convert]] : [];
  });
  const [pair] = found;
  if (pair !== undefined) return { compress: pair[0], uncompress: pair[1] };
  throw new ImproperlyConfigured(
    "snappyCompressor",
    'expected a library such as await import("snappyjs"), with compress and uncompress.',
  );
}

/** Returns the length that a stream begins with: 7 bits a byte, the lowest first. */
function announcedLength(bytes: Uint8Array): number | undefined {
  let length = 0;
  for (let index = 0; index < Math.min(MAX_VARINT, bytes.length); index++) {
    const byte = bytes[index] ?? 0;
    length += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return length;
  }
  return undefined;
}
