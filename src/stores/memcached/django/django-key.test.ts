import { describe, expect, test } from "vitest";

import { CacheUsageError } from "../../../core/errors.ts";
import { entryItem, leaseItem, lockItem } from "./django-key.ts";

describe("keys as Django's clients send them", () => {
  test.each(["myproject:1:a", "myproject:1:é", "x".repeat(250), "é".repeat(125)])(
    "%s is sent as it is, to the server of the key",
    (key) => {
      expect(entryItem(key)).toEqual({ text: key, isBinary: false, serverOf: key });
    },
  );

  test.each(["x".repeat(251), "é".repeat(126), "a b", "a\n", "\0", "\u007f", "\t"])(
    "%o is refused, and not shown",
    (key) => {
      expect(() => entryItem(key)).toThrow(CacheUsageError);
      expect(() => entryItem(key)).toThrow(/^A cache key has (?:more than 250 bytes|a space)[^xé]+/);
    },
  );

  test("leases and locks are on the server of the key, under keys that no entry has", () => {
    for (const key of ["a", "x".repeat(250)]) {
      const items = [leaseItem(key), lockItem(key)];
      for (const item of items) expect(item).toMatchObject({ isBinary: true, serverOf: key });
      expect(items[0]?.text).not.toBe(items[1]?.text);
    }
  });
});
