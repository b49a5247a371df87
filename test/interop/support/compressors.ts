import * as xz from "@napi-rs/lzma/xz";
import * as lz4 from "lz4-napi";
import { lz4Compressor, lzmaCompressor } from "sojourn";

export const LZ4 = "django_redis.compressors.lz4.Lz4Compressor";
export const LZMA = "django_redis.compressors.lzma.LzmaCompressor";

/** Compressors that Node's zlib does not have, by the class that Django names. */
export const COMPRESSORS = { [LZ4]: lz4Compressor(lz4), [LZMA]: lzmaCompressor(xz) };
