import type { Deadline } from "../../core/deadlines.ts";
import { isSessionKey } from "../../core/ids.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import { chunksOf, COMMANDS_AT_ONCE } from "../../stores/chunks.ts";
import { escapeGlob, SCAN_COUNT } from "../../stores/redis/arguments.ts";
import type { PickledRecord } from "./pickled-session.ts";

/**
 * Walks through the sessions of Django's engine `cache` in a Redis cache with pickles, of Django
 * itself or of django-redis.
 *
 * @param namespace Prefix of the keys: `{KEY_PREFIX}:{VERSION}:django.contrib.sessions.cache`.
 */
export async function* cacheEngineRecords(
  connection: RedisConnection,
  namespace: string,
  pageDeadline: () => Deadline,
): AsyncGenerator<PickledRecord, void, undefined> {
  for await (const names of connection.scanKeys(`${escapeGlob(namespace)}*`, SCAN_COUNT, pageDeadline)) {
    for (const some of chunksOf(names, COMMANDS_AT_ONCE / 2)) {
      yield* await Promise.all(
        some.map((name) => readEntry(connection, name, namespace.length, pageDeadline())),
      );
    }
  }
}

async function readEntry(
  connection: RedisConnection,
  name: string,
  keyStart: number,
  deadline: Deadline,
): Promise<PickledRecord> {
  const key = name.slice(keyStart);
  if (!isSessionKey(key)) return "foreign";
  const [pickle, ttl] = await Promise.all([
    connection.command(["GET", name], deadline, name, "bytes"),
    connection.command(["PTTL", name], deadline, name),
  ]);
  if (!Buffer.isBuffer(pickle) || Number(ttl) <= 0) return "expired";
  return { key, pickle, ttl: Number(ttl) };
}
