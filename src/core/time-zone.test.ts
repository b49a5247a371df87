import { describe, expect, test } from "vitest";

import { TimeZone } from "./time-zone.ts";

const at = (text: string): number => Date.parse(`${text}Z`);
const newYork = new TimeZone("America/New_York");
const tokyo = new TimeZone("Asia/Tokyo");

describe("TimeZone", () => {
  test.each([
    [newYork, "2026-01-15T12:00:00.250", "2026-01-15T07:00:00.250"],
    [newYork, "2026-07-15T12:00:00", "2026-07-15T08:00:00"],
    [tokyo, "2026-07-15T20:00:00", "2026-07-16T05:00:00"],
    [new TimeZone("Asia/Kathmandu"), "2026-07-15T20:00:00", "2026-07-16T01:45:00"],
    [new TimeZone("Australia/Lord_Howe"), "2026-07-15T12:00:00", "2026-07-15T22:30:00"],
    [new TimeZone("UTC"), "2026-07-15T12:00:00", "2026-07-15T12:00:00"],
  ])("of %o: %s is the local time %s, and back", (zone, instant, local) => {
    expect(zone.toLocal(at(instant))).toBe(at(local));
    expect(zone.toInstant(at(local))).toBe(at(instant));
  });

  test("the hour that occurs twice in autumn is read as the later one", () => {
    expect(newYork.toLocal(at("2026-11-01T05:30:00"))).toBe(at("2026-11-01T01:30:00"));
    expect(newYork.toLocal(at("2026-11-01T06:30:00"))).toBe(at("2026-11-01T01:30:00"));
    expect(newYork.toInstant(at("2026-11-01T01:30:00"))).toBe(at("2026-11-01T06:30:00"));
    expect(newYork.toInstant(at("2026-11-01T00:59:59"))).toBe(at("2026-11-01T04:59:59"));
    expect(newYork.toInstant(at("2026-11-01T02:00:00"))).toBe(at("2026-11-01T07:00:00"));
  });

  test("a time that is skipped in spring is read by the clock before the change", () => {
    expect(newYork.toInstant(at("2026-03-08T02:30:00"))).toBe(at("2026-03-08T07:30:00"));
    expect(newYork.toInstant(at("2026-03-08T01:59:59"))).toBe(at("2026-03-08T06:59:59"));
    expect(newYork.toInstant(at("2026-03-08T03:00:00"))).toBe(at("2026-03-08T07:00:00"));
  });

  test("earliestFrom is the local time, and less when clocks are soon put back", () => {
    expect(newYork.earliestFrom(at("2026-07-15T12:00:00"))).toBe(at("2026-07-15T08:00:00"));
    expect(newYork.earliestFrom(at("2026-11-01T04:30:00"))).toBe(at("2026-11-01T00:30:00"));
    expect(newYork.earliestFrom(at("2026-11-01T05:50:00"))).toBe(at("2026-11-01T01:00:00"));
    expect(newYork.earliestFrom(at("2026-11-01T06:10:00"))).toBe(at("2026-11-01T01:10:00"));
  });

  test("no later instant has a local time before earliestFrom, in any zone that changes its clocks", () => {
    for (const name of ["America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Europe/London"]) {
      const zone = new TimeZone(name);
      for (
        let instant = at("2026-01-01T00:07:00");
        instant < at("2027-01-01T00:00:00");
        instant += 1_700_000
      ) {
        const earliest = zone.earliestFrom(instant);
        const following = [0, 1, 2, 3, 4, 5].map((hours) => zone.toLocal(instant + hours * 3_599_000));
        expect(earliest).toBeLessThanOrEqual(Math.min(...following));
      }
    }
  });

  test("holds from the year 1 to the year 9999", () => {
    for (const text of ["0001-01-01T00:00:00", "9999-12-31T23:59:59"]) {
      expect(Math.abs(tokyo.toLocal(at(text)) - at(text))).toBeLessThan(86_400_000);
      expect(tokyo.toInstant(tokyo.toLocal(at(text)))).toBe(at(text));
    }
  });

  test("refuses an unknown name", () => {
    expect(() => new TimeZone("America/Nowhere")).toThrow(RangeError);
  });
});
