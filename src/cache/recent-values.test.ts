import { expect, test } from "vitest";

import { RecentValues } from "./recent-values.ts";

test("the values used last stay, and at most two generations of them", () => {
  const values = new RecentValues<number>(3);
  values.set("a", 0, 1);
  for (let n = 1; n <= 100; n++) {
    values.set(`n${n}`, n, 1);
    expect(values.get("a")).toBe(0);
  }
  const kept = Array.from({ length: 100 }, (_, at) => values.get(`n${at + 1}`)).filter(
    (each) => each !== undefined,
  );
  expect(kept.length).toBeLessThanOrEqual(5);
  expect(kept.at(-1)).toBe(100);
});

test("sizes count, and a value that exceeds a generation is not kept", () => {
  const values = new RecentValues<string>(10);
  values.set("large", "x", 11);
  expect(values.get("large")).toBeUndefined();
  values.set("a", "a", 10);
  values.set("b", "b", 10);
  expect([values.get("a"), values.get("b")]).toEqual(["a", "b"]);
  values.set("c", "c", 10);
  values.set("d", "d", 10);
  expect(["a", "b", "c", "d"].map((text) => values.get(text))).toEqual([undefined, undefined, "c", "d"]);
});

test("a value that is set again counts once, and a deleted one is gone from both generations", () => {
  const values = new RecentValues<number>(3);
  values.set("a", 1, 1);
  for (let n = 0; n < 100; n++) values.set("b", n, 1);
  expect([values.get("a"), values.get("b")]).toEqual([1, 99]);
  for (const text of ["c", "d"]) values.set(text, 0, 1);
  for (const text of ["a", "b", "c", "d"]) values.delete(text);
  expect(["a", "b", "c", "d"].map((text) => values.get(text))).toEqual(Array(4).fill(undefined));
});
