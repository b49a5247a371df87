import * as xz from "@napi-rs/lzma/xz";
import * as lz4 from "lz4-napi";
import * as snappy from "snappy";
import * as snappyjs from "snappyjs";
import { type CacheCompressor, lz4Compressor, lzmaCompressor, snappyCompressor } from "sojourn";
import { expect, test } from "vitest";

import { describeWithDjango } from "./support/django-peer.ts";

const MAX = 2 ** 22;

const COMPRESSORS: readonly (readonly [string, "lz4" | "lzma" | "snappy", CacheCompressor])[] = [
  ["lz4-napi", "lz4", lz4Compressor(lz4)],
  ["@napi-rs/lzma", "lzma", lzmaCompressor(xz)],
  ["snappyjs", "snappy", snappyCompressor(snappyjs)],
  ["snappy", "snappy", snappyCompressor(snappy)],
];

const TEXTS: readonly string[] = [
  "",
  "a",
  "é😀",
  '{"cart":[1,2,3]}'.repeat(100),
  Array.from({ length: 20_000 }, (_, index) => `${index ** 2}`).join(),
];

describeWithDjango("Python's compressors", (django) => {
  test.each(COMPRESSORS)("each side reads what the other compresses: %s", async (_, library, compressor) => {
    for (const text of TEXTS) {
      const theirs = Buffer.from(await django().call("compress", { library, text }), "hex");
      expect(Buffer.from(compressor.decompress(theirs, MAX)).toString()).toBe(text);
      const compressed = Buffer.from(compressor.compress(Buffer.from(text))).toString("hex");
      expect(await django().call("decompress", { library, compressed })).toBe(text);
    }
  });
});
