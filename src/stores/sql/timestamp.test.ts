import { describe, expect, test } from "vitest";

import { TimeZone } from "../../core/time-zone.ts";
import { fromTimestamp, Timestamps, toTimestamp } from "./timestamp.ts";

const INSTANT = Date.UTC(2026, 0, 31, 9, 5, 0, 250);

describe("toTimestamp", () => {
  test("writes UTC with microseconds, as Django does", () => {
    expect(toTimestamp(INSTANT, "mysql")).toBe("2026-01-31 09:05:00.250000");
    expect(toTimestamp(INSTANT, "postgres")).toBe("2026-01-31 09:05:00.250000+00");
    expect(toTimestamp(INSTANT + 0.125, "sqlite")).toBe("2026-01-31 09:05:00.250125");
  });

  test("leaves out microseconds that are 0 on SQLite only, and no others", () => {
    expect(toTimestamp(INSTANT - 250, "sqlite")).toBe("2026-01-31 09:05:00");
    expect(toTimestamp(INSTANT - 250, "mysql")).toBe("2026-01-31 09:05:00.000000");
    expect(toTimestamp(INSTANT - 249, "sqlite")).toBe("2026-01-31 09:05:00.001000");
  });

  test("grows with time as a string, to the microsecond", () => {
    const instants = [0, 0.0015, 0.5, 1, 249.999, 250, 999.999, 1000, 60_000].map((span) => INSTANT + span);
    const texts = instants.map((instant) => toTimestamp(instant, "sqlite"));
    expect(texts.toSorted()).toEqual(texts);
    expect(new Set(texts).size).toBe(texts.length);
  });

  test("ends with the year 9999, the last of the databases", () => {
    expect(toTimestamp(8.64e15, "mysql")).toBe("9999-12-31 23:59:59.999000");
    expect(toTimestamp(Number.POSITIVE_INFINITY, "sqlite")).toBe("9999-12-31 23:59:59.999000");
  });
});

describe("fromTimestamp", () => {
  test.each([0, 0.5, 1, 250, 750.125])("returns the written time, with %d ms", (span) => {
    expect(fromTimestamp(toTimestamp(INSTANT + span, "sqlite"))).toBe(INSTANT + span);
    expect(fromTimestamp(toTimestamp(INSTANT + span, "mysql"))).toBe(INSTANT + span);
  });

  test("accepts a fraction with fewer digits", () => {
    expect(fromTimestamp("2026-01-31 09:05:00.25")).toBe(INSTANT);
  });
});

describe("Timestamps of a site in New York with USE_TZ = False", () => {
  const zone = new TimeZone("America/New_York");
  const [sqlite, postgres] = [new Timestamps("sqlite", zone), new Timestamps("postgres", zone)];
  const at = (text: string): number => Date.parse(`${text}Z`);

  test("are local time on SQLite and MySQL, and instants on PostgreSQL", () => {
    expect(sqlite.write(INSTANT)).toBe("2026-01-31 04:05:00.250000");
    expect(new Timestamps("mysql", zone).write(INSTANT)).toBe("2026-01-31 04:05:00.250000");
    expect(postgres.write(INSTANT)).toBe("2026-01-31 09:05:00.250000+00");
    expect(sqlite.read("2026-01-31 04:05:00.250000")).toBe(INSTANT);
    expect(postgres.read("2026-01-31 09:05:00.250000")).toBe(INSTANT);
  });

  test("end with the year 9999 in any zone", () => {
    const tokyo = new Timestamps("mysql", new TimeZone("Asia/Tokyo"));
    expect(tokyo.write(Number.POSITIVE_INFINITY)).toBe("9999-12-31 23:59:59.999000");
    expect(sqlite.write(Number.POSITIVE_INFINITY)).toMatch(/^9999-12-31 1[89]:59:59/);
  });

  test("no session that begins or lives when clocks are put back reads as expired, however short its life", () => {
    for (let now = at("2026-11-01T03:00:00"); now < at("2026-11-01T09:00:00"); now += 61_000) {
      for (const ttl of [1, 60_000, 900_000, 3_599_000, 7_200_000]) {
        expect(sqlite.write(now + ttl) > sqlite.writeNow(now)).toBe(true);
        expect(sqlite.read(sqlite.write(now + ttl))).toBeGreaterThanOrEqual(now + ttl);
      }
    }
  });

  test("expired records read as expired, an hour later at most", () => {
    for (let now = at("2026-11-01T03:00:00"); now < at("2026-11-01T09:00:00"); now += 61_000)
      expect(sqlite.write(now - 3_600_000) <= sqlite.writeNow(now)).toBe(true);
    const summer = at("2026-07-01T12:00:00");
    expect(sqlite.write(summer) <= sqlite.writeNow(summer)).toBe(true);
  });
});
