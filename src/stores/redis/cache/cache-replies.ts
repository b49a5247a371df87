import type { Milliseconds } from "../../../core/clock.ts";
import type { RedisReply } from "../../../redis/commands.ts";
import type { IncrementResult, StoredValue } from "../../cache-store.ts";
import { toRedisTtl } from "../arguments.ts";

/** Reads the reply of `cache-incr.lua`. */
export function toIncrement(reply: RedisReply): IncrementResult {
  if (reply === null) return { status: "missing" };
  return typeof reply === "string"
    ? { status: "incremented", value: BigInt(reply) }
    : { status: "not-integer" };
}

/** Reads a reply that is a string or nothing. */
export function toValue(reply: RedisReply<string | Buffer> | undefined): StoredValue | undefined {
  return (reply ?? undefined) as StoredValue | undefined;
}

/** Reads a reply of PTTL: -1 for no expiry, -2 for no entry, and 0 for less than 1 ms. */
export function toTtl(reply: RedisReply): Milliseconds | null | undefined {
  const left = Number(reply);
  if (left >= 0) return Math.max(1, left);
  return left === -1 ? null : undefined;
}

/** Formats a time to live for the scripts. */
export function toExpiry(ttl: Milliseconds | null): string {
  return ttl === null ? "" : toRedisTtl(ttl);
}
