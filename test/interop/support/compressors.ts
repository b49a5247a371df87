import * as lz4 from "lz4-napi";
import { lz4Compressor } from "sojourn";

export const LZ4 = "django_redis.compressors.lz4.Lz4Compressor";

/** Compressors that Node's zlib does not have, by the class that Django names. */
export const COMPRESSORS = { [LZ4]: lz4Compressor(lz4) };
