import { describe, expect, test } from "vitest";

import { toKeyPattern } from "./key-patterns.ts";

describe("patterns of keys, as Redis reads them", () => {
  test.each<[string, string, boolean]>([
    ["*", "", true],
    ["*", "a\nb", true],
    ["user:*", "user:1", true],
    ["user:*", "users:1", false],
    ["a?c", "abc", true],
    ["a?c", "a\u{1F36A}c", true],
    ["a?c", "ac", false],
    ["h[ae]llo", "hallo", true],
    ["h[ae]llo", "hillo", false],
    ["h[a-c]llo", "hbllo", true],
    ["h[^e]llo", "hallo", true],
    ["h[^e]llo", "hello", false],
    ["a\\*", "a*", true],
    ["a\\*", "ab", false],
    ["a[b", "a[b", true],
    ["a]b", "a]b", true],
    ["[\\]]", "]", true],
    ["(a|b)+", "(a|b)+", true],
    ["(a|b)+", "a", false],
    ["a.c", "abc", false],
    ["^a$", "^a$", true],
    ["/a{1}", "/a{1}", true],
  ])("%j and %j: %s", (pattern, key, matches) => {
    expect(toKeyPattern(pattern).matches(key)).toBe(matches);
  });

  test.each([
    ["user:1", "user:1"],
    ["user:*:x", "user:"],
    ["\\*a", ""],
    ["[a]", ""],
  ])("all keys that %j matches begin with %j", (pattern, head) => {
    expect(toKeyPattern(pattern).head).toBe(head);
  });
});
