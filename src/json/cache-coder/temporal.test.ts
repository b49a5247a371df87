import "temporal-polyfill/global";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Temporal } from "temporal-polyfill";
import { scaled, seed } from "../../../test/support/scale.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { CacheCoder } from "../index.ts";

const runs = { seed, numRuns: scaled(300, 20_000) };

describe("with Temporal", () => {
  test.each([
    ["2026-04-17T12:30:45+00:00", Temporal.Instant.from("2026-04-17T14:30:45+02:00")],
    ["2026-04-17T12:30:45.000004+00:00", Temporal.Instant.from("2026-04-17T12:30:45.000004Z")],
    ["2026-04-17T12:30:45.120000", Temporal.PlainDateTime.from("2026-04-17T12:30:45.12")],
    ["2026-04-17T12:30:45+02:00", Temporal.ZonedDateTime.from("2026-04-17T12:30:45[Europe/Berlin]")],
    ["1883-01-01T00:00:00-04:56:02", Temporal.ZonedDateTime.from("1883-01-01T00:00[America/New_York]")],
    ["2019-04-30T00:00:00", Temporal.PlainDateTime.from("2019-04-30T00:00[u-ca=gregory]")],
  ])("%s is written as isoformat does", (text, value) => {
    expect(CacheCoder.dumpDatetime(value)).toBe(text);
  });

  test.each([
    ["2026-04-17T12:30:45", "2026-04-17T12:30:45"],
    ["2026-04-17T12:30:45.000004+02:00", "2026-04-17T12:30:45.000004+02:00[+02:00]"],
    ["2026-04-17T12:30:45+00:00", "2026-04-17T12:30:45+00:00[UTC]"],
  ])("%s is read without loss as %s", (text, temporal) => {
    const value = CacheCoder.loadDatetime(text, { as: "temporal" });
    expect(String(value)).toBe(temporal);
    expect(CacheCoder.dumpDatetime(value)).toBe(text);
  });

  test("a value that Temporal or Python cannot hold is refused, with advice", () => {
    expect(() => CacheCoder.loadDatetime("2026-04-17T12:30:45-03:30:15", { as: "temporal" })).toThrow(
      "an offset with seconds, which no zone of Temporal has",
    );
    expect(() => CacheCoder.loadTime("12:00:00+02:00", { as: "temporal" })).toThrow("has no offset");
    expect(() => CacheCoder.dumpDatetime(Temporal.Instant.fromEpochNanoseconds(1n))).toThrow(
      "no more than microseconds",
    );
    expect(() => CacheCoder.dumpTime(Temporal.PlainTime.from("12:00:00.000000001"))).toThrow(
      "no more than microseconds",
    );
    expect(() => CacheCoder.dumpDate(Temporal.PlainDate.from("-000001-01-01"))).toThrow(CacheUsageError);
    expect(() => CacheCoder.dumpTimedelta(Temporal.Duration.from("P1M"))).toThrow(CacheUsageError);
    expect(() => CacheCoder.dumpTimedelta(Temporal.Duration.from("PT0.000000001S"))).toThrow(CacheUsageError);
  });

  test("dates, times and durations survive a round trip", () => {
    const date = Temporal.PlainDate.from("2026-04-07");
    expect(CacheCoder.dumpDate(date)).toBe("2026-04-07");
    expect(String(CacheCoder.loadDate("2026-04-07", { as: "temporal" }))).toBe("2026-04-07");
    expect(CacheCoder.dumpTime(Temporal.PlainTime.from("12:30"))).toBe("12:30:00");
    expect(String(CacheCoder.loadTime("01:02:03.000004", { as: "temporal" }))).toBe("01:02:03.000004");
    expect(CacheCoder.dumpTimedelta(Temporal.Duration.from({ days: 1, hours: 2, minutes: 3 }))).toBe(93_780);
    expect(CacheCoder.dumpTimedelta(Temporal.Duration.from({ weeks: -1, microseconds: -1 }))).toBe(
      -604_800.000_001,
    );
    expect(String(CacheCoder.loadTimedelta(-1.5, { as: "temporal" }))).toBe("-PT1.5S");
    expect(String(CacheCoder.loadTimedelta(0, { as: "temporal" }))).toBe("PT0S");
  });

  test("law: any moment, and any span of up to 270 years, comes back to the microsecond", () => {
    const microseconds = fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n });
    fc.assert(
      fc.property(microseconds, fc.maxSafeInteger(), (sinceEpoch, span) => {
        const instant = Temporal.Instant.fromEpochNanoseconds(sinceEpoch * 1000n);
        const loaded = CacheCoder.loadDatetime(CacheCoder.dumpDatetime(instant), { as: "temporal" });
        expect((loaded as Temporal.ZonedDateTime).toInstant().equals(instant)).toBe(true);
        const plain = instant.toZonedDateTimeISO("UTC").toPlainDateTime();
        const again = CacheCoder.loadDatetime(CacheCoder.dumpDatetime(plain), { as: "temporal" });
        expect(plain.equals(again as Temporal.PlainDateTime)).toBe(true);
        // A float keeps microseconds up to 2^33 seconds.
        const duration = Temporal.Duration.from({ microseconds: Math.trunc(span / 2) });
        const back = CacheCoder.loadTimedelta(CacheCoder.dumpTimedelta(duration), { as: "temporal" });
        expect(Temporal.Duration.compare(back as Temporal.Duration, duration)).toBe(0);
      }),
      runs,
    );
  });

  test("dump converts the objects of Temporal inside of a value", () => {
    const value = [
      Temporal.Instant.from("2026-04-17T12:30:45Z"),
      { d: Temporal.PlainDate.from("2026-04-07"), t: Temporal.PlainTime.from("12:30") },
      new Set([Temporal.Duration.from("PT1M")]),
    ];
    expect(CacheCoder.dump(value)).toEqual([
      "2026-04-17T12:30:45+00:00",
      { d: "2026-04-07", t: "12:30:00" },
      [60],
    ]);
    expect(() => CacheCoder.dump({ ym: Temporal.PlainYearMonth.from("2026-04") })).toThrow(
      "value.ym is a PlainYearMonth",
    );
  });
});
