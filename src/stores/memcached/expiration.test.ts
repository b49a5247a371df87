import { expect, test } from "vitest";

import { ManualClock } from "../../testing/manual-clock.ts";
import { toDjangoExpiration, toExpiration, toKeptExpiration } from "./expiration.ts";

const DAY = 86_400;
const NOW = 1_700_000_000;

const clock = new ManualClock(NOW * 1000);

test.each([
  [null, 0],
  [1, 1],
  [0.4, 1],
  [1000, 1],
  [1000.000_1, 1],
  [1001, 2],
  [60_000, 60],
  [30 * DAY * 1000, 30 * DAY],
  [30 * DAY * 1000 + 1, NOW + 30 * DAY + 1],
  [10_000 * DAY * 1000, 0],
])("%d ms are written as Django writes them", (ttl, expiration) => {
  expect(toDjangoExpiration(ttl, clock)).toBe(expiration);
});

test.each([
  [-1, 0],
  [0, 1],
  [1, 1],
  [30 * DAY, 30 * DAY],
  [30 * DAY + 1, NOW + 30 * DAY + 1],
])("an item that has %d s left keeps them", (left, expiration) => {
  expect(toKeptExpiration(left, clock)).toBe(expiration);
});

test("an own form never ends before its time", () => {
  expect([1, 1000, 1001].map((ttl) => toExpiration(ttl, clock))).toEqual([2, 2, 3]);
});
