import type { Milliseconds } from "../../core/clock.ts";

/** A time to live for `PX` and `PEXPIRE`, which take whole milliseconds, at least 1. */
export function toRedisTtl(ttl: Milliseconds): string {
  return String(Math.max(1, Math.ceil(ttl)));
}

/** A text as part of a pattern of `SCAN … MATCH` that matches it and nothing else. */
export function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]]/g, "\\$&");
}
