import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { withoutTemporal } from "../../../test/support/without-temporal.ts";
import { pythonDate, runs, stored } from "../../../test/support/cache-coder.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { CacheCoder } from "../index.ts";

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

  test("a request for Temporal is an error", () => {
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
