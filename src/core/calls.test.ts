import { describe, expect, test } from "vitest";
import { checkOptions, describeGiven, knownOptions } from "./calls.ts";
import { describeKind, describeValue, withArticle } from "./descriptions.ts";
import { CacheUsageError } from "./errors.ts";

const SET = knownOptions(
  "cache.set()",
  ["timeout", "tags", "version", "nx", "xx"],
  "{ timeout: 60 }",
  CacheUsageError,
);

function messageOf(options: unknown): string {
  try {
    checkOptions(options, SET);
  } catch (error) {
    if (error instanceof CacheUsageError) return error.message;
    throw error;
  }
  throw new Error("the options were accepted");
}

describe("checkOptions", () => {
  test.each([
    {},
    { timeout: 1 },
    { timeout: undefined, xx: true },
    Object.assign(Object.create(null), { tags: [] }),
  ])("%j: an object of known names passes", (options) => {
    expect(() => checkOptions(options, SET)).not.toThrow();
  });

  test.each<[unknown, string]>([
    [{ timeuot: 1 }, 'cache.set() has no option "timeuot". Did you mean "timeout"?'],
    [{ timeout: 1, tag: ["a"] }, 'cache.set() has no option "tag". Did you mean "tags"?'],
    [{ ttl: 60 }, 'cache.set() has no option "ttl". Did you mean "timeout"? It is in seconds'],
    [{ EX: 60 }, 'cache.set() has no option "EX". Did you mean "timeout"?'],
    [{ NX: true }, 'cache.set() has no option "NX". Did you mean "nx"?'],
    [
      { compress: true },
      'cache.set() has no option "compress". It has "timeout", "tags", "version", "nx", "xx".',
    ],
    [60, "cache.set() expected its options as an object such as { timeout: 60 }, got 60 (number)."],
    ["10m", 'got "10m" (a text).'],
    ["a visitor's text", "got a text."],
    [null, "got null."],
    [["a"], "got an array."],
    [new Date(0), "got an object of class Date."],
    [new Map([["timeout", 1]]), "got an object of class Map."],
    [() => {}, "got a function."],
    [Promise.resolve({}), 'got a promise (an "await" is missing).'],
  ])("%o: names the given value and the expected form", (options, message) => {
    expect(messageOf(options)).toContain(message);
  });

  test("a property that a library has put on the prototype of all objects is no option", () => {
    const prototype = Object.prototype as unknown as Record<string, unknown>;
    prototype["planted"] = true;
    try {
      expect(() => checkOptions({ timeout: 1 }, SET)).not.toThrow();
    } finally {
      delete prototype["planted"];
    }
  });
});

describe("messages read as English", () => {
  test.each([
    undefined,
    null,
    1,
    1n,
    true,
    "text",
    "",
    Symbol("s"),
    () => {},
    CacheUsageError,
    [],
    {},
    new Date(),
    NaN,
  ])("%o", (value) => {
    for (const text of [describeValue(value), describeKind(value), describeGiven(value)]) {
      expect(text).not.toMatch(/\ba (?:undefined|object|array|[aeio])/);
      expect(text).not.toContain("undefined");
    }
  });

  test("an article fits its name", () => {
    const names = ["ArrayBuffer", "Error", "Int8Array", "Uint8Array", "Date", "Unknown"];
    expect(names.map(withArticle)).toEqual([
      "an ArrayBuffer",
      "an Error",
      "an Int8Array",
      "a Uint8Array",
      "a Date",
      "an Unknown",
    ]);
  });
});
