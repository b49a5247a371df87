export { Cache } from "./cache.ts";
export type { CacheContext } from "./cache-core.ts";
export type { CacheSettings } from "./cache-settings.ts";
export { type Caches, type CachesContext, type CachesSettings, closeCaches, createCaches } from "./caches.ts";
export {
  type CacheCompressor,
  type CompressionSettings,
  type DeflateOptions,
  gzipCompressor,
  zlibCompressor,
} from "./entry/compression.ts";
export { lz4Compressor, type Lz4Library } from "./entry/lz4-compressor.ts";
export { lzmaCompressor, type LzmaLibrary } from "./entry/lzma-compressor.ts";
export {
  brotliCompressor,
  type BrotliOptions,
  snappyCompressor,
  type SnappyLibrary,
  zstdCompressor,
  type ZstdOptions,
} from "./entry/compressors.ts";
export {
  type CacheSerializer,
  JsonSerializer,
  type NamingSerializer,
  TaggedJsonSerializer,
} from "./entry/serializers.ts";
export type { KeyFunction } from "./keys/keys.ts";
export type { LoadContext, LoadDefaults, Loader, LoadOptions } from "./load/load-options.ts";
export type { Memoized, MemoizeOptions } from "./load/memoize.ts";
export type { CacheEvent, CacheEvents, CacheStats } from "./monitor/cache-events.ts";
export type { IncrOptions } from "./operations/beginnings.ts";
export type { Peek } from "./operations/reads.ts";
export type { ValuesByKey } from "./operations/values.ts";
export type {
  ClearOptions,
  ConditionalSetOptions,
  GetOptions,
  PeekOptions,
  ReadOptions,
  SetOptions,
  VersionOption,
} from "./options/cache-options.ts";
export type { Timeout } from "./options/timeouts.ts";
