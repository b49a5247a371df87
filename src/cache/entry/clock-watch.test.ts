import { setImmediate } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";

import { type Cache, createCaches } from "../index.ts";
import { RedisRegistry } from "../../redis/registry.ts";
import { memoryCacheStore } from "../../stores/memory/index.ts";
import { ManualClock } from "../../testing/manual-clock.ts";

const SECOND = 1000;

/** Two processes with one cache; the clock of the first is ahead. */
function openTwo(ahead: number, name: string) {
  const now = Date.UTC(2026, 0, 1);
  const [first, second] = [new ManualClock(now + ahead), new ManualClock(now)];
  const redis = new RedisRegistry();
  // The store has its own clock, as Redis does.
  const store = memoryCacheStore()({ redis, clock: second });
  const open = (clock: ManualClock) =>
    createCaches(
      { [name]: { keyPrefix: "shop", store: () => store } },
      { projectName: "shop", redis, clock },
    )[name] as Cache;
  const seen: string[] = [];
  const note = (warning: Error & { code?: string }): void => {
    if (warning.code === "SOJOURN_CLOCKS_DIFFER" && warning.message.startsWith(`caches.${name} `))
      seen.push(warning.message);
  };
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  const advance = (span: number) => [first, second].forEach((clock) => clock.advance(span));
  return { writer: open(first), reader: open(second), advance, seen };
}

test("an entry from the future is reported once, with the difference of the clocks and without its key", async () => {
  const { writer, reader, seen } = openTwo(1800 * SECOND, "ahead");
  await writer.set("plain", 1);
  await reader.get("plain");
  await setImmediate();
  expect(seen).toEqual([]);
  for (const key of ["pin 4711", "pin 4712"]) {
    await writer.getOrSet(key, () => "secret", { timeout: 60, staleIfError: 3600 });
    expect(await reader.get(key)).toBe("secret");
  }
  await reader.getMany(["pin 4711"]);
  expect(await writer.get("pin 4711")).toBe("secret");
  await setImmediate();
  expect(seen).toHaveLength(1);
  expect(seen[0]).toContain("caches.ahead has an entry that was written 1800 s in the future");
  expect(seen[0]).not.toMatch(/pin|secret/);
});

test("such an entry is fresh for no longer than its timeout from the first read, and its age is 0", async () => {
  const { writer, reader, advance } = openTwo(1800 * SECOND, "bounded");
  const options = { timeout: 60, staleIfError: 6000 };
  await writer.getOrSet("k", () => "old", options);
  expect(await reader.peek("k")).toMatchObject({ age: 0, state: "fresh" });
  advance(59 * SECOND);
  expect(await reader.get("k")).toBe("old");
  advance(2 * SECOND);
  expect(await reader.get("k")).toBeUndefined();
  expect([await reader.has("k"), await reader.touch("k", 60)]).toEqual([false, false]);
  advance(1790 * SECOND); // it is not from the future any more
  expect(await reader.get("k")).toBeUndefined();
  expect(await reader.getOrSet("k", () => "new", options)).toBe("new");
  expect(await reader.get("k")).toBe("new");
});

test("an entry touched by a process with a correct clock is fresh for the time of the touch", async () => {
  const { writer, reader, advance } = openTwo(1800 * SECOND, "touched");
  await writer.getOrSet("k", () => 1, { timeout: 60, staleIfError: 6000 });
  expect([await reader.get("k"), await reader.touch("k", 600)]).toEqual([1, true]);
  advance(599 * SECOND);
  expect(await reader.get("k")).toBe(1);
  advance(2 * SECOND);
  expect(await reader.get("k")).toBeUndefined();
});

test("an entry that was not read before is fresh for no longer than the store keeps it", async () => {
  const { writer, reader, advance } = openTwo(1800 * SECOND, "unread");
  await writer.getOrSet("k", () => 1, { timeout: 60, staleIfError: 600 });
  advance(659 * SECOND);
  expect(await reader.get("k")).toBe(1);
  advance(2 * SECOND);
  expect(await reader.get("k")).toBeUndefined();
});

test("a thousand such entries are remembered", async () => {
  const { writer, reader, advance } = openTwo(1800 * SECOND, "many");
  const keys = Array.from({ length: 1100 }, (_, index) => `k${index}`);
  await writer.getOrSetMany(keys, () => new Map(keys.map((key) => [key, 1])), {
    timeout: 60,
    staleIfError: 6000,
  });
  expect((await reader.getMany(keys)).size).toBe(1100);
  advance(61 * SECOND);
  expect((await reader.getMany(keys.slice(100))).size).toBe(0);
});

test.each([-1800 * SECOND, -5000, 0, 4999])("a writer that is %i ms ahead is not reported", async (ahead) => {
  const { writer, reader, seen } = openTwo(ahead, `near${ahead}`);
  await writer.getOrSet("k", () => 1, { timeout: 3600, stale: 3600 });
  await reader.get("k");
  await setImmediate();
  expect(seen).toEqual([]);
});
