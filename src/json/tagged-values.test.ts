import { runInNewContext } from "node:vm";
import { Temporal } from "temporal-polyfill";
import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { scaled, seed } from "../../test/support/scale.ts";
import { CacheUsageError, NotJsonError } from "../core/errors.ts";
import { readTagged, writeJson, writeTagged } from "./index.ts";

const runs = { seed, numRuns: scaled(500, 20_000) };

const thereAndBack = (value: unknown): unknown => readTagged(writeTagged(value, "value"));

describe("writes", () => {
  test.each<[string, unknown]>([
    ['{"a":[1,"x",true,null,-0.0,1.5]}', { a: [1, "x", true, null, -0, 1.5] }],
    ['{"$date":"2026-04-17T12:30:45.120Z"}', new Date("2026-04-17T12:30:45.12Z")],
    ['{"$date":null}', new Date(Number.NaN)],
    [
      '{"$map":[["k",1],[{"$set":[]},null]]}',
      new Map<unknown, unknown>([
        ["k", 1],
        [new Set(), null],
      ]),
    ],
    ['{"$set":[3,1,{"$bigint":"12"}]}', new Set([3, 1, 12n])],
    ['{"$bytes":"AP8="}', new Uint8Array([0, 255])],
    ['{"$bytes":"/w=="}', new Uint8Array([0, 255]).subarray(1)],
    ['{"$buffer":"AP8="}', Buffer.from([0, 255])],
    ['{"a":{"$undefined":true}}', { a: undefined }],
    ['[{"$number":"NaN"},{"$number":"Infinity"},{"$number":"-Infinity"}]', [Number.NaN, Infinity, -Infinity]],
    ['{"$object":{"$date":"x"}}', { $date: "x" }],
    ['{"$object":{"$":{"$object":{"$object":1}}}}', { $: { $object: 1 } }],
    ['{"$a":1,"$b":2}', { $a: 1, $b: 2 }],
  ])("%s", (text, value) => {
    expect(writeTagged(value, "value")).toBe(text);
    expect(thereAndBack(value)).toStrictEqual(value);
  });

  test("JSON alone as the strict writer does, so other readers see no difference", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "grapheme" }), (value) => {
        fc.pre(!/"\$/.test(JSON.stringify(value)));
        expect(writeTagged(value, "value")).toBe(writeJson(value, "value"));
      }),
      runs,
    );
  });

  test("values of another realm as those of this one", () => {
    const value: unknown = runInNewContext(
      "[new Date(0), new Map([[1, 2]]), new Set([1]), new Uint8Array([7])]",
    );
    expect(thereAndBack(value)).toStrictEqual([
      new Date(0),
      new Map([[1, 2]]),
      new Set([1]),
      new Uint8Array([7]),
    ]);
  });

  test("nothing for undefined as the whole value: it is a miss", () => {
    expect(() => writeTagged(undefined, "value")).toThrow("value is undefined");
  });

  // oxlint-disable-next-line no-sparse-arrays
  const sparse = [1, , 2];
  const cycle = new Map<unknown, unknown>();
  cycle.set("k", [cycle]);
  test.each<[string, unknown, string]>([
    ["a class instance", { a: new URL("http://x.invalid") }, "value.a is a URL"],
    ["another typed array", [new Float32Array(1)], "value[0] is a Float32Array"],
    ["a function", [() => 1], "value[0] is a function"],
    ["a hole in an array", sparse, "value[1] is undefined"],
    ["a cycle through a Map", cycle, "is a reference to one of its own parents"],
    ["a lone surrogate", ["\ud800"], "value[0] is a string with a lone surrogate"],
    ["excessive nesting", nested(100_000), "nested more than 500 levels deep"],
    ["a RegExp", /x/, "value is a RegExp"],
  ])("nothing for %s, and names its path", (_name, value, message) => {
    expect(() => writeTagged(value, "value")).toThrow(NotJsonError);
    expect(() => writeTagged(value, "value")).toThrow(message);
  });
});

describe("reads", () => {
  test.each([
    '{"$no":1}',
    '{"$date":"hunter2"}',
    '{"$date":"2026-99-17T12:30:45.120Z"}',
    '{"$date":"2026-02-30T12:30:45.120Z"}',
    '{"$date":"2026-04-17"}',
    '{"$date":5}',
    '{"$map":[[1]]}',
    '{"$map":[[1,2,3]]}',
    '{"$map":{}}',
    '{"$set":1}',
    '{"$bigint":"1.5"}',
    '{"$bigint":12}',
    '{"$bytes":"hunter2!"}',
    '{"$buffer":"AP8"}',
    '{"$number":"1"}',
    '{"$object":[]}',
    '{"$undefined":1}',
    "hunter2",
    '{"a":',
  ])("%s as a SyntaxError that shows nothing of it", (text) => {
    expect(() => readTagged(text)).toThrow(SyntaxError);
    expect(() => readTagged(text)).not.toThrow(/hunter2|2026/);
  });

  test("plain JSON, and Python's additions to it, unchanged", () => {
    const text = '{"n": NaN, "big": 12345678901234567890, "__proto__": {"$set": [1]}}';
    const expected = [Number.NaN, 12345678901234567890n, new Set([1])];
    expect(Object.entries(readTagged(text) as object).map(([, value]: [string, unknown]) => value)).toEqual(
      expected,
    );
  });

  test("no more than 1000 levels", () => {
    expect(() => readTagged("[".repeat(1001) + "]".repeat(1001))).toThrow("JSON nests more than 1000 levels");
    expect(() => readTagged("[".repeat(100_000) + "]".repeat(100_000))).toThrow(
      "JSON nests more than 1000 levels",
    );
  });

  test("an object of Temporal only where there is Temporal", () => {
    const text = writeTagged(Temporal.PlainDate.from("2026-04-07"), "value");
    expect(text).toBe('{"$plainDate":"2026-04-07"}');
    vi.stubGlobal("Temporal", undefined);
    onTestFinished(() => void vi.unstubAllGlobals());
    expect(() => readTagged(text)).toThrow(CacheUsageError);
    expect(() => readTagged(text)).toThrow("A Temporal.PlainDate was requested");
  });
});

describe("laws", () => {
  const leaf = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.double(),
    fc.integer(),
    fc.bigInt(),
    fc.boolean(),
    fc.constantFrom(null, undefined, -0),
    fc.date({ noInvalidDate: false }),
    fc.uint8Array(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  );
  const key = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 5 }),
    fc.constantFrom("$date", "$object", "$map", "$", "$x", "__proto__"),
  );
  const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      leaf,
      fc.array(tie("value"), { maxLength: 4 }),
      fc.array(tie("value"), { maxLength: 4 }).map((members) => new Set(members)),
      fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 4 }).map((entries) => new Map(entries)),
      fc
        .uniqueArray(fc.tuple(key, tie("value")), { selector: ([name]) => name, maxLength: 3 })
        .map((entries) => Object.fromEntries(entries) as unknown),
    ),
  }));

  test("any written value is read back equal, in type and in order", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        fc.pre(value !== undefined);
        const back = thereAndBack(value);
        expect(back).toStrictEqual(value);
        expect(shape(back)).toBe(shape(value));
      }),
      runs,
    );
  });

  test("any JSON is either read, or a SyntaxError", () => {
    const tags = [
      "$date",
      "$map",
      "$set",
      "$bigint",
      "$bytes",
      "$buffer",
      "$number",
      "$object",
      "$undefined",
    ] as const;
    const tagLike = fc
      .tuple(fc.constantFrom(...tags), fc.jsonValue())
      .map(([tag, payload]) => ({ [tag]: payload }));
    fc.assert(
      fc.property(fc.oneof(tagLike, fc.jsonValue()), (value) => {
        const error = attempt(() => void readTagged(JSON.stringify(value)));
        expect(error === undefined || error instanceof SyntaxError).toBe(true);
      }),
      runs,
    );
  });
});

/**
 * Details that the equality of tests overlooks: the order of a Set and a Map, and the kind of
 * bytes.
 */
function shape(value: unknown): string {
  if (value instanceof Map)
    return `Map(${[...value].map(([key, item]) => `${shape(key)}:${shape(item)}`).join()})`;
  if (value instanceof Set) return `Set(${[...value].map(shape).join()})`;
  if (Array.isArray(value)) return `[${value.map(shape).join()}]`;
  if (value instanceof Uint8Array) return `${value.constructor.name}(${value.join()})`;
  if (typeof value !== "object" || value === null || value instanceof Date)
    return `${typeof value} ${String(value)}`;
  return `{${Object.entries(value)
    .map(([key, item]: [string, unknown]) => `${key}:${shape(item)}`)
    .join()}}`;
}

function nested(levels: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < levels; level++) value = new Set([value]);
  return value;
}

function attempt(act: () => void): unknown {
  try {
    act();
    return undefined;
  } catch (error) {
    return error;
  }
}
