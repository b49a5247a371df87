import fc from "fast-check";
import { expect, test } from "vitest";

import { seed } from "../../../test/support/scale.ts";
import { StaggeredWindows } from "./windows.ts";

const lengths = fc.integer({ min: 1, max: 10_000_000_000 });
const times = fc.integer({ min: 0, max: 4_000_000_000_000 });

const windowsOf = (length: number) => new StaggeredWindows({ prefix: "p:", kind: "k", length, isReadFor: 1 });

test("every moment lies in one window, and the windows of an id follow each other without gaps", () => {
  fc.assert(
    fc.property(fc.string(), lengths, times, (id, length, now) => {
      const windows = windowsOf(length);
      const { number, endsAt } = windows.at(id, now);
      expect(endsAt).toBeGreaterThan(now);
      expect(endsAt - length).toBeLessThanOrEqual(now);
      expect(windows.at(id, endsAt - 1)).toEqual({ number, endsAt });
      expect(windows.at(id, endsAt)).toEqual({ number: number + 1, endsAt: endsAt + length });
    }),
    { seed },
  );
});

test("windows of different ids end at different times, spread over the length", () => {
  const windows = windowsOf(60_000);
  const ends = Array.from({ length: 1000 }, (_, index) => windows.at(`id${index}`, 0).endsAt);
  for (let tenth = 0; tenth < 10; tenth++) {
    const count = ends.filter((end) => Math.floor((end - 1) / 6000) === tenth).length;
    expect(count).toBeGreaterThan(50);
    expect(count).toBeLessThan(150);
  }
});

test("each id, window, length and kind has its own key, which shows none of them", () => {
  const keyOf = (id: string, number: number, length = 1000, kind = "fixed"): string =>
    new StaggeredWindows({ prefix: "p:", kind, length, isReadFor: 1 }).counter(id, number).key;
  const keys = [
    keyOf("ann", 1),
    keyOf("bob", 1),
    keyOf("ann", 2),
    keyOf("ann", 1, 2000),
    keyOf("ann", 1, 1000, "s"),
  ];
  expect(new Set(keys).size).toBe(5);
  expect(keyOf("ann", 1)).toMatch(/^p:[\w-]{43}$/);
  expect(keyOf("ann", 1)).toBe(keys[0]);
});

test("a counter lives for the windows that read it, and 5 seconds for clocks that differ", () => {
  const settings = { prefix: "p:", kind: "k", length: 60_000 };
  expect(new StaggeredWindows({ ...settings, isReadFor: 1 }).counter("a", 1).timeout).toBe(65);
  expect(new StaggeredWindows({ ...settings, isReadFor: 2 }).counter("a", 1).timeout).toBe(125);
});
