import { hasHashTag } from "../../redis/key-slot.ts";

const TAGGED_END = "~lease";

/**
 * Where the lease on an entry lies: in the slot of the entry's key, and under a key that begins with it, so
 * that a walk over a namespace finds it.
 *
 * Only a key with braces that make no hash tag (`a}b`, `a{b`, `{}`) has its lease in another slot.
 */
export function leaseKeyOf(key: string): string {
  return hasHashTag(key) ? key + TAGGED_END : `${key}~{${key}}`;
}

/** Whether a key is that of a lease. */
export function isLeaseKey(key: string): boolean {
  if (key.endsWith(TAGGED_END)) return hasHashTag(key.slice(0, -TAGGED_END.length));
  if (!key.endsWith("}")) return false;
  const entry = key.slice(0, (key.length - "~{}".length) / 2);
  return key === `${entry}~{${entry}}` && !hasHashTag(entry);
}
