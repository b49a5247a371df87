import { createHash, randomBytes } from "node:crypto";
import { deflateRawSync, deflateSync, inflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";

import { JsonCodec } from "../../../codec/index.ts";
import { StoreServiceError } from "../../../core/errors.ts";
import { heedsDictionaries, type SessionDictionary } from "./bucket-dictionaries.ts";
import { type BucketCompression, BucketValues, nonceOf } from "./bucket-values.ts";
import type { RecordCompressor } from "./record-compressor.ts";

const NONCE = "0123456789abcdef";
const recordOf = (text: string) => `{"_sojourn":{"nonce":"${NONCE}"},"text":${JSON.stringify(text)}}`;
const BODY_LENGTH_OF_EMPTY = Buffer.byteLength(recordOf("")) - 38;
const recordWithBodyOf = (bytes: number) => recordOf("x".repeat(bytes - BODY_LENGTH_OF_EMPTY));

const valuesWith = (compression: Partial<BucketCompression> = {}) =>
  new BucketValues({
    compressor: undefined,
    dictionaries: [],
    minLength: 400,
    maxInflatedBytes: 100_000,
    ...compression,
  });

/** The form in Redis, with an expiry in front. */
const stored = (encoded: Buffer) => Buffer.concat([Buffer.from([0x70, 0, 0, 0]), encoded]);
const throughRedis = (values: BucketValues, record: string) => values.decode(stored(values.encode(record)));

/** Compresses bytes that consist of the same half twice. */
const halving: RecordCompressor = {
  compress: (bytes) => bytes.subarray(0, bytes.length / 2),
  decompress: (bytes) => Buffer.concat([bytes, bytes]),
};

describe("the values of buckets", () => {
  test("are a flag, the nonce in 8 bytes, and the rest of the record", () => {
    const rest = '"},"text":"é"}';
    expect(valuesWith().encode(recordOf("é"))).toEqual(
      Buffer.concat([Buffer.from([0]), Buffer.from(NONCE, "hex"), Buffer.from(rest)]),
    );
  });

  test("are a flag and the whole record if it has another form", () => {
    for (const record of ["sojourn1.AAAA.BBBB", "", "short", recordOf("é").replace("0123", "012G")]) {
      expect(valuesWith().encode(record)).toEqual(Buffer.concat([Buffer.from([2]), Buffer.from(record)]));
    }
  });

  test.each([recordOf(""), recordOf("Žofie \u{1F36A}"), recordOf("x".repeat(5000)), "no JSON \0 é", ""])(
    "decode to the same record: %.30j",
    (record) => {
      expect(throughRedis(valuesWith(), record)).toBe(record);
      expect(throughRedis(valuesWith({ compressor: null }), record)).toBe(record);
      expect(throughRedis(valuesWith({ minLength: 0 }), record)).toBe(record);
    },
  );

  test("are compressed from minLength on: not at 399 bytes, but at 400", () => {
    expect(valuesWith().encode(recordWithBodyOf(399))[0]).toBe(0);
    expect(valuesWith().encode(recordWithBodyOf(400))[0]).toBe(1);
    expect(valuesWith().encode(recordWithBodyOf(400)).length).toBeLessThan(60);
  });

  test("are compressed only if that makes them smaller", () => {
    const record = recordOf(randomBytes(12).toString("base64"));
    expect(valuesWith({ minLength: 0 }).encode(record)[0]).toBe(0);
  });

  test("are not compressed without a compressor, nor beyond the inflation limit", () => {
    expect(valuesWith({ compressor: null }).encode(recordWithBodyOf(4000))[0]).toBe(0);
    expect(valuesWith({ maxInflatedBytes: 999 }).encode(recordWithBodyOf(999))[0]).toBe(1);
    const record = recordWithBodyOf(1000);
    expect(valuesWith({ maxInflatedBytes: 999 }).encode(record)[0]).toBe(0);
    expect(throughRedis(valuesWith({ maxInflatedBytes: 999 }), record)).toBe(record);
  });

  test("are read by every store if compressed by zlib, and by stores with the same compressor otherwise", () => {
    const record = recordWithBodyOf(1000);
    const byZlib = stored(valuesWith().encode(record));
    expect(valuesWith({ compressor: halving }).decode(byZlib)).toBe(record);
    expect(valuesWith({ compressor: null }).decode(byZlib)).toBe(record);
    const body = "ab".repeat(300);
    const twice = `{"_sojourn":{"nonce":"${NONCE}"${body}"${body}`;
    const byHalving = valuesWith({ compressor: halving }).encode(twice);
    expect(byHalving[0]).toBe(3);
    expect(valuesWith({ compressor: halving }).decode(stored(byHalving))).toBe(twice);
    expect(valuesWith().decode(stored(byHalving))).toBe("");
  });

  test.each([
    ["nothing", Buffer.alloc(0)],
    ["no flag", Buffer.alloc(4)],
    ["no nonce", Buffer.from([0, 0, 0, 0, 0, 1, 2])],
    ["an unknown flag", stored(Buffer.concat([Buffer.from([9]), Buffer.alloc(20)]))],
    ["what does not inflate", stored(Buffer.concat([Buffer.from([1]), Buffer.alloc(20)]))],
    [
      "bytes that inflate to no text",
      stored(Buffer.concat([Buffer.from([1]), Buffer.alloc(8), deflateSync(Buffer.of(0xff))])),
    ],
    [
      "a bomb",
      stored(Buffer.concat([Buffer.from([1]), Buffer.alloc(8), deflateSync(Buffer.alloc(100_001, 0x20))])),
    ],
  ])("that are broken decode to a text that is not a record: %s", (_, value) => {
    const text = valuesWith().decode(value);
    expect(new JsonCodec().decode(text)).toEqual({ ok: false, reason: "malformed" });
  });

  test("a compressor that cannot stop at the cap is refused afterwards", () => {
    const compressor = { ...halving, decompress: () => Buffer.alloc(100_001, 0x20) };
    expect(
      valuesWith({ compressor }).decode(stored(Buffer.concat([Buffer.from([3]), Buffer.alloc(9)]))),
    ).toBe("");
  });

  test.each([
    [
      "it threw",
      () => {
        throw new Error("out of order");
      },
    ],
    ["it has to return a Uint8Array", () => Promise.resolve(Buffer.alloc(0)) as never],
  ])("a compressor that fails is an error of the store, and nothing was sent: %s", (problem, compress) => {
    const values = valuesWith({ compressor: { ...halving, compress } });
    expect(() => values.encode(recordWithBodyOf(1000))).toThrow(StoreServiceError);
    expect(() => values.encode(recordWithBodyOf(1000))).toThrow(problem);
  });
});

describe.skipIf(!heedsDictionaries())("values with dictionaries", () => {
  const bytes = Buffer.from(`"},"text":"Žofie has a cart of oranges and lemons"}`);
  const other = Buffer.from('"},"text":"some other words altogether, as long as it"}');
  const withDictionaries = (...dictionaries: SessionDictionary[]) => valuesWith({ dictionaries });
  const record = recordOf("Žofie has a cart of lemons and oranges");
  const markOf = (dictionary: Uint8Array) => createHash("sha256").update(dictionary).digest().subarray(0, 2);

  test("are flag 128 + id, nonce, two bytes of the dictionary's SHA-256, and the body in raw deflate", () => {
    const encoded = withDictionaries({ id: 5, bytes }).encode(record);
    expect(encoded.subarray(0, 11)).toEqual(
      Buffer.concat([Buffer.of(133), Buffer.from(NONCE, "hex"), markOf(bytes)]),
    );
    expect(inflateRawSync(encoded.subarray(11), { dictionary: bytes }).toString()).toBe(record.slice(38));
  });

  test("make a small record small, even below minLength, and restore it", () => {
    const values = withDictionaries({ id: 127, bytes });
    expect(values.encode(record).length).toBeLessThan(valuesWith().encode(record).length / 2);
    expect(throughRedis(values, record)).toBe(record);
  });

  test("are written with the first dictionary and read with all: also in another order, and beside a compressor", () => {
    const [first, second] = [{ id: 1, bytes } as const, { id: 2, bytes: other } as const];
    const byFirst = withDictionaries(first, second).encode(record);
    const bySecond = withDictionaries(second, first).encode(recordOf("some other words as long as it"));
    expect([byFirst[0], bySecond[0]]).toEqual([129, 130]);
    expect(withDictionaries(second, first).decode(stored(byFirst))).toBe(record);
    const both = valuesWith({ dictionaries: [first, second], compressor: halving });
    expect(both.decode(stored(bySecond))).toBe(recordOf("some other words as long as it"));
    expect(both.encode(recordWithBodyOf(1000))[0]).toBe(129);
  });

  test("stay readable if stored without a dictionary: plain, by zlib, by a compressor, whole", () => {
    const values = valuesWith({ dictionaries: [{ id: 1, bytes }], compressor: halving });
    const twice = `{"_sojourn":{"nonce":"${NONCE}"${"ab".repeat(300)}"${"ab".repeat(300)}`;
    const older: [BucketValues, string][] = [
      [valuesWith(), record],
      [valuesWith(), recordWithBodyOf(1000)],
      [valuesWith({ compressor: halving }), twice],
      [valuesWith(), "whole"],
    ];
    expect(older.map(([writer, text]) => writer.encode(text)[0])).toEqual([0, 1, 3, 2]);
    for (const [writer, text] of older) expect(values.decode(stored(writer.encode(text)))).toBe(text);
  });

  test("are plain if that is no larger, and beyond the inflation limit", () => {
    const values = valuesWith({
      dictionaries: [{ id: 1, bytes: Buffer.from("nothing in common") }],
      maxInflatedBytes: 999,
    });
    expect(values.encode(recordOf(randomBytes(12).toString("base64")))[0]).toBe(0);
    expect(values.encode(recordWithBodyOf(999))[0]).toBe(129);
    expect(values.encode(recordWithBodyOf(1000))[0]).toBe(0);
  });

  test("do not change if the bytes of an option are changed afterwards", () => {
    const changing = Buffer.from(bytes);
    const values = withDictionaries({ id: 1, bytes: changing });
    changing.fill(0);
    expect(values.encode(record)).toEqual(withDictionaries({ id: 1, bytes }).encode(record));
  });

  test("report a missing dictionary by its number, not as a broken record: its user is not anonymous", () => {
    const written = stored(withDictionaries({ id: 3, bytes }).encode(record));
    for (const values of [valuesWith(), withDictionaries({ id: 4, bytes })]) {
      expect(() => values.decode(written)).toThrow(StoreServiceError);
      expect(() => values.decode(written)).toThrow(
        /dictionary 3, which is missing.*Put it back; the record stays/,
      );
    }
  });

  test("report a dictionary whose bytes have changed, and never another record", () => {
    const written = stored(withDictionaries({ id: 3, bytes }).encode(record));
    const values = withDictionaries({ id: 3, bytes: other });
    expect(() => values.decode(written)).toThrow(StoreServiceError);
    expect(() => values.decode(written)).toThrow("dictionary 3, which now has other bytes");
  });

  test.each([
    ["what does not inflate", Buffer.alloc(20, 7)],
    ["what is cut off", deflateRawSync(Buffer.alloc(5000, "ab"), { dictionary: bytes }).subarray(0, -3)],
    ["no text", deflateRawSync(Buffer.of(0xff), { dictionary: bytes })],
    ["a bomb", deflateRawSync(Buffer.alloc(100_001, 0x20), { dictionary: bytes })],
  ])("that are broken decode to a text that is not a record: %s", (_, deflated) => {
    const value = stored(Buffer.concat([Buffer.of(129), Buffer.alloc(8), markOf(bytes), deflated]));
    expect(withDictionaries({ id: 1, bytes }).decode(value)).toBe("");
  });
});

describe("the nonce of an etag", () => {
  test("is found in the place that the codec gives", () => {
    expect(nonceOf(new JsonCodec().etag(recordOf("a")))).toEqual(Buffer.from(NONCE, "hex"));
  });

  test.each([
    { start: 21, text: NONCE },
    { start: 22, text: `${NONCE.slice(0, -1)}#` },
    { start: 22, text: NONCE.toUpperCase() },
    { start: -43, text: "A".repeat(43) },
  ])("is empty for another piece of a record: %j", (etag) => {
    expect(nonceOf(etag)).toHaveLength(0);
  });
});
