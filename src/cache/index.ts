export { Cache, type CacheContext } from "./cache.ts";
export type { CacheEvents } from "./cache-events.ts";
export type { GetOptions, SetOptions, VersionOption } from "./cache-options.ts";
export type { CacheSettings } from "./cache-settings.ts";
export { type Caches, type CachesContext, type CachesSettings, closeCaches, createCaches } from "./caches.ts";
export type { KeyFunction } from "./keys.ts";
export type { Timeout } from "./timeouts.ts";
