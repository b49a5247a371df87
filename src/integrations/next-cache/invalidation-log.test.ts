import { expect, test } from "vitest";

import { InvalidationLog } from "./invalidation-log.ts";

test("tells what was known before a time, and nothing of what came later", () => {
  const log = new InvalidationLog();
  expect(log.before(1000)).toBeUndefined();
  log.note(7, 1000);
  log.note(7, 1500);
  log.note(9, 2000);
  expect([999, 1000, 1999, 2000, 9000].map((time) => log.before(time))).toEqual([undefined, 7, 7, 9, 9]);
});

test("keeps the newest of observations that are close to each other, and the first before it", () => {
  const log = new InvalidationLog();
  for (const [count, at] of [
    [1, 0],
    [2, 100],
    [3, 200],
    [4, 240],
  ] as const)
    log.note(count, at);
  expect([0, 100, 239, 240].map((time) => log.before(time))).toEqual([1, 1, 1, 4]);
});

test("reaches back four minutes, however often something is invalidated", () => {
  const log = new InvalidationLog();
  for (let at = 0; at < 600_000; at += 10) log.note(at, at);
  expect(log.before(599_990 - 240_000)).toBeGreaterThan(599_990 - 240_000 - 500);
  expect(log.before(0)).toBeUndefined();
});
