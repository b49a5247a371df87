import { describe, expect, test } from "vitest";

import { anyDeadline, openCache } from "../../../test/support/cache-harness.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { zlibCompressor } from "./compression.ts";
import { TaggedJsonSerializer } from "./serializers.ts";

describe("serializer and compression", () => {
  test("a serializer decides the stored form of values", async () => {
    const { cache, raw } = openCache({ serializer: TaggedJsonSerializer });
    const at = new Date(0);
    await cache.set("a", { at, tags: new Set(["x"]) });
    expect(await cache.get("a")).toEqual({ at, tags: new Set(["x"]) });
    expect(JSON.parse((await raw("shop:1:a")) ?? "")).toBeTypeOf("object");
    expect(await cache.getOrSet("b", () => at)).toEqual(at);
  });

  test("a value of a custom serializer that begins like a header is still read back", async () => {
    const serializer = {
      dump: (value: unknown) => `~{${String(value)}`,
      load: (text: string) => text.slice(2),
    };
    const { cache } = openCache({ serializer });
    await cache.set("a", "b}\nc");
    expect(await cache.get("a")).toBe("b}\nc");
  });

  test("an entry that the serializer cannot read is corrupt", async () => {
    const serializer = {
      dump: String,
      load: () => {
        throw new RangeError("no");
      },
    };
    const { cache } = openCache({ serializer });
    await cache.set("a", 1);
    await expect(cache.get("a")).rejects.toThrow("the serializer refuses it");
  });

  test("compression shortens long values, keeps integers as digits, and reads uncompressed values", async () => {
    const { cache, store, putRaw } = openCache({ compression: zlibCompressor() });
    const long = "abc".repeat(1000);
    await cache.set("a", long);
    await cache.getOrSet("b", () => long, { tags: ["red"], stale: 5 });
    await cache.set("n", 41);
    expect(await cache.incr("n")).toBe(42);
    await putRaw("shop:1:plain", '{"by": "python"}');
    expect(await cache.getMany(["a", "b", "n", "plain"])).toEqual(
      new Map<string, unknown>([
        ["a", long],
        ["b", long],
        ["n", 42],
        ["plain", { by: "python" }],
      ]),
    );
    for (const key of ["a", "b"])
      expect((await store.get(`shop:1:${key}`, anyDeadline()))?.length).toBeLessThan(200);
    await cache.invalidateTags(["red"]);
    expect(await cache.get("b")).toBeUndefined();
  });
});

describe("frozen", () => {
  test("equal entries give the same deeply frozen value; a changed entry gives another", async () => {
    const { cache, other } = openCache({ frozen: true });
    await cache.set("a", { list: [{ n: 1 }] });
    const value = await cache.get<{ list: { n: number }[] }>("a");
    expect(await cache.get("a")).toBe(value);
    expect(await cache.getOrSet("a", () => null)).toBe(value);
    expect((await cache.getMany(["a"])).get("a")).toBe(value);
    expect([value, value?.list, value?.list[0]].map(Object.isFrozen)).toEqual([true, true, true]);
    await other().set("a", { list: [{ n: 2 }] });
    expect(await cache.get("a")).toEqual({ list: [{ n: 2 }] });
    expect(Object.isFrozen(await cache.getOrSet("b", () => ({ c: [] })))).toBe(true);
    expect(await cache.getOrSet("c", () => "text")).toBe("text");
  });

  test("a list of 150 000 items is frozen like any other", async () => {
    const { cache } = openCache({ frozen: true });
    await cache.set(
      "a",
      Array.from({ length: 150_000 }, (_, index) => (index === 149_999 ? { n: 1 } : index)),
    );
    const list = await cache.get<unknown[]>("a");
    expect(list).toHaveLength(150_000);
    expect([list, list?.at(-1)].map(Object.isFrozen)).toEqual([true, true]);
  });

  test("is for JSON only", () => {
    expect(() => openCache({ frozen: true, serializer: TaggedJsonSerializer })).toThrow(
      "caches.default.frozen: expected false with a serializer other than JsonSerializer",
    );
  });
});

test("compressed bytes that begin like a header are distinguished from one", async () => {
  const compressor = {
    compress: (bytes: Uint8Array) => Buffer.concat([Buffer.from("~{"), bytes.subarray(0, 5)]),
    decompress: (bytes: Uint8Array) => Buffer.from(`"${"x".repeat(bytes.length * 10)}"`),
    recognizes: (bytes: Uint8Array) => bytes[0] === 0x7e,
  };
  const { cache } = openCache({ compression: compressor });
  await cache.set("a", "x".repeat(70));
  expect(await cache.get("a")).toBe("x".repeat(70));
});

test.each([[5], [undefined], ["\ud800"]])(
  "a serializer that returns %j is refused, and nothing is stored",
  async (given) => {
    const { cache } = openCache({ serializer: { dump: () => given as string, load: String } });
    await expect(cache.set("a", 1)).rejects.toThrow(CacheUsageError);
    expect(await cache.ttl("a")).toBeUndefined();
  },
);
