import { ImproperlyConfigured } from "../../core/errors.ts";
import type { CacheCompressor } from "./compression.ts";

/** A library of LZ4 frames, such as `lz4-napi`. */
export interface Lz4Library {
  readonly compressFrameSync?: unknown;
  readonly decompressFrameSync?: unknown;
  /** The library, as `import()` gives it. */
  readonly default?: unknown;
}

type Convert = (bytes: Buffer) => Uint8Array;

interface Frame {
  /** Content size that the frame announces, in bytes. */
  readonly announced: bigint | undefined;
  /** Maximum size of the content by the sizes of its blocks, in bytes. */
  readonly bound: number;
}

/** LZ4 frame format 1.6.4: magic number, and bits of the flags. */
const MAGIC = 0x18_4d_22_04;
const BLOCK_CHECKSUM = 0b1_0000;
const CONTENT_SIZE = 0b1000;
const DICTIONARY = 0b1;
const IS_STORED = 0x80_00_00_00;

/** Maximum ratio of LZ4: a byte of a match length stands for at most 255 bytes. */
const MAX_RATIO = 255;

/** Maximum block sizes by their code, in bytes. */
const BLOCK_SIZES: ReadonlyMap<number, number> = new Map([
  [4, 64 * 1024],
  [5, 256 * 1024],
  [6, 1024 * 1024],
  [7, 4 * 1024 * 1024],
]);

/**
 * LZ4 frames, as `lz4.frame` of Python and django-redis's `Lz4Compressor` write them, by a library
 * of the application: `lz4Compressor(await import("lz4-napi"))`.
 *
 * The announced size and the blocks of a frame are checked before anything is inflated.
 *
 * @throws {ImproperlyConfigured} When the library has no synchronous functions for frames.
 */
export function lz4Compressor(library: Lz4Library): CacheCompressor {
  const { compress, decompress } = functionsOf(library);
  return {
    compress: (bytes) => compress(bufferOf(bytes)),
    decompress(bytes, maxBytes) {
      const buffer = bufferOf(bytes);
      const { announced, bound } = measure(buffer);
      if (bound > maxBytes || (announced !== undefined && announced > maxBytes))
        throw Object.assign(new RangeError("The frame is too large."), { code: "ERR_BUFFER_TOO_LARGE" });
      return decompress(buffer);
    },
    recognizes: (bytes) => bytes.length > 4 && bufferOf(bytes).readUInt32LE() === MAGIC,
  };
}

function functionsOf(library: unknown): { compress: Convert; decompress: Convert } {
  const given = typeof library === "object" && library !== null ? (library as Lz4Library) : {};
  for (const each of [given, given.default as Lz4Library | undefined]) {
    const { compressFrameSync: compress, decompressFrameSync: decompress } = each ?? {};
    if (typeof compress === "function" && typeof decompress === "function")
      return { compress: compress as Convert, decompress: decompress as Convert };
  }
  throw new ImproperlyConfigured(
    "lz4Compressor",
    'expected a library such as await import("lz4-napi"), with compressFrameSync and decompressFrameSync.',
  );
}

/**
 * Measures a frame without inflating it. The last block is not in the bound, since it is hardly ever
 * full: a result may exceed the bound by one block.
 */
function measure(bytes: Buffer): Frame {
  const flags = bytes.readUInt8(4);
  const blockSize = BLOCK_SIZES.get((bytes.readUInt8(5) >> 4) & 0b111);
  if (blockSize === undefined) throw new TypeError("The bytes are no LZ4 frame.");
  const hasSize = (flags & CONTENT_SIZE) !== 0;
  const announced = hasSize ? bytes.readBigUInt64LE(6) : undefined;
  const checksum = (flags & BLOCK_CHECKSUM) === 0 ? 0 : 4;
  let at = 7 + (hasSize ? 8 : 0) + ((flags & DICTIONARY) === 0 ? 0 : 4);
  let bound = 0;
  let last = 0;
  for (let word = bytes.readUInt32LE(at); word !== 0; word = bytes.readUInt32LE(at)) {
    const size = (word & ~IS_STORED) >>> 0;
    bound += last;
    last = (word & IS_STORED) === 0 ? Math.min(blockSize, size * MAX_RATIO) : size;
    at += 4 + size + checksum;
  }
  return { announced, bound };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
