import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { scaled, seed } from "../../../test/support/scale.ts";
import { withoutTemporal } from "../../../test/support/without-temporal.ts";
import { CacheUsageError, NotJsonError } from "../../core/errors.ts";
import { CacheCoder, parseJson, writeJson } from "../index.ts";

const runs = { seed, numRuns: scaled(300, 20_000) };

/** From year 1 to 9999: the range of Python's dates. */
const pythonDate = fc.date({
  min: new Date("0001-01-01T00:00:00Z"),
  max: new Date("9999-12-31T23:59:59.999Z"),
  noInvalidDate: true,
});

/** Returns a value after a round trip through JSON, as in a cache. */
function stored<Value>(value: Value): Value {
  return parseJson(writeJson(value, "value")) as Value;
}

describe("datetimes, without Temporal,", () => {
  withoutTemporal();

  test.each([
    ["2026-04-17T12:30:45+00:00", "2026-04-17T12:30:45.000Z"],
    ["2026-04-17T12:30:45.120000+00:00", "2026-04-17T12:30:45.120Z"],
    ["0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00.000Z"],
    ["9999-12-31T23:59:59.999000+00:00", "9999-12-31T23:59:59.999Z"],
  ])("%s is written as isoformat does, and read", (text, iso) => {
    expect(CacheCoder.dumpDatetime(new Date(iso))).toBe(text);
    expect(CacheCoder.loadDatetime(text)).toEqual(new Date(iso));
  });

  test.each([
    ["2026-04-17T12:30:45.999999+00:00", "2026-04-17T12:30:45.999Z"],
    ["2026-04-17T12:30:45-03:30:15", "2026-04-17T16:01:00.000Z"],
    ["2026-04-17T12:30:45+02:00", "2026-04-17T10:30:45.000Z"],
    ["2026-04-17T00:00:00-00:00:00.000001", "2026-04-17T00:00:00.000Z"],
    ["2026-04-17T00:00:00+00:00:00.000001", "2026-04-16T23:59:59.999Z"],
    ["2026-04-17T12:30:45.123Z", "2026-04-17T12:30:45.123Z"],
    ["2026-04-17 12:30+00:00", "2026-04-17T12:30:00.000Z"],
    ["1969-12-31T23:59:59.999999+00:00", "1969-12-31T23:59:59.999Z"],
  ])("%s is read as the moment it means, cut to milliseconds", (text, iso) => {
    expect(CacheCoder.loadDatetime(text)).toEqual(new Date(iso));
  });

  test("a naive one is refused as a Date, unless the call sets UTC", () => {
    expect(() => CacheCoder.loadDatetime("2026-04-17T12:30:45")).toThrow('Set naive: "utc"');
    expect(CacheCoder.loadDatetime("2026-04-17T12:30:45", { naive: "utc" })).toEqual(
      new Date("2026-04-17T12:30:45Z"),
    );
  });

  test.each([
    ["2026-04-17T12:30:45", { microsecond: 0, offset: undefined }],
    ["2026-04-17T12:30:45.000004", { microsecond: 4, offset: undefined }],
    ["2026-04-17T12:30:45.120000+00:00", { microsecond: 120_000, offset: "+00:00" }],
    ["2026-04-17T12:30:45-03:30:15", { microsecond: 0, offset: "-03:30:15" }],
    ["2026-04-17T12:30:45+23:59:59.999999", { microsecond: 0, offset: "+23:59:59.999999" }],
  ])("%s loses nothing as fields", (text, { microsecond, offset }) => {
    const fields = CacheCoder.loadDatetime(text, { as: "fields" });
    expect(fields).toEqual({
      year: 2026,
      month: 4,
      day: 17,
      hour: 12,
      minute: 30,
      second: 45,
      microsecond,
      offset,
    });
    expect(CacheCoder.dumpDatetime(fields)).toBe(text);
  });

  test("equivalent offsets are written alike, and digits after the sixth are dropped, as in Python", () => {
    const load = (text: string) => CacheCoder.dumpDatetime(CacheCoder.loadDatetime(text, { as: "fields" }));
    expect(load("2026-04-17T12:30:45-00:00")).toBe("2026-04-17T12:30:45+00:00");
    expect(load("2026-04-17T12:30:45+02:00:00")).toBe("2026-04-17T12:30:45+02:00");
    expect(load("2026-04-17T12:30:45.1234567Z")).toBe("2026-04-17T12:30:45.123456+00:00");
  });

  test("law: any Date that Python can hold comes back equal", () => {
    fc.assert(
      fc.property(pythonDate, (date) => {
        expect(CacheCoder.loadDatetime(stored(CacheCoder.dumpDatetime(date)))).toEqual(date);
      }),
      runs,
    );
  });

  test.each([
    ["2026-02-29T00:00:00+00:00"],
    ["1900-02-29T00:00:00+00:00"],
    ["2026-04-31T00:00:00+00:00"],
    ["2026-00-01T00:00:00+00:00"],
    ["2026-13-01T00:00:00+00:00"],
    ["2026-01-00T00:00:00+00:00"],
    ["0000-01-01T00:00:00+00:00"],
    ["2026-04-17T24:00:00+00:00"],
    ["2026-04-17T12:60:00+00:00"],
    ["2026-04-17T12:30:60+00:00"],
    ["2026-04-17T12:30:45+24:00"],
    ["2026-04-17T12:30:45+02:60"],
    ["2026-04-17T12:30:45+02:00:60"],
    ["2026-04-17"],
    ["+012026-04-17T12:30:45+00:00"],
    ["hunter2"],
    [""],
  ])("%j is refused, and not shown", (text) => {
    expect(() => CacheCoder.loadDatetime(text, { as: "fields" })).toThrow(CacheUsageError);
    expect(() => CacheCoder.loadDatetime(text, { as: "fields" })).toThrow("got a text of another form.");
  });

  test.each([
    ["an invalid Date", new Date(Number.NaN)],
    ["year 0", new Date("0000-12-31T23:59:59Z")],
    ["year 10000", new Date("+010000-01-01T00:00:00Z")],
    ["fields of no date", { year: 2026, month: 2, day: 30, hour: 0, minute: 0, second: 0, microsecond: 0 }],
    [
      "fields with a fraction",
      { year: 2026, month: 2, day: 3, hour: 0, minute: 0, second: 1.5, microsecond: 0 },
    ],
    ["a text", "2026-04-17T12:30:45"],
    ["null", null],
  ])("%s is refused", (_name, value) => {
    expect(() => CacheCoder.dumpDatetime(value as Date)).toThrow(CacheUsageError);
  });

  test("without Temporal, a request for it is an error", () => {
    expect(() => CacheCoder.loadDatetime("2026-04-17T12:30:45+00:00", { as: "temporal" })).toThrow(
      "A Temporal.ZonedDateTime was requested, but this Node has no Temporal.",
    );
  });
});

describe("dates and times, without Temporal,", () => {
  withoutTemporal();

  test("a date is the day in UTC, and comes back as its midnight", () => {
    expect(CacheCoder.dumpDate(new Date("2026-04-07T23:59:59.999Z"))).toBe("2026-04-07");
    expect(CacheCoder.loadDate("2026-04-07")).toEqual(new Date("2026-04-07T00:00:00Z"));
    expect(CacheCoder.loadDate("0001-01-01").getTime()).toBe(Date.parse("0001-01-01T00:00:00Z"));
    expect(CacheCoder.loadDate("2026-04-07", { as: "fields" })).toEqual({ year: 2026, month: 4, day: 7 });
    expect(CacheCoder.dumpDate({ year: 1, month: 2, day: 3 })).toBe("0001-02-03");
  });

  test.each(["12:30:00", "01:02:03.000004", "23:59:59.999999", "00:00:00+02:00", "12:00:00.100000-03:30:15"])(
    "the time %s survives a round trip",
    (text) => {
      expect(CacheCoder.dumpTime(CacheCoder.loadTime(text))).toBe(text);
    },
  );

  test("law: fields of any day and time are read back equal", () => {
    const time = fc.record({
      hour: fc.nat(23),
      minute: fc.nat(59),
      second: fc.nat(59),
      microsecond: fc.nat(999_999),
    });
    fc.assert(
      fc.property(pythonDate, time, (day, fields) => {
        const date = CacheCoder.loadDate(CacheCoder.dumpDate(day), { as: "fields" });
        expect(CacheCoder.loadTime(stored(CacheCoder.dumpTime(fields)))).toEqual(fields);
        const datetime = CacheCoder.dumpDatetime({ ...date, ...fields });
        expect(CacheCoder.loadDatetime(stored(datetime), { as: "fields" })).toEqual({ ...date, ...fields });
      }),
      runs,
    );
  });

  test("other values are refused", () => {
    expect(() => CacheCoder.loadDate("2026-02-30")).toThrow("Expected a date such as");
    expect(() => CacheCoder.loadTime("25:00:00")).toThrow("Expected a time such as");
    expect(() => CacheCoder.dumpDate(new Date(Number.NaN))).toThrow(CacheUsageError);
    expect(() => CacheCoder.dumpTime(new Date() as never)).toThrow(CacheUsageError);
    expect(() => CacheCoder.dumpTime({ hour: 1, minute: 2, second: 3, microsecond: 1_000_000 })).toThrow(
      CacheUsageError,
    );
  });
});

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
    ["what is too deep", nested(501), "nested more than 500 levels deep"],
    ["what is far too deep", nested(100_000), "nested more than 500 levels deep"],
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
