import type { RedisArgument } from "./commands.ts";

/**
 * The slot of a cluster that a key lies in, from 0 to 16383: CRC16 (XMODEM) of the key's bytes, or of its
 * hash tag, which is what stands in its first braces.
 *
 * Source: Redis cluster specification, "Key distribution model" and "Hash tags".
 */
export function slotOf(key: RedisArgument): number {
  return crc16(bytesOf(hashTagOf(key))) % SLOTS;
}

/** Whether a part of the key alone decides its slot. */
export function hasHashTag(key: string): boolean {
  return hashTagOf(key) !== key;
}

/** How many slots a cluster has. */
export const SLOTS = 16_384;

/** CRC16 (XMODEM) of bytes, continued from those before them. */
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
