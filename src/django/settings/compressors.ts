import {
  type CacheCompressor,
  gzipCompressor,
  isCacheCompressor,
  zlibCompressor,
} from "../../cache/entry/compression.ts";
import { hasZstd, zstdCompressor } from "../../cache/entry/compressors.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";

/** Compressors by the path of a class of Python, or by a module of it. */
export type DjangoCompressors = Readonly<Record<string, CacheCompressor>>;

const IDENTITY = "django_redis.compressors.identity.IdentityCompressor";

const BUILT_IN: ReadonlyMap<unknown, () => CacheCompressor> = new Map([
  ["django_redis.compressors.zlib.ZlibCompressor", () => zlibCompressor()],
  ["django_redis.compressors.gzip.GzipCompressor", () => gzipCompressor()],
  ...(hasZstd ? ([["django_redis.compressors.zstd.ZStdCompressor", () => zstdCompressor()]] as const) : []),
]);

/** Returns whether a cache compresses nothing. */
export function isUncompressed(name: unknown): boolean {
  return (name ?? IDENTITY) === IDENTITY;
}

/**
 * Returns the compressor that a class of Python stands for; `undefined` if neither the application
 * has given it nor Node has it.
 *
 * @throws {ImproperlyConfigured} When what the application has given is no compressor.
 */
export function compressorOf(name: unknown, given: DjangoCompressors): CacheCompressor | undefined {
  if (typeof name !== "string" || !Object.hasOwn(given, name)) return BUILT_IN.get(name)?.();
  const compressor: unknown = given[name];
  if (isCacheCompressor(compressor)) return compressor;
  throw new ImproperlyConfigured(
    `compressors["${name}"]`,
    "expected a compressor such as lz4Compressor(library), with compress and decompress.",
  );
}
