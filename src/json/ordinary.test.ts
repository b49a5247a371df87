import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { scaled } from "../../test/support/scale.ts";
import { stringifyOrdinary } from "./ordinary.ts";
import { writeJson } from "./strict-writer.ts";

/** Returns the text, or the message of the error. */
function outcome(write: () => string): string {
  try {
    return write();
  } catch (error) {
    return String(error);
  }
}

const LEVELS = 60;

/** Writes a value inside of so many arrays that it is not ordinary any more. */
function writeSlowly(value: unknown): string {
  let nested = value;
  for (let level = 0; level < LEVELS; level++) nested = [nested];
  return writeJson(nested, "value").slice(LEVELS, -LEVELS);
}

test("law: the quick way writes the same as the strict writer", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSparseArray: true,
    withNullPrototype: true,
  });
  const values = fc.oneof(
    fc.jsonValue({ stringUnit: "binary" }),
    anything,
    fc.double(),
    fc.string({ unit: "binary" }),
  );
  const check = fc.property(values, (value) => {
    const quick = stringifyOrdinary(value);
    expect(quick ?? outcome(() => writeSlowly(value))).toBe(outcome(() => writeSlowly(value)));
  });
  fc.assert(check, { numRuns: scaled(2000, 200_000) });
});

describe("a value that is not ordinary goes the strict way", () => {
  class Item {
    n = 1;
  }
  const circle: Record<string, unknown> = {};
  circle["a"] = circle;
  circle["b"] = circle;
  const withToJson = Object.assign([1], { toJSON: () => 2 });
  const cases: [string, unknown][] = [
    ["NaN", Number.NaN],
    ["infinity", Number.POSITIVE_INFINITY],
    ["-0", -0],
    ["2^53", 2 ** 53],
    ["bigint", 1n],
    ["undefined", undefined],
    ["a function", () => 1],
    ["toJSON", { toJSON: () => 1 }],
    ["an array with toJSON", withToJson],
    ["a hole", Object.assign([1, 2], { length: 3 })],
    ["a date", new Date(0)],
    ["a map", new Map()],
    ["an instance", new Item()],
    ["an array of a subclass", new (class extends Array {})()],
    ["no prototype", Object.create(null)],
    ["a symbol key", { [Symbol("a")]: 1 }],
    ["a lone surrogate", "\ud800"],
    ["a key with one", { "\udc00": 1 }],
    ["circles", circle],
    ["a boxed number", Object(1)],
  ];
  test.each(cases)("%s", (_, value) => {
    for (const each of [value, [value], { a: value }]) {
      if (value === undefined && typeof each === "object" && !Array.isArray(each)) continue;
      expect(stringifyOrdinary(each)).toBeUndefined();
    }
  });
});

test.each([
  [{ a: undefined, b: 1 }],
  [[1.5, "é\u2028\u007f", null, true, -3, 1e-7]],
  [{ __proto__: null }],
  ["\ud83c\udf6a"],
])("%j is written alike", (value) => {
  expect(outcome(() => writeJson(value, "value"))).toBe(outcome(() => writeSlowly(value)));
});
