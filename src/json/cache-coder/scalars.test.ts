import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs, stored } from "../../../test/support/cache-coder.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { CacheCoder, writeJson } from "../index.ts";

describe("timedeltas", () => {
  test.each([
    [93_780, "93780"],
    [1e-6, "0.000001"],
    [-86_399, "-86399"],
    [0, "0"],
    [-0, "0"],
    [0.1 + 0.2, "0.3"],
    [1.000_000_4, "1"],
    [0.000_000_6, "0.000001"],
    [86_399_999_999_999.98, "86399999999999.98"],
    // Halves go to the even microsecond, as in Python.
    [1 / 128, "0.007812"],
    [3 / 128, "0.023438"],
    [-1 / 128, "-0.007812"],
  ])("of %d seconds are the JSON %s", (seconds, json) => {
    expect(writeJson(CacheCoder.dumpTimedelta(seconds), "value")).toBe(json);
    expect(CacheCoder.loadTimedelta(Number(json))).toBe(Number(json));
  });

  test("law: whole microseconds of up to 270 years come back equal", () => {
    const microseconds = fc.oneof(
      fc.maxSafeInteger().map((each) => Math.trunc(each / 2)),
      fc.integer(),
    );
    fc.assert(
      fc.property(microseconds, (count) => {
        const seconds = CacheCoder.loadTimedelta(stored(CacheCoder.dumpTimedelta(count / 1e6)));
        expect(seconds).toBe(count === 0 ? 0 : count / 1e6);
      }),
      runs,
    );
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, 86_400_000_000_000, -86_400_000_000_000, "1", null])(
    "%s is refused",
    (value) => {
      expect(() => CacheCoder.dumpTimedelta(value as number)).toThrow(CacheUsageError);
      expect(() => CacheCoder.loadTimedelta(value as number)).toThrow(CacheUsageError);
    },
  );
});

describe("decimals", () => {
  test.each([
    ["1.50", "1.50"],
    ["1E+5", "1E+5"],
    ["1e5", "1E+5"],
    ["0E-8", "0E-8"],
    ["0.00000000", "0E-8"],
    ["-0", "-0"],
    ["+1", "1"],
    ["NaN", "NaN"],
    ["-snan007", "-sNaN7"],
    ["inf", "Infinity"],
    ["-Infinity", "-Infinity"],
    ["0.0000001", "1E-7"],
    ["0.000001", "0.000001"],
    ["00012.340", "12.340"],
    [".5", "0.5"],
    ["5.", "5"],
    ["1.23E+3", "1.23E+3"],
    ["123E-2", "1.23"],
    ["0.0", "0.0"],
    ["1.5e-10", "1.5E-10"],
  ])("%s is Python's %s", (text, python) => {
    expect(CacheCoder.dumpDecimal(text)).toBe(python);
    expect(CacheCoder.loadDecimal(python)).toBe(python);
  });

  test("law: digits with a point at any place stay as they are, and a bigint is itself", () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.nat(6), (integer, places) => {
        const sign = integer < 0n ? "-" : "";
        const digits = String(integer < 0n ? -integer : integer).padStart(places + 1, "0");
        const point = digits.length - places;
        const text = sign + (places === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`);
        expect(CacheCoder.loadDecimal(stored(CacheCoder.dumpDecimal(text)))).toBe(text);
        expect(CacheCoder.dumpDecimal(integer)).toBe(String(integer));
      }),
      runs,
    );
  });

  test.each(["", ".", "-", "1e", "1_000", " 1", "1,5", "0x1", "1e9999999999999999", "--1", 1.5, null])(
    "%j is refused",
    (value) => {
      expect(() => CacheCoder.dumpDecimal(value as string)).toThrow(CacheUsageError);
      expect(() => CacheCoder.loadDecimal(value as string)).toThrow(CacheUsageError);
    },
  );
});

describe("UUIDs, bytes, sets and booleans", () => {
  test("a UUID is written in lower case with hyphens", () => {
    const uuid = "550e8400-e29b-41d4-a716-446655440000";
    expect(CacheCoder.dumpUuid(uuid.toUpperCase())).toBe(uuid);
    expect(CacheCoder.loadUuid(uuid.replaceAll("-", ""))).toBe(uuid);
    for (const wrong of ["", `${uuid}0`, uuid.replace("5", "g"), 7]) {
      expect(() => CacheCoder.loadUuid(wrong as string)).toThrow(CacheUsageError);
    }
  });

  test("law: any UUID and any bytes come back equal", () => {
    fc.assert(
      fc.property(fc.uuid(), fc.uint8Array(), (uuid, bytes) => {
        expect(CacheCoder.loadUuid(stored(CacheCoder.dumpUuid(uuid)))).toBe(uuid);
        expect(CacheCoder.loadBytes(stored(CacheCoder.dumpBytes(bytes)))).toEqual(bytes);
        expect(CacheCoder.dumpBytes(Buffer.from(bytes))).toBe(CacheCoder.dumpBytes(bytes));
        expect(CacheCoder.dumpBytes(bytes.slice().buffer)).toBe(CacheCoder.dumpBytes(bytes));
      }),
      runs,
    );
  });

  test("bytes are lower-case hex; spaces between them and upper case are read", () => {
    expect(CacheCoder.dumpBytes(new Uint8Array([0, 171, 255]))).toBe("00abff");
    expect(CacheCoder.dumpBytes(new Uint8Array([9, 0, 171, 255]).subarray(1))).toBe("00abff");
    expect(CacheCoder.loadBytes(" 00 AB\nfF ")).toEqual(new Uint8Array([0, 171, 255]));
    expect(CacheCoder.loadBytes("")).toEqual(new Uint8Array());
    for (const wrong of ["0", "0 0", "zz", "00\u00a0ff", null]) {
      expect(() => CacheCoder.loadBytes(wrong as string)).toThrow(CacheUsageError);
    }
    expect(() => CacheCoder.dumpBytes("00" as never)).toThrow(CacheUsageError);
  });

  test("law: a set comes back equal", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string()), (members) => {
        expect(CacheCoder.loadSet(stored(CacheCoder.dumpSet(new Set(members))))).toEqual(new Set(members));
      }),
      runs,
    );
    expect(() => CacheCoder.loadSet("abc" as never)).toThrow(CacheUsageError);
    expect(() => CacheCoder.dumpSet([] as never)).toThrow(CacheUsageError);
  });

  test('only "1" is true', () => {
    expect([true, false].map((flag) => CacheCoder.loadBool(stored(CacheCoder.dumpBool(flag))))).toEqual([
      true,
      false,
    ]);
    expect(["1", "0", "", "true", true, 1, null].map(CacheCoder.loadBool)).toEqual([
      true,
      false,
      false,
      false,
      false,
      false,
      false,
    ]);
    expect(() => CacheCoder.dumpBool(1 as never)).toThrow(CacheUsageError);
  });
});
