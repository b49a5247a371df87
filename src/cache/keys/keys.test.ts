import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";

import { scaled, seed } from "../../../test/support/scale.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { isCacheKey } from "../../stores/cache-store.ts";
import { CacheKeys, type KeyFunction } from "./keys.ts";

const keysOf = (keyPrefix = "shop", version = 1): CacheKeys =>
  new CacheKeys({ keyPrefix, version, keyFunction: undefined });

describe("the key of an entry", () => {
  // django-wire.md, section 4.
  test.each([
    ["", 1, "k", ":1:k"],
    ["myapp", 2, "user:42", "myapp:2:user:42"],
    ["myapp", 7, "k", "myapp:7:k"],
    ["", 1, "django.contrib.sessions.cachesk", ":1:django.contrib.sessions.cachesk"],
    ["a:b", -3, "é", "a:b:-3:é"],
  ])("with the prefix %j and version %j, %j is %j", (prefix, version, key, storageKey) => {
    expect(keysOf(prefix, version).of(key)).toEqual({ key, storageKey });
    expect(keysOf(prefix).of(key, version).storageKey).toBe(storageKey);
  });

  test("comes from the key function, with Django's three arguments, if there is one", () => {
    const keyFunction = vi.fn<KeyFunction>((key, prefix, version) => `${version}/${prefix}/${key}`);
    const keys = new CacheKeys({ keyPrefix: "shop", version: 1, keyFunction });
    expect(keys.of("k", 2)).toEqual({ key: "k", storageKey: "2/shop/k" });
    expect(keyFunction).toHaveBeenCalledExactlyOnceWith("k", "shop", 2);
  });

  test.each(["", undefined, 42])("is refused where the key function returns %j", (returned) => {
    const keys = new CacheKeys({ keyPrefix: "shop", version: 1, keyFunction: () => returned as string });
    expect(() => keys.of("k")).toThrow("What keyFunction returns has to be a text that is not empty");
  });

  test("of a tag is refused as that of an entry, also after it has been made", () => {
    const keys = keysOf();
    expect(keys.ofOwn("~tag:red").storageKey).toBe("shop:1:~tag:red");
    expect(() => keys.of("~tag:red")).toThrow("are reserved for tags");
    expect(keys.ofOwn("~tag:red")).toEqual({ key: "~tag:red", storageKey: "shop:1:~tag:red" });
  });

  test.each(["", undefined, null, 42, {}, ["k"], "\ud800", "a\udc00b"])("refuses the key %j", (key) => {
    expect(() => keysOf().of(key as string)).toThrow(CacheUsageError);
    expect(() => keysOf().ofMany(["good", key as string], undefined)).toThrow(CacheUsageError);
  });

  test("different keys or versions never share a storage key, and each is in the namespace of clear()", () => {
    vi.spyOn(process, "emitWarning").mockReturnValue();
    onTestFinished(() => void vi.restoreAllMocks());
    const text = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary-ascii" }));
    const prefix = fc.oneof(text, fc.constantFrom("a", "a:1", "1", ":"));
    const key = fc.oneof(text, fc.constantFrom("a", ":", "1:a", "1")).filter((each) => each !== "");
    const version = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(-1, 0, 1));
    fc.assert(
      fc.property(prefix, key, version, key, version, (ours, key1, version1, key2, version2) => {
        const [one, two] = [
          keysOf(ours).of(key1, version1).storageKey,
          keysOf(ours).of(key2, version2).storageKey,
        ];
        return (one === two) === (key1 === key2 && version1 === version2) && isCacheKey(one, ours);
      }),
      { seed, numRuns: scaled(500, 50_000) },
    );
  });
});

describe("a key that memcached would refuse", () => {
  // The process warns once, so each test has its own module.
  async function freshWarnings() {
    vi.resetModules();
    const { CacheKeys: Fresh } = await import("./keys.ts");
    const warn = vi.spyOn(process, "emitWarning").mockReturnValue();
    onTestFinished(() => void vi.restoreAllMocks());
    return { keys: new Fresh({ keyPrefix: "shop", version: 1, keyFunction: undefined }), warn };
  }

  test.each(["with space", "tab\t", "line\nend", "nul\0", "del\u007f"])(
    "is used, with a warning: %j",
    async (key) => {
      const { keys, warn } = await freshWarnings();
      expect(keys.of(key).storageKey).toBe(`shop:1:${key}`);
      expect(warn).toHaveBeenCalledExactlyOnceWith(
        expect.stringContaining("has a space or a control character"),
        {
          type: "CacheKeyWarning",
          code: "SOJOURN_CACHE_KEY",
        },
      );
    },
  );

  test("counts as too long from 251 characters on, prefix and version included", async () => {
    const { keys, warn } = await freshWarnings();
    keys.of("k".repeat(250 - "shop:1:".length));
    expect(warn).not.toHaveBeenCalled();
    keys.of("k".repeat(251 - "shop:1:".length));
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.stringContaining("is longer than 250 characters"),
      expect.anything(),
    );
  });

  test("is reported once per process", async () => {
    const { keys, warn } = await freshWarnings();
    for (const key of ["a b", "a b", "c d", "k".repeat(300)]) keys.of(key);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  test("is not a key of other letters, colons and quotes", async () => {
    const { keys, warn } = await freshWarnings();
    keys.of('é\u{1F36A}:"*?[]\\');
    expect(warn).not.toHaveBeenCalled();
  });
});
