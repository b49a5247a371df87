import { types } from "node:util";
import { refuse } from "./refusal.ts";

const UUID = /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/;
// Input of Python's bytes.fromhex: ASCII white space is allowed between the bytes, not inside of
// one.
const HEX = /^(?:[ \t-\r]*[0-9a-fA-F]{2})*[ \t-\r]*$/;

/**
 * Writes a UUID as Python's `str(UUID(...))` does: 36 characters in lower case.
 *
 * @throws {CacheUsageError}
 */
export function dumpUuid(uuid: string): string {
  const match = typeof uuid === "string" ? UUID.exec(uuid.toLowerCase()) : null;
  if (match === null) throw refuse("a UUID, with or without hyphens", uuid);
  return match.slice(1).join("-");
}

/**
 * Reads a text of {@link dumpUuid} or of Python, and returns it unchanged.
 *
 * @throws {CacheUsageError} When it is no UUID.
 */
export function loadUuid(text: string): string {
  return dumpUuid(text);
}

/**
 * Writes a set as a list. Its members stay unchanged; `dump` converts them too.
 *
 * @throws {CacheUsageError}
 */
export function dumpSet<Member>(set: ReadonlySet<Member>): Member[] {
  if (!types.isSet(set)) throw refuse("a Set", set);
  return [...set];
}

/**
 * Reads a list as a set. Python writes its sets in an arbitrary order.
 *
 * @throws {CacheUsageError} When it is no list.
 */
export function loadSet<Member>(list: readonly Member[]): Set<Member> {
  if (!Array.isArray(list)) throw refuse("a list", list);
  return new Set(list as readonly Member[]);
}

/** Writes bytes as Python's `bytes.hex()` does. @throws {CacheUsageError} */
export function dumpBytes(bytes: Uint8Array | ArrayBuffer): string {
  if (types.isUint8Array(bytes))
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
  if (types.isAnyArrayBuffer(bytes)) return Buffer.from(bytes).toString("hex");
  throw refuse("a Uint8Array, a Buffer or an ArrayBuffer", bytes);
}

/**
 * Reads a text of {@link dumpBytes} or of Python, including upper case and spaces.
 *
 * @throws {CacheUsageError}
 */
export function loadBytes(hex: string): Uint8Array {
  if (typeof hex !== "string" || !HEX.test(hex)) throw refuse("bytes in hexadecimal digits", hex);
  return new Uint8Array(Buffer.from(hex.replaceAll(/[ \t-\r]+/g, ""), "hex"));
}

/**
 * Writes `"1"` or `"0"`, as Python does in `dump`.
 *
 * @throws {CacheUsageError} When it is no boolean.
 */
export function dumpBool(flag: boolean): "0" | "1" {
  if (typeof flag !== "boolean") throw refuse("true or false", flag);
  return flag ? "1" : "0";
}

/** Reads a text of {@link dumpBool}. As in Python, `"1"` is true and everything else is false. */
export function loadBool(text: unknown): boolean {
  return text === "1";
}
