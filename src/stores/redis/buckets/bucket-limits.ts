import type { Deadline } from "../../../core/deadlines.ts";
import type { RedisConnection } from "../../../redis/connection.ts";

/**
 * Minimum limits that keep hashes of sessions listpacks. Redis's default for values is 64 bytes.
 */
const LEAST = { entries: 128, value: 512 } as const;

/** Names of the limits, since Redis 7 and before it. */
const NAME = /^hash-max-(?:listpack|ziplist)-(entries|value)$/;

/**
 * Reads up to which size a server keeps hashes as listpacks, and warns if most sessions would not
 * fit: then hashes save no memory over strings. On a cluster, one of the nodes is asked.
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

/** @returns Only those limits that the server reports: many hosts forbid CONFIG. */
async function readLimits(connection: RedisConnection, deadline: Deadline): Promise<Map<string, number>> {
  const limits = new Map<string, number>();
  let reply: unknown;
  try {
    reply = await connection.command(["CONFIG", "GET", "hash-max-*"], deadline);
  } catch {
    // Only advice depends on it; faults of the connection show in the operations.
    return limits;
  }
  for (const [name, value] of entriesOf(reply)) {
    const kind = NAME.exec(name)?.[1];
    if (kind !== undefined) limits.set(kind, Number(value));
  }
  return limits;
}

/** CONFIG GET answers with a map: a client returns an object, or a flat array with RESP 2. */
function entriesOf(reply: unknown): [string, unknown][] {
  if (!Array.isArray(reply)) return Object.entries(reply ?? {});
  return reply.flatMap((name, at): [string, unknown][] =>
    at % 2 === 0 ? [[String(name), reply[at + 1]]] : [],
  );
}
