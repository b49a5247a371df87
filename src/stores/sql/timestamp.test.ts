import { describe, expect, it } from "vitest";

import { fromTimestamp, toTimestamp } from "./timestamp.ts";

const INSTANT = Date.UTC(2026, 0, 31, 9, 5, 0, 250);

describe("toTimestamp", () => {
  it("writes UTC with microseconds, as Django does", () => {
    expect(toTimestamp(INSTANT, "mysql")).toBe("2026-01-31 09:05:00.250000");
    expect(toTimestamp(INSTANT, "postgres")).toBe("2026-01-31 09:05:00.250000+00");
    expect(toTimestamp(INSTANT + 0.125, "sqlite")).toBe("2026-01-31 09:05:00.250125");
  });

  it("leaves out microseconds that are 0 on SQLite only, and no others", () => {
    expect(toTimestamp(INSTANT - 250, "sqlite")).toBe("2026-01-31 09:05:00");
    expect(toTimestamp(INSTANT - 250, "mysql")).toBe("2026-01-31 09:05:00.000000");
    expect(toTimestamp(INSTANT - 249, "sqlite")).toBe("2026-01-31 09:05:00.001000");
  });

  it("grows with time as a string, to the microsecond", () => {
    const instants = [0, 0.0015, 0.5, 1, 249.999, 250, 999.999, 1000, 60_000].map((span) => INSTANT + span);
    const texts = instants.map((instant) => toTimestamp(instant, "sqlite"));
    expect(texts.toSorted()).toEqual(texts);
    expect(new Set(texts).size).toBe(texts.length);
  });

  it("ends with the year 9999, which the databases end with", () => {
    expect(toTimestamp(8.64e15, "mysql")).toBe("9999-12-31 23:59:59.999000");
    expect(toTimestamp(Number.POSITIVE_INFINITY, "sqlite")).toBe("9999-12-31 23:59:59.999000");
  });
});

describe("fromTimestamp", () => {
  it.each([0, 0.5, 1, 250, 750.125])("gives back what was written, with %d ms", (span) => {
    expect(fromTimestamp(toTimestamp(INSTANT + span, "sqlite"))).toBe(INSTANT + span);
    expect(fromTimestamp(toTimestamp(INSTANT + span, "mysql"))).toBe(INSTANT + span);
  });

  it("takes a fraction with fewer digits", () => {
    expect(fromTimestamp("2026-01-31 09:05:00.25")).toBe(INSTANT);
  });
});
