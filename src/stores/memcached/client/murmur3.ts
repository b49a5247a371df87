/** A code point of two units, of which Python counts one. */
const ASTRAL = /[\ud800-\udbff]/;

/**
 * Returns MurmurHash3 (x86, 32 bits, seed 0) of a text, as pymemcache computes it: of the low byte of
 * each code point.
 */
export function murmur3(text: string): number {
  return ASTRAL.test(text) ? hashUnits(toLowBytes(text)) : hashUnits(text);
}

function hashUnits(text: string): number {
  const rounded = text.length & ~3;
  let hash = 0;
  for (let at = 0; at < rounded; at += 4) {
    const block =
      byteAt(text, at) |
      (byteAt(text, at + 1) << 8) |
      (byteAt(text, at + 2) << 16) |
      (byteAt(text, at + 3) << 24);
    hash = Math.imul(rotate(hash ^ scramble(block), 13), 5) + 0xe6546b64;
  }
  let tail = 0;
  for (let at = text.length - 1; at >= rounded; at--) tail = (tail << 8) | byteAt(text, at);
  hash ^= scramble(tail);
  hash ^= text.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function toLowBytes(text: string): string {
  return Array.from(text, (point) => String.fromCharCode((point.codePointAt(0) ?? 0) & 0xff)).join("");
}

function scramble(block: number): number {
  return Math.imul(rotate15(Math.imul(block, 0xcc9e2d51)), 0x1b873593);
}

function rotate15(value: number): number {
  return (value << 15) | (value >>> 17);
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

function byteAt(text: string, at: number): number {
  return text.charCodeAt(at) & 0xff;
}
