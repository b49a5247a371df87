import { describe, expect, it } from "vitest";

import { slotOf } from "../../redis/key-slot.ts";
import { isLeaseKey, leaseKeyOf } from "./lease-key.ts";

describe("the key of a lease", () => {
  it.each(["k", "shop:1:k", "shop:1:{user}:k", "{a}", "{a}{b}", "a}{b}", "é{ž}\n", "~lease", "x~lease", "a~{b"])(
    "begins with that of its entry and is known as one: %s",
    (key) => {
      expect(leaseKeyOf(key).startsWith(key)).toBe(true);
      expect(leaseKeyOf(key)).not.toBe(key);
      expect(isLeaseKey(leaseKeyOf(key))).toBe(true);
      expect(isLeaseKey(key)).toBe(false);
    },
  );

  it.each(["k", "shop:1:k", "shop:1:{user}:k", "{a}", "{a}{b}", "a}{b}", "é{ž}\n", "x~lease"])(
    "lies in the slot of the entry: %s",
    (key) => expect(slotOf(leaseKeyOf(key))).toBe(slotOf(key)),
  );

  it.each(["a}b", "a{b", "a{}b"])("lies in another slot where braces make no hash tag: %s", (key) => {
    expect(slotOf(leaseKeyOf(key))).not.toBe(slotOf(key));
    expect(isLeaseKey(leaseKeyOf(key))).toBe(true);
  });

  it.each(["a~{b}", "a~{ab}", "aa~{a}", "lease", "k~leas", "k~lease2", "}", "~{", "a~{a} "])(
    "no other key is taken for one: %s",
    (key) => expect(isLeaseKey(key)).toBe(false),
  );
});
