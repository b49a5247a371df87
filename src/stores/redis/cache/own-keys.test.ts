import { describe, expect, test } from "vitest";

import { SLOTS, slotOf } from "../../../redis/key-slot.ts";
import { type OwnKind, ownKeyOf, ownKindOf } from "./own-keys.ts";

const KEYS = [
  "k",
  "shop:1:k",
  "shop:1:{user}:k",
  "{a}",
  "{a}{b}",
  "é{ž}\n",
  "x~lease",
  "x~{x}",
  "a\0lease{a}",
  "a}b",
  "a{b",
  "a{}b",
  "}{",
  "{}{a}",
  "a}{b}",
  "\u{ff}lease",
  "\u{fffd}lease",
];
const KINDS: readonly OwnKind[] = ["fence", "lease", "lock"];

describe.each(KINDS)("the key of a %s", (kind) => {
  test.each(KEYS)("begins with that of its entry, is recognised, and lies in its slot: %j", (key) => {
    const own = ownKeyOf(key, kind);
    expect(own.subarray(0, Buffer.byteLength(key)).toString()).toBe(key);
    expect(ownKindOf(own)).toBe(kind);
    expect(slotOf(own)).toBe(slotOf(key));
  });

  test("is invalid as UTF-8, so it is not a caller's key", () => {
    for (const key of KEYS)
      expect(Buffer.from(ownKeyOf(key, kind).toString())).not.toEqual(ownKeyOf(key, kind));
  });

  test("differs for each entry", () => {
    expect(new Set(KEYS.map((key) => ownKeyOf(key, kind).toString("latin1"))).size).toBe(KEYS.length);
  });
});

test("no key of an entry counts as one of the library's own", () => {
  for (const key of KEYS) expect(ownKindOf(Buffer.from(key))).toBeUndefined();
});

test("an ending leads into every slot", () => {
  const slots = new Set<number>();
  for (let at = 0; slots.size < 300; at++) {
    const key = `}${at}`;
    expect(slotOf(ownKeyOf(key, "lock"))).toBe(slotOf(key));
    slots.add(slotOf(key));
  }
  expect(Math.max(...slots)).toBeLessThan(SLOTS);
});
