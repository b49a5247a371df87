import { describe, expect, test } from "vitest";

import { isMark, WRITER_TTL, withoutWriter, withWriter } from "./writers-mark.ts";

describe("the mark of writers", () => {
  test("names each writer until it is done; the last one removes the mark", () => {
    const one = withWriter(undefined, "one", 1000);
    const both = withWriter(one, "two", 2000);
    expect(isMark(one) && isMark(both)).toBe(true);
    expect(withoutWriter(both, "two")).toBe(one);
    expect(withoutWriter(withoutWriter(both, "one") ?? "", "two")).toBeUndefined();
  });

  test("does not change for a writer that it does not name", () => {
    const mark = withWriter(undefined, "one", 1000);
    expect(withoutWriter(mark, "two")).toBe(mark);
  });

  test("forgets a writer that should have been done long ago when another one comes", () => {
    const old = withWriter(undefined, "one", 1000);
    expect(withWriter(old, "two", 1000 + WRITER_TTL)).toBe(withWriter(undefined, "two", 1000 + WRITER_TTL));
    expect(withoutWriter(withWriter(old, "two", 999 + WRITER_TTL), "two")).toBe(old);
  });

  test("is not a record of any format", () => {
    for (const record of ["eyJ9:1r31eq:x", ".eJy:1r31eq:x", '{"a":1}', ""])
      expect(isMark(record)).toBe(false);
  });
});
