import type { RedisArgument } from "./commands.ts";

/**
 * Returns the slot of a key in a cluster, from 0 to 16383: CRC16 (XMODEM) of the key's bytes, or of
 * its hash tag, the part within its first braces.
 *
 * Source: Redis cluster specification, "Key distribution model" and "Hash tags".
 */
export function slotOf(key: RedisArgument): number {
  return crc16(bytesOf(hashTagOf(key))) % SLOTS;
}

/** Returns whether only a part of the key decides its slot. */
export function hasHashTag(key: string): boolean {
  return hashTagOf(key) !== key;
}

/** Number of slots of a cluster. */
export const SLOTS = 16_384;

/** Returns the CRC16 (XMODEM) of bytes, continued from those before them. */
export function crc16(bytes: Uint8Array, before = 0): number {
  let crc = before;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ byte] ?? 0);
  return crc;
}

function bytesOf(key: RedisArgument): Buffer {
  return typeof key === "string" ? Buffer.from(key) : key;
}

function hashTagOf(key: RedisArgument): RedisArgument {
  const start = key.indexOf("{");
  if (start === -1) return key;
  const end = key.indexOf("}", start + 1);
  if (end <= start + 1) return key;
  return typeof key === "string" ? key.slice(start + 1, end) : key.subarray(start + 1, end);
}

const POLYNOMIAL = 0x1021;
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1) & 0xffff;
  return crc;
});
