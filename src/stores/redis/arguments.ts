import type { Milliseconds } from "../../core/clock.ts";
import type { Etag } from "../../core/etag.ts";
import type { RedisArgument, ReplyForm } from "../../redis/commands.ts";
import type { StoredValue } from "../cache-store.ts";

/** Number of keys examined for one page of a scan: some tenths of a millisecond of Redis's time. */
export const SCAN_COUNT = 1000;

/**
 * Formats a time to live for `PX` and `PEXPIRE`, which take whole milliseconds, at least 1. Added
 * to the server's time it has to fit into 64 bits, which 2^53 - 1 does: 285 000 years.
 */
export function toRedisTtl(ttl: Milliseconds): string {
  return String(Math.min(Math.max(1, Math.ceil(ttl)), Number.MAX_SAFE_INTEGER));
}

/** Escapes a text for a pattern of `SCAN … MATCH`, so that it matches itself only. */
export function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]]/g, "\\$&");
}

/**
 * Returns the first and last position of the etag for Lua's `string.sub`, which counts from 1, or
 * from -1 backwards.
 */
export function luaRange({ start, text }: Etag): [string, string] {
  const first = start < 0 ? start : start + 1;
  return [String(first), String(first + text.length - 1)];
}

/** Converts a value to an argument; bytes are not copied. */
export function toArgument(value: StoredValue): RedisArgument {
  return typeof value === "string" || Buffer.isBuffer(value) ? value : viewOf(value);
}

/** Converts a value to the form in which Redis replies with it. */
export function asReply(value: StoredValue, form: ReplyForm): string | Buffer {
  if (form === "bytes") return Buffer.from(value as Uint8Array);
  return typeof value === "string" ? value : viewOf(value).toString();
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
