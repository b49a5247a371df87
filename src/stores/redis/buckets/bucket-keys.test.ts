import { describe, expect, test } from "vitest";

import { ImproperlyConfigured } from "../../../core/errors.ts";
import { newSessionKey } from "../../../core/ids.ts";
import { checkBucketKeys } from "../key-generator-checks.ts";
import { type BucketKeyGenerators, BucketKeys, DEFAULT_GENERATORS } from "./bucket-keys.ts";

const KEY = "abc0123456789abcdefghijklmnopqrs";

const keysWith = (generators: BucketKeyGenerators = {}) =>
  new BucketKeys("shop:session:", generators, "store");

const refusalOf = (generators: object): string => {
  try {
    keysWith(generators);
  } catch (error) {
    if (error instanceof ImproperlyConfigured) return error.message;
    throw error;
  }
  return "accepted";
};

describe("the keys of buckets", () => {
  test("by default, the hash is named after three characters, and the field is the rest", () => {
    expect(keysWith().keysOf(KEY)).toEqual({ hash: "shop:session:abc", field: KEY.slice(3) });
  });

  test("the defaults pass the check of generators, and their fields have the built-in length", () => {
    expect(checkBucketKeys(DEFAULT_GENERATORS, "store")).toBe(keysWith().fieldLength);
  });

  test.each<[string, BucketKeyGenerators]>([
    ["the defaults", {}],
    [
      "a field that is the whole key",
      { hashKeyGenerator: (key) => key.slice(-2), keyGenerator: (key) => key },
    ],
    [
      "two characters in front",
      { hashKeyGenerator: (key) => key.slice(0, 2), keyGenerator: (key) => key.slice(2) },
    ],
    [
      "three functions",
      {
        hashKeyGenerator: (key) => `h${key.slice(0, 2)}`,
        keyGenerator: (key) => `s:${key.slice(2)}`,
        sessionKeyOf: (hashKey, field) => hashKey.slice(1) + field.slice(2),
      },
    ],
  ])("the key is restored from its place: %s", (_, generators) => {
    const keys = keysWith(generators);
    const key = newSessionKey();
    expect(keys.keyAt(keys.keysOf(key))).toBe(key);
  });

  test.each([
    ["a field that is too short", { hash: "shop:session:abc", field: "short" }],
    ["another cut of the same key", { hash: "shop:session:ab", field: KEY.slice(2) }],
    ["a whole key", { hash: "shop:session:abc", field: KEY }],
    ["characters that no key has", { hash: "shop:session:abc", field: KEY.slice(3).toUpperCase() }],
  ])("a foreign place has no key: %s", (_, place) => {
    expect(keysWith().keyAt(place)).toBeUndefined();
  });

  test("a field whose inverse throws is treated as foreign", () => {
    const sessionKeyOf = (hashKey: string, field: string) => {
      if (field.length !== 29) throw new RangeError("not mine");
      return hashKey + field;
    };
    expect(keysWith({ sessionKeyOf }).keyAt({ hash: "shop:session:abc", field: "x" })).toBeUndefined();
  });

  test("the length of fields is 0 if it varies", () => {
    const keyGenerator = (key: string) => (key.startsWith("a") ? key : `x${key}`);
    const sessionKeyOf = (_: string, field: string) => field.slice(-32);
    expect(keysWith({ keyGenerator, sessionKeyOf }).fieldLength).toBe(0);
  });
});

describe("generators that cannot work are refused, by name", () => {
  const whole = (key: string) => key;

  test.each<[string, string, object]>([
    ["one hash for all", "store.hashKeyGenerator: expected it to spread", { hashKeyGenerator: () => "all" }],
    [
      "most keys in one hash",
      "the largest with",
      { hashKeyGenerator: (key: string) => (key < "t" ? "low" : key.slice(0, 2)), keyGenerator: whole },
    ],
    [
      "a hash for each key",
      "store.hashKeyGenerator: expected sessions to share hashes",
      { hashKeyGenerator: whole, keyGenerator: whole },
    ],
    [
      "an omitted character",
      "store.keyGenerator: expected a different field",
      { hashKeyGenerator: (key: string) => key.slice(0, 2) },
    ],
    [
      "a field that is cut",
      "store.keyGenerator: expected a different field",
      { keyGenerator: (key: string) => key.slice(3, -1) },
    ],
    [
      "no way back",
      "store.sessionKeyOf: expected the session key",
      { keyGenerator: (key: string) => `s:${key}` },
    ],
    [
      "a wrong way back",
      "store.sessionKeyOf: expected the session key",
      { sessionKeyOf: (hash: string) => hash },
    ],
    [
      "an empty name",
      "store.hashKeyGenerator: expected it to return a text that is not empty",
      { hashKeyGenerator: () => "" },
    ],
    [
      "a number",
      "store.keyGenerator: expected it to return a text that is not empty, got 5",
      { keyGenerator: () => 5 },
    ],
    ["a lone surrogate", "a text with a lone surrogate", { keyGenerator: (key: string) => `${key}\ud800` }],
    [
      "another text each time",
      "store.hashKeyGenerator: expected it to return the same",
      { hashKeyGenerator: () => newSessionKey().slice(0, 3) },
    ],
    [
      "one that throws",
      "store.keyGenerator: expected it to work for every key",
      {
        keyGenerator: () => {
          throw new Error("no");
        },
      },
    ],
  ])("%s", (_, message, generators) => {
    expect(refusalOf(generators)).toContain(message);
  });
});
