export type { IncrOptions } from "./beginnings.ts";
export { Cache, type Peek, type PeekOptions, type ValuesByKey } from "./cache.ts";
export type { CacheContext } from "./cache-core.ts";
export type { CacheEvent, CacheEvents, CacheStats } from "./cache-events.ts";
export type {
  ClearOptions,
  ConditionalSetOptions,
  GetOptions,
  ReadOptions,
  SetOptions,
  VersionOption,
} from "./cache-options.ts";
export type { CacheSettings } from "./cache-settings.ts";
export { type Caches, type CachesContext, type CachesSettings, closeCaches, createCaches } from "./caches.ts";
export { EntryOperations } from "./entry-operations.ts";
export type { KeyFunction } from "./keys.ts";
export type { LoadContext, LoadDefaults, Loader, LoadOptions } from "./load-options.ts";
export type { Memoized, MemoizeOptions } from "./memoize.ts";
export type { Timeout } from "./timeouts.ts";
export {
  type CacheCompressor,
  type CompressionSettings,
  type DeflateOptions,
  gzipCompressor,
  zlibCompressor,
} from "./compression.ts";
export { type CacheSerializer, JsonSerializer, type NamingSerializer, TaggedJsonSerializer } from "./serializers.ts";
