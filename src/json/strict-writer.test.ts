import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NotJsonError } from "../core/errors.ts";
import { rawValue, readJson, writeForComparison, writeJson } from "./index.ts";

class Money {
  cents = 1;
}

function nested(levels: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

describe("writes", () => {
  test.each<[string, unknown]>([
    ['{"b":1,"a":[true,null,"é\\n"]}', { b: 1, a: [true, null, "é\n"] }],
    ['{"kept":1}', { gone: undefined, kept: 1 }],
    ["9007199254740993", 9007199254740993n],
    ["-0.0", -0],
    ["1e+21", 1e21],
    ["1e+20", 1e20],
    ["9.007199254740992e+15", 2 ** 53],
    ["0.1", 0.1],
    ["{}", Object.create(null)],
    ['{"a":[1]}', runInNewContext("({ a: [1] })")],
    ['{"\u2028":"\u007f"}', { "\u2028": "\u007f" }],
  ])("%s", (text, value) => {
    expect(writeJson(value, "data")).toBe(text);
  });

  test("an own __proto__ key as any other", () => {
    expect(writeJson(JSON.parse('{"__proto__":{"a":1}}'), "data")).toBe('{"__proto__":{"a":1}}');
  });

  test("the same object twice, as long as it is no cycle", () => {
    const shared = { a: 1 };
    expect(writeJson([shared, shared], "data")).toBe('[{"a":1},{"a":1}]');
  });

  test("500 levels and no more", () => {
    expect(writeJson(nested(500), "data")).toHaveLength(1001);
    expect(() => writeJson(nested(501), "data")).toThrow(/nested more than 500 levels deep/);
  });

  test("for comparison, twice as many: a value in a record may stay there", () => {
    const { text, refusal } = writeForComparison(nested(1000), "data");
    expect(text).toHaveLength(2001);
    expect(refusal?.message).toContain("nested more than 500 levels deep");
    expect(() => writeForComparison(nested(1001), "data")).toThrow(NotJsonError);
  });

  test("integers of 4300 digits and no more: longer ones could not be read", () => {
    for (const integer of [10n ** 4299n, -(10n ** 4299n)]) {
      const text = writeJson(integer, "data");
      expect(readJson(rawValue(text))).toBe(integer);
      expect(() => writeJson([integer * 10n], "data")).toThrow(
        "data[0] is an integer of more than 4300 digits",
      );
    }
  });
});

describe("refuses, naming the path and what to do,", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = { again: cycle };
  // oxlint-disable-next-line no-sparse-arrays
  const sparse = [1, , 2];

  test.each<[string, unknown, string]>([
    ["a Date", { at: new Date(0) }, "data.at is a Date, which JSON cannot hold. Store toISOString()"],
    ["a Map", { m: new Map() }, "data.m is a Map"],
    ["a Set", [new Set()], "data[0] is a Set"],
    ["a Buffer", { b: Buffer.from("") }, "data.b is a Buffer"],
    ["NaN", { n: Number.NaN }, "data.n is NaN"],
    ["Infinity", { n: Number.POSITIVE_INFINITY }, "data.n is Infinity"],
    ["undefined in an array", { cart: [1, undefined] }, "data.cart[1] is undefined"],
    ["a hole in an array", sparse, "data[1] is undefined"],
    ["a function", { f() {} }, "data.f is a function"],
    ["a symbol", { s: Symbol("x") }, "data.s is a symbol"],
    ["a symbol as a key", { o: { [Symbol("x")]: 1 } }, "data.o is an object with symbols as keys"],
    ["a class instance", { a: { "b-c": new Money() } }, 'data.a["b-c"] is a Money'],
    ["an object with a prototype of its own", Object.create({ a: 1 }), "data is an object with a prototype"],
    ["a lone surrogate", { s: "a\ud800" }, "data.s is a string with a lone surrogate"],
    ["a lone surrogate in a key", { "\ud800": 1 }, "is a string with a lone surrogate"],
    ["a cycle", cycle, "data.self.again is a reference to one of its own parents"],
  ])("%s", (_name, value, message) => {
    expect(() => writeJson(value, "data")).toThrow(NotJsonError);
    expect(() => writeJson(value, "data")).toThrow(TypeError);
    expect(() => writeJson(value, "data")).toThrow(message);
  });

  test("without showing a value", () => {
    expect(() => writeJson({ secret: ["hunter2", Symbol("hunter2")] }, "data")).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining("hunter2") }) as Error,
    );
  });
});

test("a value that only Python can write is reported, not thrown, when texts are compared", () => {
  const written = writeForComparison({ a: [Number.NaN, Number.NEGATIVE_INFINITY], s: "\ud800" }, "data");
  expect(written.text).toBe('{"a":[NaN,-Infinity],"s":"\\ud800"}');
  expect(written.refusal).toMatchObject({ code: "ERR_NOT_JSON", path: "data.a[0]" });
});

test("law: a written value is read back equal", () => {
  const value = fc.anything({
    maxDepth: 4,
    withBigInt: true,
    withNullPrototype: false,
    values: [
      fc.string({ unit: "grapheme" }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
      // A bigint within 2^53 comes back as a number: JSON does not distinguish them.
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 70n }),
    ],
  });
  fc.assert(
    fc.property(value, (original) => {
      const withoutSmallBigints = JSON.stringify(original, (_key, part: unknown) =>
        typeof part === "bigint" ? `${part}n` : part,
      );
      fc.pre(!/"-?\d{1,15}n"/.test(withoutSmallBigints ?? ""));
      fc.pre(original !== undefined);
      expect(readJson(rawValue(writeJson(original, "data")))).toStrictEqual(original);
    }),
    { seed: 1, numRuns: 500 },
  );
});
