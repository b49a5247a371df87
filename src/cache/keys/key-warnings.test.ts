import { setImmediate } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { createSojourn } from "../../create-sojourn.ts";
import { memoryCacheStore } from "../../stores/memory/index.ts";
import type { CacheSettings } from "../index.ts";

function openLock(settings: CacheSettings | undefined, key = "l"): void {
  const caches = settings === undefined ? undefined : { default: settings };
  const base = { projectName: "shop", secretKey: "s".repeat(32) };
  // Makes a key without calling the store.
  createSojourn({ ...base, ...(caches && { caches }) }).caches.default.lock(key, { timeout: 1 });
}

// Each warning comes once a process, so the cases without one come first, in this one test.
test("warnings of keys come once, where other applications may share them, and show no key", async () => {
  const seen: Error[] = [];
  const note = (warning: Error): void => void seen.push(warning);
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  openLock({ keyPrefix: "shop" });
  openLock({ keyPrefix: "" });
  openLock({ store: memoryCacheStore() });
  openLock({ keyFunction: (key) => `mine:${key}` });
  await setImmediate();
  expect(seen).toEqual([]);
  for (const key of ["pin 4711", "pin 4712"]) openLock(undefined, key);
  await setImmediate();
  expect(seen).toMatchObject([{ code: "SOJOURN_NO_KEY_PREFIX" }, { code: "SOJOURN_CACHE_KEY" }]);
  expect(seen.map(({ message }) => message).join()).toContain("caches.default has no keyPrefix");
  expect(seen.map(({ message }) => message).join()).not.toContain("pin");
});
