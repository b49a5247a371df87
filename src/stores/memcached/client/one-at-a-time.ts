/**
 * Returns Jenkins's one-at-a-time hash of a text in UTF-8, as libmemcached computes it by default
 * (libhashkit/one_at_a_time.cc): its bytes are signed.
 */
export function oneAtATime(text: string): number {
  let hash = 0;
  for (const byte of new Int8Array(Buffer.from(text))) {
    hash = (hash + byte) | 0;
    hash = (hash + (hash << 10)) | 0;
    hash ^= hash >>> 6;
  }
  hash = (hash + (hash << 3)) | 0;
  hash ^= hash >>> 11;
  return (hash + (hash << 15)) >>> 0;
}
