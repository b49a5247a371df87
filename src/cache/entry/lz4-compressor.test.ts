import * as lz4 from "lz4-napi";
import { describe, expect, test } from "vitest";

import { ImproperlyConfigured } from "../../core/errors.ts";
import { type Compression, pack, unpack } from "./compression.ts";
import { lz4Compressor } from "./lz4-compressor.ts";

const MAX = 100_000;
const TEXT = '{"a":1}'.repeat(20);

/** lz4.frame.compress(TEXT) of Python's lz4 4.4.5, which announces the size, and without the size. */
const ANNOUNCED = "04224d1868408c000000000000004e110000007f7b2261223a317d07006d5061223a317d00000000";
const SILENT = "04224d18604082110000007f7b2261223a317d07006d5061223a317d00000000";

const inflate = (hex: string, most = MAX) =>
  Buffer.from(lz4Compressor(lz4).decompress(Buffer.from(hex, "hex"), most)).toString();

const compression: Compression = { compressor: lz4Compressor(lz4), minLength: 16, maxInflatedBytes: MAX };

describe("LZ4 frames", () => {
  test("texts come back, long ones smaller, and integers stay digits", () => {
    for (const text of ["", "42", "short", "é".repeat(15), TEXT.repeat(30)])
      expect(unpack(pack(text, compression), compression)).toBe(text);
    expect(pack(TEXT.repeat(30), compression).length).toBeLessThan(200);
    expect(Buffer.from(pack("123456789012345678", compression)).toString()).toBe("123456789012345678");
  });

  test("frames of Python are read, with their size and without it", () => {
    expect([inflate(ANNOUNCED), inflate(SILENT)]).toEqual([TEXT, TEXT]);
  });

  test("a size beyond the limit is refused before anything is inflated, also without an announced size", () => {
    let inflations = 0;
    const decompressFrameSync = (bytes: Buffer) => (inflations++, lz4.decompressFrameSync(bytes));
    const compressor = lz4Compressor({ compressFrameSync: lz4.compressFrameSync, decompressFrameSync });
    const refused = expect.objectContaining({ code: "ERR_BUFFER_TOO_LARGE" }) as Error;
    expect(() => compressor.decompress(Buffer.from(ANNOUNCED, "hex"), TEXT.length - 1)).toThrow(refused);
    const bomb = lz4.compressFrameSync(Buffer.alloc(200 * MAX));
    expect(bomb.length).toBeLessThan(MAX);
    expect(() => compressor.decompress(bomb, MAX)).toThrow(refused);
    expect(inflations).toBe(0);
    expect(() => unpack(bomb, compression)).toThrow(SyntaxError);
  });

  test.each([
    ["cut", ANNOUNCED.slice(0, -20)],
    ["cut in its head", ANNOUNCED.slice(0, 16)],
    ["with a block that ends behind the frame", SILENT.slice(0, 14) + "ffffff7f" + SILENT.slice(22)],
    ["of a block size that does not exist", `${SILENT.slice(0, 10)}00${SILENT.slice(12)}`],
  ])("a frame %s is used unchanged", (_, hex) => {
    const bytes = Buffer.from(hex, "hex");
    expect(() => unpack(bytes, compression)).toThrow(/neither text nor compressed text/);
  });

  test("a library is taken as import() gives it, and one without synchronous frames is refused", () => {
    expect(lz4Compressor({ default: lz4 }).compress(Buffer.from(TEXT))).toBeInstanceOf(Uint8Array);
    for (const other of [{}, null, { compressSync: lz4.compressSync, uncompressSync: lz4.uncompressSync }])
      expect(() => lz4Compressor(other as never)).toThrow(ImproperlyConfigured);
  });
});
