/** Compresses records synchronously: `zlibCompressor()`, or a wrapper of snappy, zstd or lz4. */
export interface RecordCompressor {
  compress(bytes: Uint8Array): Uint8Array;
  /**
   * @param maxBytes Maximum size of the result. A compressor that cannot stop there may return
   * more: it is refused afterwards.
   * @throws Anything if the bytes cannot be read.
   */
  decompress(bytes: Uint8Array, maxBytes: number): Uint8Array;
}
