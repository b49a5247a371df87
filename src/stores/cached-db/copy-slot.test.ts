import { expect, test } from "vitest";

import { isAlone, isCopy, newClaim, withoutWriter, withWriter, SLOT_TTL } from "./copy-slot.ts";

const NOW = 1_700_000_000_000;

test("a record is a copy; claims and marks are not", () => {
  expect(isCopy("eyJhIjoxfQ:1r31eq:x")).toBe(true);
  expect(isCopy(newClaim())).toBe(false);
  expect(isCopy(withWriter(undefined, "a", NOW))).toBe(false);
});

test.each([undefined, "a copy", newClaim()])(
  "a writer that finds %s is alone, and leaves nothing",
  (held) => {
    const mark = withWriter(held, "a", NOW);
    expect(mark).toBe(withWriter(undefined, "a", NOW));
    expect(isAlone(mark)).toBe(true);
    expect(withoutWriter(mark, "a")).toBeUndefined();
  },
);

test("a mark that another writer has joined never again equals the mark of a single writer", () => {
  const alone = withWriter(undefined, "a", NOW);
  const both = withWriter(alone, "b", NOW + 1);
  const rest = withoutWriter(both, "b") ?? "";
  expect(isAlone(both)).toBe(false);
  expect(isAlone(rest)).toBe(false);
  expect(rest).not.toBe(alone);
  expect(withoutWriter(rest, "a")).toBeUndefined();
  expect(isAlone(withWriter(rest, "c", NOW + 2))).toBe(false);
});

test("a writer that is done leaves the mark of the others", () => {
  const all = ["a", "b", "c"].reduce<string | undefined>(
    (held, writer) => withWriter(held, writer, NOW),
    undefined,
  );
  const rest = withoutWriter(all ?? "", "b") ?? "";
  expect(withoutWriter(withoutWriter(rest, "a") ?? "", "c")).toBeUndefined();
});

test.each(["a copy", newClaim(), withWriter(undefined, "b", NOW)])(
  "a writer that finds %s instead of its mark removes it",
  (held) => expect(withoutWriter(held, "a")).toBeUndefined(),
);

test("a writer counts for 30 seconds", () => {
  const mark = withWriter(undefined, "a", NOW);
  expect(isAlone(withWriter(mark, "b", NOW + SLOT_TTL - 1))).toBe(false);
  expect(withWriter(mark, "b", NOW + SLOT_TTL)).toBe(withWriter(undefined, "b", NOW + SLOT_TTL));
});
