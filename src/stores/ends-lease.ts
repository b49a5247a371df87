import type { Milliseconds } from "../core/clock.ts";
import { MAX_LEASE } from "./cache-store.ts";

/**
 * Whether writing a value with this time to live ends the lease on its key: it could be gone again before the
 * one who loads wants to fill, who would then find nothing that is newer.
 */
export function endsLease(ttl: Milliseconds | null): boolean {
  return ttl !== null && ttl < MAX_LEASE;
}
