import { timingSafeEqual } from "node:crypto";

/**
 * Django's `constant_time_compare`: its duration does not reveal where two texts of one length
 * differ.
 */
export function constantTimeCompare(left: string, right: string): boolean {
  const [first, second] = [Buffer.from(left), Buffer.from(right)];
  return first.length === second.length && timingSafeEqual(first, second);
}
