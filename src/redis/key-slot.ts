/**
 * The slot of a cluster that a key lies in, from 0 to 16383: CRC16 (XMODEM) of the key's UTF-8, or of its
 * hash tag, which is what stands in its first braces.
 *
 * Source: Redis cluster specification, "Key distribution model" and "Hash tags".
 */
export function slotOf(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashTagOf(key))) {
    crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ byte] ?? 0);
  }
  return crc % 16_384;
}

/** Whether a part of the key alone decides its slot. */
export function hasHashTag(key: string): boolean {
  return hashTagOf(key) !== key;
}

function hashTagOf(key: string): string {
  const start = key.indexOf("{");
  if (start === -1) return key;
  const end = key.indexOf("}", start + 1);
  return end <= start + 1 ? key : key.slice(start + 1, end);
}

const POLYNOMIAL = 0x1021;
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1) & 0xffff;
  return crc;
});
