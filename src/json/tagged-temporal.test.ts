import "temporal-polyfill/global";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Temporal } from "temporal-polyfill";
import { scaled, seed } from "../../test/support/scale.ts";
import { readTagged, writeTagged } from "./index.ts";

test.each<[string, { toString(): string }]>([
  ['{"$instant":"2026-04-17T12:30:45.123456789Z"}', Temporal.Instant.from("2026-04-17T12:30:45.123456789Z")],
  [
    '{"$zonedDateTime":"2026-10-25T02:30:00+01:00[Europe/Berlin]"}',
    Temporal.ZonedDateTime.from("2026-10-25T02:30:00+01:00[Europe/Berlin]"),
  ],
  [
    '{"$zonedDateTime":"1883-01-01T00:00:00-04:56[America/New_York]"}',
    Temporal.ZonedDateTime.from("1883-01-01T00:00[America/New_York]"),
  ],
  ['{"$plainDateTime":"2026-04-17T12:30:45"}', Temporal.PlainDateTime.from("2026-04-17T12:30:45")],
  ['{"$plainDate":"2026-04-07[u-ca=gregory]"}', Temporal.PlainDate.from("2026-04-07[u-ca=gregory]")],
  ['{"$plainDate":"-012026-04-07"}', Temporal.PlainDate.from("-012026-04-07")],
  ['{"$plainTime":"01:02:03.000000004"}', Temporal.PlainTime.from("01:02:03.000000004")],
  ['{"$plainYearMonth":"2026-04"}', Temporal.PlainYearMonth.from("2026-04")],
  ['{"$plainMonthDay":"02-29"}', Temporal.PlainMonthDay.from("02-29")],
  [
    '{"$duration":{"days":-1,"milliseconds":-1500}}',
    Temporal.Duration.from({ days: -1, milliseconds: -1500 }),
  ],
  ['{"$duration":{"seconds":0}}', new Temporal.Duration()],
])("%s is read back equal", (text, value) => {
  expect(writeTagged(value, "value")).toBe(text);
  const back = readTagged(text) as typeof value;
  expect(back).toBeInstanceOf(value.constructor);
  expect(back.toString()).toBe(value.toString());
});

test.each([
  '{"$instant":"hunter2"}',
  '{"$plainDate":5}',
  '{"$duration":"PT1S"}',
  '{"$duration":{"hunter2":1}}',
])("%s is refused, and not shown", (text) => {
  expect(() => readTagged(text)).toThrow("JSON has a tag with a value of another form than the tag's");
});

test("law: any moment in any zone, and any duration, is read back equal in all its parts", () => {
  const zone = fc.constantFrom(
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Africa/Monrovia",
    "+05:45",
  );
  const nanoseconds = fc.bigInt({ min: -(10n ** 19n), max: 10n ** 19n });
  const parts = fc.record({ days: fc.nat(), hours: fc.nat(), milliseconds: fc.nat(), nanoseconds: fc.nat() });
  fc.assert(
    fc.property(nanoseconds, zone, parts, (sinceEpoch, timeZone, fields) => {
      const moment = Temporal.Instant.fromEpochNanoseconds(sinceEpoch).toZonedDateTimeISO(timeZone);
      const duration = Temporal.Duration.from(fields);
      const back = readTagged(writeTagged([moment, duration], "value")) as [
        Temporal.ZonedDateTime,
        Temporal.Duration,
      ];
      expect(back[0].equals(moment)).toBe(true);
      expect({ ...fields, ...pick(back[1]) }).toEqual(fields);
    }),
    { seed, numRuns: scaled(200, 10_000) },
  );
});

function pick({ days, hours, milliseconds, nanoseconds }: Temporal.Duration): object {
  return { days, hours, milliseconds, nanoseconds };
}
