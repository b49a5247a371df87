import { ImproperlyConfigured } from "../core/errors.ts";
import type { CacheStore, CacheStoreCapabilities } from "../stores/cache-store.ts";
import type { CacheKeySettings } from "./keys/keys.ts";

/**
 * Checks that a store has a capability.
 *
 * @param path Path of the cache's settings, such as `caches.default`.
 * @throws {ImproperlyConfigured}
 */
export function requireCapability(
  store: CacheStore,
  capability: keyof CacheStoreCapabilities,
  feature: string,
  path: string,
): void {
  if (store.capabilities[capability]) return;
  const message = `the store "${store.name}" does not have the capability "${capability}", which ${feature} needs.`;
  throw new ImproperlyConfigured(`${path}.store`, message);
}

/**
 * Checks that the keys of the cache are known and can be found.
 *
 * @throws {ImproperlyConfigured}
 */
export function checkClearable(
  { keyPrefix, keyFunction }: CacheKeySettings,
  store: CacheStore,
  path: string,
): void {
  if (keyFunction !== undefined) {
    const message = "with a key function of your own, clear() cannot know which keys are this cache's.";
    throw new ImproperlyConfigured(`${path}.keyFunction`, `${message} Delete entries by their keys.`);
  }
  if (keyPrefix === "") {
    const message = "clear() deletes all keys with the prefix of the cache, so the prefix must not be empty.";
    throw new ImproperlyConfigured(`${path}.keyPrefix`, message);
  }
  requireCapability(store, "scan", "clear()", path);
}
