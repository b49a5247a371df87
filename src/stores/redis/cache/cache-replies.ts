import type { Milliseconds } from "../../../core/clock.ts";
import type { RedisReply } from "../../../redis/commands.ts";
import type { IncrementResult, StoredValue } from "../../cache-store.ts";
import { toRedisTtl } from "../arguments.ts";

/** The answer of `cache-incr.lua`. */
export function toIncrement(reply: RedisReply): IncrementResult {
  if (reply === null) return { status: "missing" };
  return typeof reply === "string" ? { status: "incremented", value: BigInt(reply) } : { status: "not-integer" };
}

/** A reply that is a string, or none at all. */
export function toValue(reply: RedisReply<string | Buffer> | undefined): StoredValue | undefined {
  return (reply ?? undefined) as StoredValue | undefined;
}

/** PTTL answers -1 where there is no expiry, -2 where there is no entry, and 0 when less than 1 ms is left. */
export function toTtl(reply: RedisReply): Milliseconds | null | undefined {
  const left = Number(reply);
  if (left >= 0) return Math.max(1, left);
  return left === -1 ? null : undefined;
}

/** A time to live as the scripts take it. */
export function toExpiry(ttl: Milliseconds | null): string {
  return ttl === null ? "" : toRedisTtl(ttl);
}
