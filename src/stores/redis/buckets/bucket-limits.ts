import type { Deadline } from "../../../core/deadlines.ts";
import type { RedisConnection } from "../../../redis/connection.ts";

/** What a hash may have at least and still be a listpack. Redis's own default for values is 64 bytes. */
const LEAST = { entries: 128, value: 512 } as const;

/** By their names since Redis 7, and before it. */
const NAME = /^hash-max-(?:listpack|ziplist)-(entries|value)$/;

/**
 * Asks a server up to which size its hashes are listpacks, and warns when most sessions would not fit: then
 * hashes take no less memory than strings. On a cluster, one of the nodes is asked.
 */
export async function warnOfListpackLimits(connection: RedisConnection, deadline: Deadline): Promise<void> {
  const limits = await readLimits(connection, deadline);
  const problems = Object.entries(LEAST).flatMap(([kind, least]) => {
    const limit = limits.get(kind);
    return limit === undefined || limit >= least ? [] : [`hash-max-listpack-${kind} is ${limit}`];
  });
  if (problems.length === 0) return;
  process.emitWarning(
    `On the Redis connection "${connection.name}", ${problems.join(" and ")}, so buckets of sessions save no memory. Set ` +
      `hash-max-listpack-value to the size of your larger records, such as 1024, and hash-max-listpack-entries to at least ` +
      `${LEAST.entries} (hash-max-ziplist-* before Redis 7).`,
    { type: "BucketLimitsWarning", code: "SOJOURN_BUCKET_LIMITS" },
  );
}

/** @returns nothing of what the server does not tell: many hosts forbid CONFIG. */
async function readLimits(connection: RedisConnection, deadline: Deadline): Promise<Map<string, number>> {
  const limits = new Map<string, number>();
  let reply: unknown;
  try {
    reply = await connection.command(["CONFIG", "GET", "hash-max-*"], deadline);
  } catch {
    // Advice alone depends on it, and what is wrong with the connection shows in the operations.
    return limits;
  }
  for (const [name, value] of entriesOf(reply)) {
    const kind = NAME.exec(name)?.[1];
    if (kind !== undefined) limits.set(kind, Number(value));
  }
  return limits;
}

/** CONFIG GET answers a map, which a client gives as an object, or as a flat array with RESP 2. */
function entriesOf(reply: unknown): [string, unknown][] {
  if (!Array.isArray(reply)) return Object.entries(reply ?? {});
  return reply.flatMap((name, at): [string, unknown][] => (at % 2 === 0 ? [[String(name), reply[at + 1]]] : []));
}
