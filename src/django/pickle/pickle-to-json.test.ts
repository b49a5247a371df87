import { describe, expect, test } from "vitest";

import { readJson, rawValue } from "../../json/index.ts";
import {
  parsePickle,
  PickleBytearray,
  PickleDict,
  PickleFloat,
  PickleSet,
  pickleToJson,
  PickleTuple,
  type PickleValue,
} from "./index.ts";

function dict(...entries: readonly (readonly [PickleValue, PickleValue])[]): PickleDict {
  const made = new PickleDict();
  for (const [key, value] of entries) made.set(key, value);
  return made;
}

function set(...members: PickleValue[]): PickleSet {
  const made = new PickleSet(false);
  for (const member of members) made.add(member);
  return made;
}

const textOf = (value: PickleValue) => pickleToJson(value).text;

describe("writes like Django's JSONSerializer", () => {
  // Python: repr(float)
  test.each([
    [0, "0.0"],
    [-0, "-0.0"],
    [1, "1.0"],
    [-1.5, "-1.5"],
    [0.1, "0.1"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [1.5e-7, "1.5e-07"],
    [5e-324, "5e-324"],
    [1e15, "1000000000000000.0"],
    [9007199254740992, "9007199254740992.0"],
    [1e16, "1e+16"],
    [123456789012345680, "1.2345678901234568e+17"],
    [1e22, "1e+22"],
    [1e100, "1e+100"],
    [Number.NaN, "NaN"],
    [Number.NEGATIVE_INFINITY, "-Infinity"],
  ])("the float %d as %s", (value, text) => {
    expect(textOf(new PickleFloat(value))).toBe(text);
  });

  test("integers of any size up to 4300 digits, as digits", () => {
    expect(textOf([1, 9007199254740993n, -(10n ** 4299n)])).toBe(
      `[1,9007199254740993,-1${"0".repeat(4299)}]`,
    );
    expect(pickleToJson(10n ** 4300n)).toMatchObject({ text: "null", unfitCount: 1 });
  });

  test("keys as texts", () => {
    const value = dict([1, 1], [new PickleFloat(2), 2], [true, 3], [null, 4], ["é", 5], [10n ** 20n, 6]);
    expect(textOf(value)).toBe(String.raw`{"1":3,"2.0":2,"null":4,"\u00e9":5,"100000000000000000000":6}`);
    expect(textOf(dict([false, 1]))).toBe('{"false":1}');
  });

  test("a key such as __proto__ as any other", () => {
    expect(textOf(dict(["__proto__", dict(["a", 1])]))).toBe('{"__proto__":{"a":1}}');
  });

  test("floats so that they stay floats when read and written again", () => {
    const text = textOf(dict(["price", new PickleFloat(1)], ["id", 2n ** 63n]));
    expect(text).toBe('{"price":1.0,"id":9223372036854775808}');
    expect(readJson(rawValue(text))).toEqual({ price: 1, id: 2n ** 63n });
  });
});

describe("reports values that JSON cannot hold by path, and omits them", () => {
  test("bytes, sets and byte arrays, in dicts and lists", () => {
    const value = dict(
      ["cart", [1, dict(["photo", new Uint8Array([1])], ["n", 2]), set(1)]],
      ["seen", new PickleTuple([set(), 3])],
      ["an odd key", new PickleBytearray(new Uint8Array())],
    );
    expect(pickleToJson(value)).toEqual({
      text: '{"cart":[1,{"n":2},null],"seen":[null,3]}',
      unfit: [
        { path: "data.cart[1].photo", found: "bytes" },
        { path: "data.cart[2]", found: "a set" },
        { path: "data.seen[0]", found: "a set" },
        { path: 'data["an odd key"]', found: "a bytearray" },
      ],
      unfitCount: 4,
    });
  });

  test("keys of other types, and two keys with the same text", () => {
    const value = dict([new PickleTuple([1]), 1], [new Uint8Array([1]), 2], [3, "first"], ["3", "second"]);
    expect(pickleToJson(value, "session")).toEqual({
      text: '{"3":"first"}',
      unfit: [
        { path: "session", found: "a key that is a tuple" },
        { path: "session", found: "a key that is bytes" },
        { path: 'session["3"]', found: "a second key of the same text" },
      ],
      unfitCount: 3,
    });
  });

  test("lists the first 100, and counts all; long keys are truncated", () => {
    const value = Array.from({ length: 300 }, () => new Uint8Array());
    const { unfit, unfitCount } = pickleToJson(value);
    expect([unfit.length, unfitCount]).toEqual([100, 300]);
    const [found] = pickleToJson(dict(["k".repeat(1000), set()])).unfit;
    expect(found?.path).toBe(`data["${"k".repeat(40)}…"]`);
  });
});

test("a value with two references is written twice", () => {
  const pickle = Buffer.from("80045d94285d944b01616801652e", "hex");
  expect(textOf(parsePickle(pickle))).toBe("[[1],[1]]");
});
