import { describe, expect, test } from "vitest";

import { type Duration, durationSchema, expirySchema, toMilliseconds } from "./durations.ts";
import { parseSettings } from "./settings.ts";

describe("toMilliseconds", () => {
  test.each<[Duration, number]>([
    [14, 14_000],
    [0.25, 250],
    [0, 0],
    [-1, -1000],
    ["90s", 90_000],
    ["14d", 1_209_600_000],
    ["250ms", 250],
    ["2 weeks", 1_209_600_000],
    ["1.5h", 5_400_000],
    ["-5m", -300_000],
    ["1.6ms", 2],
  ])("reads %j", (duration, expected) => {
    expect(toMilliseconds(duration)).toBe(expected);
  });

  test.each([
    "14",
    "",
    " ",
    "d",
    "14 parsecs",
    "s".repeat(200),
    Number.NaN,
    Infinity,
    1e300,
    null,
    undefined,
    {},
    [5],
  ])("refuses %j", (duration) => {
    expect(toMilliseconds(duration)).toBeUndefined();
  });
});

describe("durationSchema", () => {
  test("refuses text without a unit and names the expected form", () => {
    expect(() => parseSettings(durationSchema(), "14", "sessions.cookie.age")).toThrow(
      'sessions.cookie.age: expected seconds or text such as "14d", got "14" (string).',
    );
  });

  test("keeps its bounds and names them", () => {
    const schema = durationSchema({ least: 1, most: "1h" });
    expect(parseSettings(schema, 1, "deadline")).toBe(1000);
    expect(parseSettings(schema, "60m", "deadline")).toBe(3_600_000);
    expect(() => parseSettings(schema, "999ms", "deadline")).toThrow(
      'deadline: expected seconds or text such as "14d", at least 1 s and at most 1h, got "999ms" (string).',
    );
    expect(() => parseSettings(schema, 3601, "deadline")).toThrow("got 3601 (number).");
  });

  test("null is no duration, but no expiry where that is allowed", () => {
    expect(() => parseSettings(durationSchema(), null, "idle")).toThrow("got null.");
    expect(parseSettings(expirySchema(), null, "idle")).toBeNull();
    expect(parseSettings(expirySchema(), "20m", "idle")).toBe(1_200_000);
    expect(() => parseSettings(expirySchema(), true, "idle")).toThrow(
      'idle: expected seconds or text such as "14d", or null for no expiry, got true (boolean).',
    );
  });
});
