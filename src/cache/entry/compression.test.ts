import { deflateRawSync, deflateSync, gzipSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { scaled, seed } from "../../../test/support/scale.ts";
import { CacheUsageError, ImproperlyConfigured } from "../../core/errors.ts";
import { parseSettings } from "../../core/settings.ts";
import {
  type CacheCompressor,
  type Compression,
  compressionSchema,
  gzipCompressor,
  isCacheCompressor,
  pack,
  unpack,
  zlibCompressor,
} from "./compression.ts";

const runs = { seed, numRuns: scaled(300, 20_000) };
const MIB = 1024 * 1024;

/** A foreign compressor, without a limit or a check of the first bytes. */
const rawDeflate: CacheCompressor = {
  compress: (bytes) => deflateRawSync(bytes),
  decompress: (bytes) => inflateRawSync(bytes),
};

const settings = (compressor: CacheCompressor, rest: Partial<Compression> = {}): Compression => ({
  compressor,
  minLength: 16,
  maxInflatedBytes: 64 * MIB,
  ...rest,
});

describe.each([
  ["zlib", zlibCompressor()],
  ["gzip", gzipCompressor()],
  ["a foreign compressor", rawDeflate],
])("with %s", (_name, compressor) => {
  const compression = settings(compressor);
  const compressedText = (text: string): Uint8Array => compressor.compress(Buffer.from(text));

  test("a long text is stored smaller and read back", () => {
    const text = JSON.stringify("long ".repeat(100));
    const packed = pack(text, compression);
    expect(packed).toEqual(compressedText(text));
    expect(packed.length).toBeLessThan(text.length / 5);
    expect(unpack(packed, compression)).toBe(text);
  });

  test.each([
    ["15 bytes", JSON.stringify("x".repeat(13))],
    ["a text that does not get smaller", '"k7Qp2ZsW9xLmV4tB"'],
    ["an integer of any length", "1".repeat(500)],
    ["a negative integer", `-${"1".repeat(500)}`],
  ])("%s stays uncompressed", (_title, text) => {
    expect(Buffer.from(pack(text, compression)).toString()).toBe(text);
    expect(unpack(Buffer.from(text), compression)).toBe(text);
  });

  test("a value of minLength bytes is compressed: the length counts in bytes, not in characters", () => {
    const text = JSON.stringify("x".repeat(40));
    expect(pack(text, settings(compressor, { minLength: 42 }))).toEqual(compressedText(text));
    expect(Buffer.from(pack(text, settings(compressor, { minLength: 43 }))).toString()).toBe(text);
    const umlauts = JSON.stringify("é".repeat(20));
    expect(pack(umlauts, settings(compressor, { minLength: 42 }))).toEqual(compressedText(umlauts));
  });

  test("a value that inflates beyond the limit is refused with the limit, and not used unchanged", () => {
    const bomb = compressedText(JSON.stringify("x".repeat(MIB)));
    const capped = settings(compressor, { maxInflatedBytes: MIB });
    expect(() => unpack(bomb, capped)).toThrow(SyntaxError);
    expect(() => unpack(bomb, capped)).toThrow(`more than compression.maxInflatedBytes allows (${MIB})`);
    expect(unpack(bomb, settings(compressor, { maxInflatedBytes: MIB + 2 }))).toHaveLength(MIB + 2);
  });

  test("a value that the limit would keep from being read is not compressed", () => {
    const text = JSON.stringify("x".repeat(MIB));
    const capped = settings(compressor, { maxInflatedBytes: MIB });
    expect(unpack(pack(text, capped), capped)).toBe(text);
  });

  test("compressed bytes that are no text, such as a pickle, are refused", () => {
    const pickle = compressor.compress(Buffer.concat([Buffer.from([0x80, 0x05]), Buffer.alloc(100, 0x8c)]));
    expect(() => unpack(pickle, compression)).toThrow("it is neither text nor compressed text");
  });

  test("law: any text survives a round trip, even one that looks compressed", () => {
    const looksCompressed = fc
      .string({ unit: "binary-ascii", maxLength: 8 })
      .map((text) => Buffer.from(compressedText(text)).toString("latin1"));
    const text = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.tuple(fc.string(), fc.nat(200)).map(([part, times]) => part.repeat(times)),
      fc.bigInt().map(String),
      fc.double().map(String),
      looksCompressed,
    );
    fc.assert(
      fc.property(text, fc.nat(64), (original, minLength) => {
        const any = settings(compressor, { minLength });
        expect(unpack(pack(original, any), any)).toBe(original);
      }),
      runs,
    );
  });

  test("law: any bytes give text, or a SyntaxError that shows nothing of them", () => {
    const damaged = fc
      .tuple(fc.string(), fc.nat(), fc.nat(255))
      .map(([text, at, byte]) =>
        Uint8Array.from(compressedText(text)).with(at % compressedText(text).length, byte),
      );
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), damaged), (bytes) => {
        const result = attempt(() => unpack(bytes, settings(compressor, { maxInflatedBytes: 1000 })));
        const isSafe =
          result instanceof SyntaxError && /^it (is neither text|inflates to more)/.test(result.message);
        expect(isSafe || typeof result === "string").toBe(true);
      }),
      runs,
    );
  });
});

test.each([
  ["zlib", zlibCompressor()],
  ["gzip", gzipCompressor()],
])("a truncated or damaged value of %s is no text, and is refused as such", (_name, compressor) => {
  const whole = compressor.compress(Buffer.from(JSON.stringify(`${"long ".repeat(100)}é`)));
  const damaged = Uint8Array.from(whole).with(whole.length - 1, (whole.at(-1) ?? 0) ^ 1);
  for (const broken of [whole.subarray(0, -3), whole.subarray(0, 12), damaged]) {
    expect(() => unpack(broken, settings(compressor))).toThrow("it is neither text nor compressed text");
  }
});

test("digits are never passed to the compressor, not even to one that would read them", () => {
  const reverse = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes).toReversed();
  const compression = settings({ compress: reverse, decompress: reverse }, { minLength: 0 });
  for (const text of ["42", "-17", "0"]) {
    expect(Buffer.from(pack(text, compression)).toString()).toBe(text);
    expect(unpack(Buffer.from(text), compression)).toBe(text);
  }
  expect(unpack(Buffer.from("-"), compression)).toBe("-");
  expect(unpack(pack('"ab"', compression), compression)).toBe('"ab"');
});

test("a text that is compressed already is compressed once more, so that it survives a round trip", () => {
  const compressor: CacheCompressor = {
    compress: (bytes) => Buffer.concat([Buffer.from("z:"), bytes]),
    decompress: (bytes) => {
      if (!Buffer.from(bytes).toString().startsWith("z:")) throw new Error("not compressed");
      return bytes.subarray(2);
    },
  };
  const compression = settings(compressor);
  expect(Buffer.from(pack("z:short", compression)).toString()).toBe("z:z:short");
  expect(unpack(pack("z:short", compression), compression)).toBe("z:short");
  expect(Buffer.from(pack("short", compression)).toString()).toBe("short");
});

test("zlib is tried only for bytes that begin like zlib, so that other values cost no failed try", () => {
  const { recognizes = () => true } = zlibCompressor();
  for (const level of [1, 5, 6, 9]) expect(recognizes(deflateSync("x", { level }))).toBe(true);
  for (const text of ["{}", '"x"', "[1]", "1.5", "-1", "true", "null", "", "NaN"]) {
    expect(recognizes(Buffer.from(text))).toBe(false);
  }
  // A number may look like zlib by its first two digits. It is then tried, and used unchanged.
  expect(recognizes(Buffer.from("80.5"))).toBe(true);
  expect(unpack(Buffer.from("80.5"), settings(zlibCompressor()))).toBe("80.5");
  expect(unpack(pack("80.5", settings(zlibCompressor())), settings(zlibCompressor()))).toBe("80.5");
});

test("the level is passed on", () => {
  const text = Buffer.from(JSON.stringify(Array.from({ length: 500 }, (_, index) => index * 7919)));
  expect(zlibCompressor({ level: 1 }).compress(text)).toEqual(deflateSync(text, { level: 1 }));
  expect(zlibCompressor().compress(text)).toEqual(deflateSync(text, { level: 6 }));
  expect(gzipCompressor({ level: 9 }).compress(text)).toEqual(gzipSync(text, { level: 9 }));
  for (const level of [0, 10, 1.5, "6"]) {
    expect(() => zlibCompressor({ level: level as number })).toThrow(ImproperlyConfigured);
    expect(() => gzipCompressor({ level: level as number })).toThrow(
      "gzipCompressor.level: expected a level from 1 to 9",
    );
  }
});

test("the error for an asynchronous compressor names the problem", () => {
  const compression = settings({
    compress: (bytes) => Promise.resolve(bytes) as unknown as Uint8Array,
    decompress: (bytes) => Promise.resolve(bytes) as unknown as Uint8Array,
  });
  expect(() => pack(JSON.stringify("x".repeat(20)), compression)).toThrow(CacheUsageError);
  expect(() => unpack(Buffer.from("{}"), compression)).toThrow("Use its synchronous form.");
});

describe("settings", () => {
  const compressor = zlibCompressor();

  test("are a compressor, or an object with one", () => {
    const complete = { compressor, minLength: 16, maxInflatedBytes: 64 * MIB };
    expect(parseSettings(compressionSchema, compressor, "caches.x.compression")).toEqual(complete);
    expect(parseSettings(compressionSchema, { compressor }, "caches.x.compression")).toEqual(complete);
    const given = { compressor, minLength: 0, maxInflatedBytes: 1 };
    expect(parseSettings(compressionSchema, given, "caches.x.compression")).toEqual(given);
  });

  test.each([
    [{ compressor: {} }, "caches.x.compression.compressor: expected a compressor such as zlibCompressor()"],
    [{ compressor, minLength: -1 }, "caches.x.compression.minLength: expected a number of bytes, got -1"],
    [
      { compressor, maxInflatedBytes: 0 },
      "caches.x.compression.maxInflatedBytes: expected a number of bytes above 0",
    ],
    [{ compressor, minlength: 3 }, 'is not a setting; did you mean "minLength"?'],
    [{}, "caches.x.compression.compressor: expected a compressor such as zlibCompressor()"],
  ])("%j are refused by name", (input, message) => {
    expect(() => parseSettings(compressionSchema, input, "caches.x.compression")).toThrow(message);
  });

  test("a compressor is an object with both methods", () => {
    expect(isCacheCompressor(compressor)).toBe(true);
    for (const wrong of [
      null,
      undefined,
      "zlib",
      {},
      { compress() {} },
      zlibCompressor,
      { ...compressor, recognizes: 1 },
    ]) {
      expect(isCacheCompressor(wrong)).toBe(false);
    }
  });
});

function attempt(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

test.each([
  ["zlib", zlibCompressor()],
  ["gzip", gzipCompressor()],
])("%s stops at the limit, and does not inflate a value that it refuses", (_name, compressor) => {
  const bomb = compressor.compress(Buffer.alloc(1_000_001));
  expect(() => compressor.decompress(bomb, 1_000_000)).toThrow(
    expect.objectContaining({ code: "ERR_BUFFER_TOO_LARGE" }) as Error,
  );
  expect(compressor.decompress(bomb, 1_000_001)).toHaveLength(1_000_001);
});
