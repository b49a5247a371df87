import type { Deadline } from "../../core/deadlines.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import type { RedisConnection } from "../../redis/connection.ts";

const POLICY = /^maxmemory_policy:((?:allkeys|volatile)-\w+)/m;

/**
 * Reads a server's policy for full memory, and warns if it drops keys: lists of users are read less
 * often than sessions, so it drops them first, and sessions that are not listed cannot be revoked.
 * On a cluster, one of the nodes is asked.
 *
 * @returns Whether the server has answered, even if only with a refusal.
 */
export async function warnOfEviction(connection: RedisConnection, deadline: Deadline): Promise<boolean> {
  let reply: unknown;
  try {
    reply = await connection.command(["INFO", "memory"], deadline);
  } catch (error) {
    // Only advice depends on it; faults of the connection show in the operations.
    return !(error instanceof StoreConnectionError);
  }
  const policy = POLICY.exec(String(reply))?.[1];
  if (policy !== undefined) warn(connection.name, policy);
  return true;
}

function warn(connection: string, policy: string): void {
  process.emitWarning(
    `The server of the Redis connection "${connection}" drops keys when its memory is full (maxmemory-policy ${policy}). It may ` +
      "drop the list of a user before the sessions in it; sessions.revokeUser() then misses them. Set maxmemory-policy to " +
      "noeviction, or call sessions.revokeUser(userId, { scan: true }), which does not need the lists.",
    { type: "EvictingRedisWarning", code: "SOJOURN_EVICTING_REDIS" },
  );
}
