import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { scaled } from "../../../test/support/scale.ts";
import { runs } from "../../../test/support/cache-coder.ts";
import { CacheUsageError, NotJsonError } from "../../core/errors.ts";
import { CacheCoder, writeJson } from "../index.ts";

describe("dump", () => {
  test("converts nested values, as Python's does", () => {
    const value = {
      flag: true,
      none: null,
      at: new Date("2026-04-17T12:30:45.12Z"),
      list: [1, 1.5, 12n, "text", [false]],
      set: new Set([new Date(0), new Set([true])]),
      map: new Map<unknown, unknown>([
        ["b", new Uint8Array([255])],
        [1, { deep: null }],
      ]),
      bytes: Buffer.from("a"),
      left: undefined,
    };
    expect(writeJson(CacheCoder.dump(value), "value")).toBe(
      '{"flag":"1","none":"","at":"2026-04-17T12:30:45.120000+00:00","list":[1,1.5,12,"text",["0"]],' +
        '"set":["1970-01-01T00:00:00+00:00",["1"]],"map":{"1":{"deep":""},"b":"ff"},"bytes":"61"}',
    );
  });

  test("loses the same as Python's: null, an empty text and empty bytes become equal", () => {
    expect(CacheCoder.dump([null, "", new Uint8Array()])).toEqual(["", "", ""]);
  });

  test("does not change its argument, and keeps __proto__ an ordinary key", () => {
    const value = JSON.parse('{"__proto__":{"a":true}}') as object;
    expect(JSON.stringify(CacheCoder.dump(value))).toBe('{"__proto__":{"a":"1"}}');
    expect(JSON.stringify(value)).toBe('{"__proto__":{"a":true}}');
  });

  const cycle: unknown[] = [new Set()];
  (cycle[0] as Set<unknown>).add(cycle);
  const key = Symbol("x");
  test.each<[string, unknown, string]>([
    ["a class instance", { a: [new URL("http://x.invalid")] }, "value.a[0] is a URL"],
    ["a number beside the numbers", [Number.NaN], "value[0] is NaN"],
    ["a Map with objects as keys", { m: new Map([[{}, 1]]) }, "value.m is a Map"],
    [
      "a Map whose keys give one name",
      new Map<unknown, number>([
        ["1", 1],
        [1, 2],
      ]),
      "value is a Map",
    ],
    ["a cycle through a Set", cycle, "value[0][0] is a reference to one of its own parents"],
    ["undefined", undefined, "value is undefined"],
    ["an object with symbols as keys", { s: { [key]: 1 } }, "value.s is an object with symbols as keys"],
    ["an array that is too deep", nested(501), "nested more than 500 levels deep"],
    ["an array that is far too deep", nested(100_000), "nested more than 500 levels deep"],
  ])("refuses %s, naming its path", (_name, value, message) => {
    expect(() => CacheCoder.dump(value)).toThrow(NotJsonError);
    expect(() => CacheCoder.dump(value)).toThrow(message);
  });

  test("law: any value gives JSON or a typed error", () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
    });
    fc.assert(
      fc.property(anything, (value) => {
        const result = attempt(() => JSON.parse(writeJson(CacheCoder.dump(value), "value")) as unknown);
        const isTyped = result instanceof NotJsonError || result instanceof CacheUsageError;
        expect(isTyped || !(result instanceof Error)).toBe(true);
        expect(isTyped ? 0 : countBooleansAndNulls(result)).toBe(0);
      }),
      { ...runs, numRuns: scaled(500, 20_000) },
    );
  });
});

function nested(levels: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

function attempt(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

function countBooleansAndNulls(json: unknown): number {
  if (typeof json === "boolean" || json === null) return 1;
  if (typeof json !== "object") return 0;
  return Object.values(json).reduce((sum: number, each: unknown) => sum + countBooleansAndNulls(each), 0);
}
