import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";

import { ImproperlyConfigured } from "../../core/errors.ts";
import { type CacheCompressor, type Compression, pack, unpack } from "./compression.ts";
import { brotliCompressor, hasZstd, snappyCompressor, zstdCompressor } from "./compressors.ts";

const MAX = 100_000;

const settings = (compressor: CacheCompressor): Compression => ({
  compressor,
  minLength: 16,
  maxInflatedBytes: MAX,
});

const KINDS: readonly (readonly [string, () => CacheCompressor])[] = [
  ["brotli", () => brotliCompressor()],
  ...(hasZstd ? ([["zstd", () => zstdCompressor()]] as const) : []),
];

describe.each(KINDS)("with %s", (_, open) => {
  test("texts come back, long ones smaller, and integers stay digits", () => {
    const compression = settings(open());
    for (const text of ["", "42", "short", "é".repeat(15), '{"a":1}'.repeat(500)])
      expect(unpack(pack(text, compression), compression)).toBe(text);
    expect(pack("long ".repeat(1000), compression).length).toBeLessThan(200);
    expect(Buffer.from(pack("123456789012345678", compression)).toString()).toBe("123456789012345678");
  });

  test("a bomb is refused before it is inflated", () => {
    const bomb = open().compress(Buffer.alloc(MAX + 1));
    expect(bomb.length).toBeLessThan(1000);
    expect(() => unpack(bomb, settings(open()))).toThrow(SyntaxError);
  });
});

test("a quality or level that does not exist is refused", () => {
  expect(() => brotliCompressor({ quality: 12 })).toThrow(ImproperlyConfigured);
  expect(() => zstdCompressor({ level: 0 })).toThrow(ImproperlyConfigured);
});

/** zstandard.ZstdCompressor(3).compress() of Python's zstandard 0.25.0 */
const ZSTD_FRAME = Buffer.from("28b52ffd208c750000387b2261223a317d01000251c508", "hex");

const zstdTests: readonly (readonly [string, () => string, unknown])[] = hasZstd
  ? [
      [
        "a zstd frame of Python is read",
        () => unpack(ZSTD_FRAME, settings(zstdCompressor())),
        '{"a":1}'.repeat(20),
      ],
    ]
  : [
      [
        "zstd is refused where Node has none",
        () => refusalOf(zstdCompressor),
        expect.stringContaining("22.15"),
      ],
    ];

test.each(zstdTests)("%s", (_, act, expected) => expect(act()).toEqual(expected));

function refusalOf(act: () => unknown): string {
  try {
    return `was not refused: ${String(act())}`;
  } catch (error) {
    return String(error);
  }
}

test.each([
  ["snappyjs", () => import("snappyjs")],
  ["snappy", () => import("snappy")],
])("a snappy stream of Python is read by %s, and texts come back", async (_, load) => {
  const compression = settings(snappyCompressor(await load()));
  // snappy.compress() of python-snappy 0.7.3
  const stream = Buffer.from("8c01187b2261223a317dfe0700fe07000507", "hex");
  expect(unpack(stream, compression)).toBe('{"a":1}'.repeat(20));
  for (const text of ["", "42", "short", "é".repeat(15), '{"a":1}'.repeat(500)])
    expect(unpack(pack(text, compression), compression)).toBe(text);
  const bomb = compression.compressor.compress(Buffer.alloc(MAX + 1));
  expect(() => unpack(bomb, compression)).toThrow(SyntaxError);
});

/** Streams of raw snappy: the length, then literals of at most 60 bytes. */
const LITERALS = {
  compress: (bytes: Uint8Array) => Buffer.concat([Buffer.of(bytes.length, (bytes.length - 1) << 2), bytes]),
  uncompress: (bytes: Uint8Array) => Buffer.from(bytes.subarray(2)),
};

test("snappy takes either library, also as the default of a module, and refuses any other", () => {
  const native = { compressSync: LITERALS.compress, uncompressSync: LITERALS.uncompress, compress: gzipSync };
  for (const library of [LITERALS, native, { default: LITERALS }]) {
    const compressor = snappyCompressor(library);
    const compressed = compressor.compress(Buffer.from("hello"));
    // snappy.compress(b"hello") of python-snappy
    expect(Buffer.from(compressed).toString("hex")).toBe("051068656c6c6f");
    expect(Buffer.from(compressor.decompress(compressed, 5)).toString()).toBe("hello");
  }
  for (const other of [{}, { compress: gzipSync }, null, { decompress: gunzipSync }])
    expect(() => snappyCompressor(other as never)).toThrow(ImproperlyConfigured);
});

test("snappy does not inflate more than is allowed, and no stream that lies about its length", () => {
  let inflations = 0;
  const compressor = snappyCompressor({
    compress: LITERALS.compress,
    uncompress: (bytes: Uint8Array) => (inflations++, LITERALS.uncompress(bytes)),
  });
  const compressed = compressor.compress(Buffer.from("hello"));
  expect(() => compressor.decompress(compressed, 4)).toThrow(
    expect.objectContaining({ code: "ERR_BUFFER_TOO_LARGE" }),
  );
  expect(() => compressor.decompress(Buffer.from("ffffffff0f00", "hex"), MAX)).toThrow(RangeError);
  expect(() => compressor.decompress(Buffer.from("ffffffffffffff", "hex"), MAX)).toThrow(TypeError);
  expect(inflations).toBe(0);
  expect(() => compressor.decompress(Buffer.from("061068656c6c6f", "hex"), MAX)).toThrow(TypeError);
});
