import { createHash } from "node:crypto";
import { deflateSync, inflateSync } from "node:zlib";

import type { EpochMilliseconds } from "../../core/clock.ts";
import type { CellEntry } from "../cells.ts";
import { pickleScalar, unpickleScalar } from "../scalar-pickle.ts";

/** Suffix of an entry's file; Django's `cache_suffix`. */
export const ENTRY_SUFFIX = ".djcache";
export const LEASE_SUFFIX = ".lease";
export const LOCK_SUFFIX = ".held";

/** Mark of a file that says its key: the last bytes, after the key and its length. */
const MARK = Buffer.from("sjk1");
const TRAILER = 8;

/** Maximum size of an inflated value, in bytes. */
const MAX_INFLATED = 64 * 1024 * 1024;

/** `pickle.dumps` of a float in protocol 5: the bytes before the number. */
const FLOAT = Buffer.from("8005950a0000000000000047", "hex");
const FLOAT_LENGTH = FLOAT.length + 9;
const NEVER = Buffer.from("80054e2e", "hex");
const STOP = 0x2e;

/** An entry and its key; without one, Django has written the file. */
export interface CacheFile extends CellEntry {
  readonly key: string | undefined;
}

/** Returns the name of a key's file without a suffix, as Django has it. */
export function fileNameOf(key: string): string {
  return createHash("md5").update(key).digest("hex");
}

/**
 * Writes an entry as Django's file cache does: the pickle of the time of expiry, and the pickle of
 * the value, deflated. After it, where Django does not read, stands the key.
 */
export function writeCacheFile(key: string, { value, expiresAt }: CellEntry): Buffer {
  const name = Buffer.from(key);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(name.length);
  return Buffer.concat([writeExpiry(expiresAt), deflateSync(pickleScalar(value)), name, length, MARK]);
}

/**
 * Reads an entry. A value that is no scalar is returned as base64, which no serializer reads.
 *
 * @returns `undefined` for a file that is none of a cache.
 */
export function readCacheFile(bytes: Buffer): CacheFile | undefined {
  const expiry = readExpiry(bytes);
  if (expiry === undefined) return undefined;
  const { body, key } = splitTrailer(bytes.subarray(expiry.length));
  return { key, value: readValue(body), expiresAt: expiry.expiresAt };
}

function writeExpiry(expiresAt: EpochMilliseconds): Buffer {
  if (expiresAt === Number.POSITIVE_INFINITY) return NEVER;
  const number = Buffer.alloc(9);
  number.writeDoubleBE(expiresAt / 1000);
  number[8] = STOP;
  return Buffer.concat([FLOAT, number]);
}

function readExpiry(bytes: Buffer): { expiresAt: EpochMilliseconds; length: number } | undefined {
  if (bytes.subarray(0, NEVER.length).equals(NEVER))
    return { expiresAt: Number.POSITIVE_INFINITY, length: NEVER.length };
  const isFloat = bytes.subarray(0, FLOAT.length).equals(FLOAT) && bytes[FLOAT_LENGTH - 1] === STOP;
  if (!isFloat) return undefined;
  const expiresAt = bytes.readDoubleBE(FLOAT.length) * 1000;
  return Number.isNaN(expiresAt) ? undefined : { expiresAt, length: FLOAT_LENGTH };
}

function splitTrailer(bytes: Buffer): { body: Buffer; key: string | undefined } {
  const start = bytes.length - TRAILER;
  if (start < 0 || !bytes.subarray(start + 4).equals(MARK)) return { body: bytes, key: undefined };
  const end = start - bytes.readUInt32BE(start);
  if (end < 0) return { body: bytes, key: undefined };
  return { body: bytes.subarray(0, end), key: bytes.subarray(end, start).toString() };
}

function readValue(body: Buffer): Buffer {
  const scalar = inflate(body);
  return (scalar && unpickleScalar(scalar)?.value) ?? Buffer.from(body.toString("base64"));
}

function inflate(body: Buffer): Buffer | undefined {
  try {
    return inflateSync(body, { maxOutputLength: MAX_INFLATED });
  } catch {
    // Not deflated, cut, or more than a cache may hold: undecodable, like any pickle of an object.
    return undefined;
  }
}
