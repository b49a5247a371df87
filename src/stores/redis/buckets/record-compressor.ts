/** Makes records smaller: `zlibCompressor()`, or what wraps snappy, zstd or lz4. Both methods are synchronous. */
export interface RecordCompressor {
  compress(bytes: Uint8Array): Uint8Array;
  /**
   * @param maxBytes Most that the result may have. A compressor that cannot stop there may return more: it is
   *   refused afterwards.
   * @throws Anything when the bytes cannot be read.
   */
  decompress(bytes: Uint8Array, maxBytes: number): Uint8Array;
}
