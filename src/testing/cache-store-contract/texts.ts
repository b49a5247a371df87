import assert from "node:assert/strict";

import type { CacheStore, StoredValue } from "../../stores/cache-store.ts";

/**
 * Wraps a store so that its values are read as texts: the same tests then serve for stores of texts
 * and of bytes. Fails if a value is not in the form in which the store should read values.
 */
export function withTexts(store: CacheStore, values: "text" | "bytes"): CacheStore {
  const toText = (value: StoredValue): string => {
    if (values === "bytes") assert.ok(Buffer.isBuffer(value), "expected all values to be read as bytes");
    else assert.ok(typeof value === "string", "expected all values to be read as text");
    return value.toString();
  };
  const toTextIfThere = (value: StoredValue | undefined) => (value === undefined ? undefined : toText(value));
  const getSync = (key: string) => {
    const value = store.getSync?.(key);
    return value === null ? null : toTextIfThere(value);
  };
  const texts: Partial<CacheStore> = {
    get: async (...args) => toTextIfThere(await store.get(...args)),
    ...(store.getSync && { getSync }),
    getMany: async (...args) => (await store.getMany(...args)).map(toTextIfThere),
    takeMany: async (...args) => (await store.takeMany(...args)).map(toTextIfThere),
    ensureMany: async (...args) => (await store.ensureMany(...args)).map(toText),
    touchHeadless: async (...args) =>
      (await store.touchHeadless(...args)).map((each) =>
        typeof each === "boolean" ? each : { ...each, head: toText(each.head) },
      ),
    async lease(...args) {
      const result = await store.lease(...args);
      return result.status === "found" ? { ...result, value: toText(result.value) } : result;
    },
    async fill(...args) {
      const result = await store.fill(...args);
      return result.status === "superseded" ? { ...result, value: toTextIfThere(result.value) } : result;
    },
  };
  return new Proxy(store, {
    get(target, name) {
      const method: unknown = Reflect.get(texts, name) ?? Reflect.get(target, name);
      return typeof method === "function" ? (method as () => unknown).bind(target) : method;
    },
  });
}
