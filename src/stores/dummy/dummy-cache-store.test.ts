import { expect, test } from "vitest";

import { cacheSessionStore } from "../cache/index.ts";
import { createSojourn } from "../../create-sojourn.ts";
import { dummyCacheStore } from "./index.ts";

const secretKey = "a secret of the tests, long enough";

function open() {
  const { caches, close } = createSojourn({
    projectName: "test",
    secretKey,
    caches: { default: { store: dummyCacheStore(), keyPrefix: "test" } },
  });
  return { cache: caches.default, close };
}

test("nothing is stored: every read is a miss, every deletion finds nothing", async () => {
  const { cache, close } = open();
  await cache.set("k", "v");
  expect(await cache.add("k", "v")).toBe(true);
  expect(await cache.get("k")).toBeUndefined();
  expect(await cache.has("k")).toBe(false);
  expect(await cache.touch("k")).toBe(false);
  expect(await cache.delete("k")).toBe(false);
  await cache.setMany(new Map([["a", 1]]));
  expect(await cache.getMany(["a"])).toEqual(new Map());
  await expect(cache.incr("n")).rejects.toThrow(/not found|no entry|missing/i);
  await cache.clear();
  await close();
});

test("every load runs, one after the other, and its value is what the caller gets", async () => {
  const { cache, close } = open();
  let loads = 0;
  for (let call = 1; call <= 3; call++) expect(await cache.getOrSet("k", () => ++loads)).toBe(call);
  await close();
});

test("a lock excludes others of this process", async () => {
  const { cache, close } = open();
  const [one, other] = [cache.lock("l", { timeout: "10s" }), cache.lock("l", { timeout: "10s" })];
  expect(await one.acquire({ blocking: false })).toBe(true);
  expect(await other.acquire({ blocking: false })).toBe(false);
  await one.release();
  await close();
});

test("sessions in it are refused at start", () => {
  expect(() =>
    createSojourn({
      projectName: "test",
      secretKey,
      sessions: { store: cacheSessionStore({ store: dummyCacheStore() }) },
    }),
  ).toThrow(/compareAndSet|compare/);
});
