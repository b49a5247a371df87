import type { Milliseconds } from "../core/clock.ts";
import { MAX_LEASE } from "./cache-store.ts";

/**
 * Returns whether writing a value with this time to live ends the lease on its key: the value could
 * be gone before the loading caller fills, and the fill would then find nothing newer.
 */
export function endsLease(ttl: Milliseconds | null): boolean {
  return ttl !== null && ttl < MAX_LEASE;
}
