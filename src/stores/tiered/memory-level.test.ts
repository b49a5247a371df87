import { expect, test } from "vitest";

import { ENTRY_OVERHEAD } from "../memory/memory-cache-store.ts";
import { MemoryLevel } from "./memory-level.ts";

const valueOf = (level: MemoryLevel, key: string): string | undefined => {
  const kept = level.get(key);
  return kept && level.valueOf(kept).toString();
};

test("the values stay within maxBytes, and a larger one takes away that of its key", () => {
  const level = new MemoryLevel({ maxEntries: 100, maxBytes: 2 * (ENTRY_OVERHEAD + 2) + 10 }, "text");
  for (const key of ["a", "b", "c"]) level.set(key, "x", 0, 1);
  expect(["a", "b", "c"].map((key) => valueOf(level, key))).toEqual([undefined, "x", "x"]);
  level.set("c", "é".repeat(6), 0, 1);
  expect(["b", "c"].map((key) => valueOf(level, key))).toEqual([undefined, "éééééé"]);
  level.set("c", "x".repeat(1000), 0, 1);
  expect([valueOf(level, "c"), level.size]).toEqual([undefined, 0]);
});

test.for(["text", "bytes"] as const)("values are read as %s, and cannot be changed from outside", (form) => {
  const level = new MemoryLevel({ maxEntries: 2, maxBytes: undefined }, form);
  const bytes = Buffer.from("é1");
  level.set("k", bytes, 0, 1);
  bytes.fill(0);
  const kept = level.get("k");
  const value = kept && level.valueOf(kept);
  expect(value).toEqual(form === "bytes" ? Buffer.from("é1") : "é1");
  if (typeof value === "object") value.fill(0);
  expect(valueOf(level, "k")).toBe("é1");
});
