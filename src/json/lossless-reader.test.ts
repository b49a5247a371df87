import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rawValue, readJson, readMembers } from "./index.ts";

const read = (text: string): unknown => readJson(rawValue(text));

describe("readMembers", () => {
  test("keeps each value's text, byte for byte, in order", () => {
    const members = readMembers(
      '{"f":1.0,"10":1e+16, "2" : [ 1 ,2 ] ,"\\u00e9":NaN,"big":12345678901234567890}',
    );
    expect([...members].map(([key, { keyText, text }]) => [key, keyText, text])).toStrictEqual([
      ["f", '"f"', "1.0"],
      ["10", '"10"', "1e+16"],
      ["2", '"2"', "[ 1 ,2 ]"],
      ["é", '"\\u00e9"', "NaN"],
      ["big", '"big"', "12345678901234567890"],
    ]);
  });

  test("takes the last of two values of a key, at the place of the first", () => {
    expect([...readMembers('{"a":1,"b":2,"a":3}')].map(([key, { text }]) => [key, text])).toStrictEqual([
      ["a", "3"],
      ["b", "2"],
    ]);
  });

  test.each([
    "",
    "[]",
    "1",
    "null",
    "{",
    "{}x",
    "{,}",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{"a":[1,]}',
    '{"a":01}',
    '{"a":1.}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":"\n"}',
    '{"a":"\\x41"}',
    '{"a":"\\u12"}',
    '{"a":"x}',
    "{a:1}",
    "{'a':1}",
    '{"a":tru}',
    '{"a":nan}',
    '{"a":-NaN}',
    '{"a":undefined}',
    `{"a":${"9".repeat(4301)}}`,
    `{"a":-${"9".repeat(4301)}}`,
    `{"a":${"[".repeat(1001)}`,
  ])("refuses %j with a SyntaxError that shows nothing of it", (text) => {
    expect(() => readMembers(text)).toThrow(SyntaxError);
    expect(() => readMembers(text)).toThrow(/^JSON /);
  });

  test("reads a megabyte of string and 999 levels", () => {
    const long = "é".repeat(1_000_000);
    const deep = `${"[".repeat(999)}${"]".repeat(999)}`;
    const members = readMembers(`{"long":"${long}","deep":${deep}}`);
    expect(members.get("long")?.text).toHaveLength(1_000_002);
    expect(members.get("deep")?.text).toBe(deep);
  });
});

describe("readJson", () => {
  test.each<[string, unknown]>([
    ["9007199254740991", 9007199254740991],
    ["9007199254740992", 9007199254740992n],
    ["-12345678901234567890", -12345678901234567890n],
    ["9007199254740993.0", 9007199254740992],
    ["1e400", Number.POSITIVE_INFINITY],
    ["-0", -0],
    ["-0.0", -0],
    ["NaN", Number.NaN],
    ["[Infinity,-Infinity]", [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
    ['{"a":[12345678901234567890,{"b":"NaN"}]}', { a: [12345678901234567890n, { b: "NaN" }] }],
    ['"1234567890123456789012"', "1234567890123456789012"],
    ['"\\ud83d\\ude00\\ud800"', "😀\ud800"],
  ])("%s", (text, value) => {
    expect(read(text)).toStrictEqual(value);
  });

  test.each([
    '{"__proto__":{"polluted":true}}',
    '{"big":12345678901234567890,"__proto__":{"polluted":true}}',
  ])("%s pollutes no prototype", (text) => {
    const value = read(text) as Record<string, unknown>;
    expect(Object.hasOwn(value, "__proto__")).toBe(true);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(value["polluted"]).toBeUndefined();
  });

  test("law: reads every text that JSON.parse reads, with the same result", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        // JSON.parse loses these, the reader does not.
        fc.pre(!/\d{16}/.test(text));
        const padded = `{"v":${text},"n":NaN}`;
        expect(readJson(readMembers(padded).get("v") ?? rawValue("0"))).toStrictEqual(JSON.parse(text));
        // The same, read the slow way.
        expect((readJson({ text: padded, isPlain: false }) as { v: unknown }).v).toStrictEqual(
          JSON.parse(text),
        );
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  test("law: refuses every text that JSON.parse refuses, unless Python writes it", () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.string({ maxLength: 1 }), (text, at, piece) => {
        const start = at % (text.length + 1);
        const mutated = text.slice(0, start) + piece + text.slice(start + 1);
        expect(accepts(mutated, (json) => void readMembers(`{"v":${json}}`))).toBe(
          accepts(mutated, (json) => void JSON.parse(`{"v":${json}}`)),
        );
      }),
      { seed: 1, numRuns: 2000 },
    );
  });
});

function accepts(text: string, parse: (text: string) => void): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}
