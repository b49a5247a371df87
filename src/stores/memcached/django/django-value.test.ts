import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { parseJson, writeJson } from "../../../json/index.ts";
import { fromItem, toItem } from "./django-value.ts";

const item = (value: string) => {
  const { bytes, flags } = toItem(Buffer.from(value));
  return [bytes.toString("latin1"), flags];
};
const value = (bytes: string, flags: number) =>
  fromItem({ bytes: Buffer.from(bytes, "latin1"), flags })?.toString();

describe("values as Django's clients write them", () => {
  // Bytes of pymemcache 4.0.0 and pylibmc 1.6.3 on Python 3.11.
  const FLOAT = "\x80\x05\x95\n\0\0\0\0\0\0\0G?\xf8\0\0\0\0\0\0.";
  test.each([
    ["1", "1", 2],
    ["-5", "-5", 2],
    ["1180591620717411303424", "1180591620717411303424", 2],
    ["true", "\x80\x05\x88.", 1],
    ["false", "\x80\x05\x89.", 1],
    ["null", "\x80\x05N.", 1],
    ["1.5", FLOAT, 1],
    ['"é"', "\xc3\xa9", 16],
    ['""', "", 16],
    ['"42"', "42", 16],
    ['{"a":1}', '{"a":1}', 48],
    ["[]", "[]", 48],
    // Not as JSON.stringify() has it: a text that comes back as it was.
    [String.raw`"\u00e9"`, String.raw`"\u00e9"`, 48],
    [String.raw`"\ud800"`, String.raw`"\ud800"`, 48],
    ["01", "01", 48],
    ["1.50", "1.50", 48],
    ["1e400", "1e400", 48],
    ["", "", 48],
  ])("%s is written so, and read again", (text, bytes, flags) => {
    expect(item(text)).toEqual([bytes, flags]);
    expect(value(bytes, flags)).toBe(text);
  });

  test.each([
    ["an int of pylibmc", "42", 4, "42"],
    ["a bool of pylibmc, which pylibmc reads as an int", "1", 2, "1"],
    ["a number that decr has shortened", "9 ", 2, "9"],
    ["bytes", "\xff\0", 0, Buffer.from("\xff\0", "latin1").toString()],
    ["a float without a fraction", "\x80\x04\x95\n\0\0\0\0\0\0\0G?\xf0\0\0\0\0\0\0.", 1, "1.0"],
    ["a pickled text", "\x80\x05\x95\x0b\0\0\0\0\0\0\0\x8c\x0512345\x94.", 1, '"12345"'],
    ["a pickled int", "\x80\x05K\x07.", 1, "7"],
    ["flags of a later client beside a known one", "7", 66, "7"],
    ["JSON with spaces", '{"a": 1}', 48, '{"a": 1}'],
  ])("%s is read", (_, bytes, flags, text) => {
    expect(value(bytes, flags)).toBe(text);
  });

  test("what zlib has compressed is read, whatever it is", () => {
    const compressed = (text: string) => deflateSync(Buffer.from(text)).toString("latin1");
    expect(value(compressed("12"), 10)).toBe("12");
    expect(value(compressed("text"), 24)).toBe('"text"');
    expect(value("no zlib", 24)).toBeUndefined();
  });

  test("what inflates beyond 64 MiB is not read", () => {
    expect(value(deflateSync(Buffer.alloc(65 * 1024 * 1024)).toString("latin1"), 8)).toBeUndefined();
  });

  test.each([
    ["a dictionary", "\x80\x05\x95\x10\0\0\0\0\0\0\0}\x94\x8c\x03foo\x94\x8c\x03bar\x94s.", 1],
    ["a call", "\x80\x05cos\nsystem\n\x8c\x02id\x85R.", 1],
    ["a float with more after it", `${FLOAT}x`, 1],
    ["a text that is no UTF-8", "\xff", 16],
    ["an int that is none", "4x", 2],
    ["an unknown flag", "x", 64],
  ])("%s is not read", (_, bytes, flags) => {
    expect(value(bytes, flags)).toBeUndefined();
  });

  test("any value comes back as it was, bytes of any kind too", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.string().map(Buffer.from)), (bytes) => {
        const given = Buffer.from(bytes);
        expect(fromItem(toItem(given))).toEqual(given);
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        const given = Buffer.from(writeJson(json, "value"));
        expect(fromItem(toItem(given))).toEqual(given);
        expect(parseJson(given.toString())).toEqual(json);
      }),
    );
  });
});
