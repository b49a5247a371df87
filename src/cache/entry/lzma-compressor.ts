import { ImproperlyConfigured } from "../../core/errors.ts";
import type { CacheCompressor } from "./compression.ts";

/** A library of XZ, such as `@napi-rs/lzma/xz`. */
export interface LzmaLibrary {
  readonly compressSync?: unknown;
  readonly decompressSync?: unknown;
  /** The library, as `import()` gives it. */
  readonly default?: unknown;
}

type Convert = (bytes: Uint8Array) => Uint8Array;

/** XZ file format 1.2.1, section 2.1.1: magic bytes, followed by two bytes of flags and four of a checksum. */
const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] as const;
const HEADER = 12;

/** Sizes of the checks by their number, in bytes. Section 2.1.1.2. */
const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64] as const;

/** Blocks and the index are padded to a multiple of four bytes. */
const UNIT = 4;

/** Control bytes of LZMA2 chunks: the end, uncompressed ones, and compressed ones with or without properties. */
const END = 0x00;
const LAST_UNCOMPRESSED = 0x02;
const COMPRESSED = 0x80;
const WITH_PROPERTIES = 0xc0;

/**
 * LZMA in the container XZ, as `lzma.compress` of Python and django-redis's `LzmaCompressor` write it,
 * by a library of the application: `lzmaCompressor(await import("@napi-rs/lzma/xz"))`.
 *
 * The sizes of all chunks are added up before anything is inflated.
 *
 * @throws {ImproperlyConfigured} When the library has no synchronous functions.
 */
export function lzmaCompressor(library: LzmaLibrary): CacheCompressor {
  const { compress, decompress } = functionsOf(library);
  return {
    compress,
    decompress(bytes, maxBytes) {
      if (inflatedSize(bytes) > maxBytes)
        throw Object.assign(new RangeError("The stream is too large."), { code: "ERR_BUFFER_TOO_LARGE" });
      return decompress(bytes);
    },
    recognizes: (bytes) => MAGIC.every((byte, at) => bytes[at] === byte),
  };
}

function functionsOf(library: unknown): { compress: Convert; decompress: Convert } {
  const given = typeof library === "object" && library !== null ? (library as LzmaLibrary) : {};
  for (const each of [given, given.default as LzmaLibrary | undefined]) {
    const { compressSync: compress, decompressSync: decompress } = each ?? {};
    if (typeof compress === "function" && typeof decompress === "function")
      return { compress: compress as Convert, decompress: decompress as Convert };
  }
  throw new ImproperlyConfigured(
    "lzmaCompressor",
    'expected a library such as await import("@napi-rs/lzma/xz"), with compressSync and decompressSync.',
  );
}

/**
 * Returns the size of the content of a stream, by the sizes of its chunks. Decoders inflate no chunk to more than that.
 *
 * @throws {TypeError} When the bytes are not one whole stream.
 */
function inflatedSize(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const checkSize = CHECK_SIZES[byteAt(view, MAGIC.length + 1) & 0x0f] ?? 0;
  let at = HEADER;
  let size = 0;
  // A block begins with the size of its header in units, less one; the index with 0.
  for (let units = byteAt(view, at); units !== 0; units = byteAt(view, at)) {
    at += (units + 1) * UNIT;
    for (let control = byteAt(view, at); control !== END; control = byteAt(view, at)) {
      const chunk = readChunk(view, at, control);
      size += chunk.size;
      at += chunk.length;
    }
    at = padded(at + 1) + checkSize;
  }
  if (endOfIndex(view, at + 1) + HEADER !== bytes.length) throw notXz();
  return size;
}

/** Returns the length of a chunk with its header, and the size of its content. */
function readChunk(view: DataView, at: number, control: number): { length: number; size: number } {
  if (at + 6 > view.byteLength) throw notXz();
  const size = view.getUint16(at + 1) + 1;
  if (control <= LAST_UNCOMPRESSED) return { length: 3 + size, size };
  if (control < COMPRESSED) throw notXz();
  const header = control >= WITH_PROPERTIES ? 6 : 5;
  return { length: header + view.getUint16(at + 3) + 1, size: size + ((control & 0x1f) << 16) };
}

/** Returns the position behind an index: a number of records, and two numbers of each. Section 4. */
function endOfIndex(view: DataView, start: number): number {
  let at = start;
  const readNumber = (): number => {
    let value = 0;
    // Seven bits a byte, the lowest first; at most nine bytes.
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = byteAt(view, at++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw notXz();
  };
  for (let left = readNumber() * 2; left > 0; left--) readNumber();
  const CHECKSUM = 4;
  return padded(at) + CHECKSUM;
}

function padded(at: number): number {
  return Math.ceil(at / UNIT) * UNIT;
}

function byteAt(view: DataView, at: number): number {
  if (at >= view.byteLength) throw notXz();
  return view.getUint8(at);
}

function notXz(): TypeError {
  return new TypeError("The bytes are not one whole XZ stream.");
}
