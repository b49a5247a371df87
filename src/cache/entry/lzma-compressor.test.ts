import * as xz from "@napi-rs/lzma/xz";
import { describe, expect, test } from "vitest";

import { ImproperlyConfigured } from "../../core/errors.ts";
import { type Compression, pack, unpack } from "./compression.ts";
import { lzmaCompressor } from "./lzma-compressor.ts";

const MAX = 100_000;
const TEXT = '{"a":1}'.repeat(20);

/** lzma.compress(TEXT, preset=4) of Python 3.11, of an empty text, and of TEXT with another check. */
const PYTHON =
  "fd377a585a000004e6d6b4460200210114000000ffe7ec09e0008b000e5d003d8888223728a41ad4b028100000000000" +
  "0f4dbac591d5c85500012a8c010000007bc8c8a9b1c467fb020000000004595a";
const EMPTY = "fd377a585a000004e6d6b446000000001cdf44211fb6f37d010000000004595a";
const SHA256 =
  "fd377a585a00000ae1fb0ca10200210114000000ffe7ec09e0008b000e5d003d8888223728a41ad4b028100000000000" +
  "8e35f3060c3e6a67990f334133ab7308f3b4a00bf5fb3ce6c19c70b6ca252f580001428c010000004c456f4db6e9df1c" +
  "02000000000a595a";

const bytesOf = (hex: string) => Buffer.from(hex, "hex");
const compression: Compression = { compressor: lzmaCompressor(xz), minLength: 16, maxInflatedBytes: MAX };

describe("LZMA in XZ", () => {
  test("texts come back, and integers stay digits", () => {
    for (const text of ["", "42", "short", "é".repeat(15), TEXT.repeat(30)])
      expect(unpack(pack(text, compression), compression)).toBe(text);
    expect(Buffer.from(pack("123456789012345678", compression)).toString()).toBe("123456789012345678");
  });

  test("streams of Python are read", () => {
    expect([PYTHON, EMPTY].map((hex) => unpack(bytesOf(hex), compression))).toEqual([TEXT, ""]);
  });

  test("a size beyond the limit is refused before anything is inflated, whatever the check", () => {
    let inflations = 0;
    const decompressSync = (bytes: Uint8Array) => (inflations++, xz.decompressSync(bytes));
    const compressor = lzmaCompressor({ compressSync: xz.compressSync, decompressSync });
    const refused = expect.objectContaining({ code: "ERR_BUFFER_TOO_LARGE" }) as Error;
    for (const hex of [PYTHON, SHA256])
      expect(() => compressor.decompress(bytesOf(hex), TEXT.length - 1)).toThrow(refused);
    // Several chunks, each uncompressed.
    const large = compressor.compress(Buffer.alloc(3 * MAX));
    expect(() => compressor.decompress(large, 3 * MAX - 1)).toThrow(refused);
    // A library may read on behind the first one.
    expect(() => compressor.decompress(bytesOf(PYTHON + PYTHON), MAX)).toThrow(TypeError);
    expect(inflations).toBe(0);
    expect(Buffer.from(compressor.decompress(large, 3 * MAX))).toEqual(Buffer.alloc(3 * MAX));
    expect(inflations).toBe(1);
  });

  test.each([
    ["cut", PYTHON.slice(0, -20)],
    ["cut in its head", PYTHON.slice(0, 20)],
    ["cut in a chunk", PYTHON.slice(0, 56)],
    ["followed by another one", PYTHON + PYTHON],
    ["with a chunk of an unknown kind", PYTHON.replace("e0008b000e", "10008b000e")],
    ["with an index without an end", `${EMPTY.slice(0, 24)}00${"ff".repeat(20)}`],
    ["with another check than its bytes have", PYTHON.replace("0f4dbac591d5c855", "0f4dbac591d5c856")],
  ])("a stream %s is used unchanged", (_, hex) => {
    expect(() => unpack(bytesOf(hex), compression)).toThrow(/neither text nor compressed text/);
  });

  test("a library is taken as import() gives it, and one without synchronous functions is refused", () => {
    expect(lzmaCompressor({ default: xz }).compress(Buffer.from(TEXT))).toBeInstanceOf(Uint8Array);
    for (const other of [{}, null, { compress: xz.compress, decompress: xz.decompress }])
      expect(() => lzmaCompressor(other as never)).toThrow(ImproperlyConfigured);
  });
});
