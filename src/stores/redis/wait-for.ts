import * as v from "valibot";

import { type Duration, durationSchema } from "../../core/durations.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";
import { settingsObject } from "../../core/settings.ts";
import type { WaitFor } from "../../redis/replication.ts";
import type { RedisConnection } from "../../redis/connection.ts";

/** Session writes that wait for other servers, and for how long. */
export interface RedisWaitFor {
  /**
   * Number of replicas that must have the write. A whole number from 1; with `onDisk` from 0.
   *
   * @defaultValue 1
   */
  readonly replicas?: number | undefined;
  /**
   * Maximum wait for them, within the operation's deadline.
   *
   * Seconds, or text such as `"200ms"`; more than 0.
   *
   * @defaultValue `"500ms"`
   */
  readonly timeout?: Duration | undefined;
  /**
   * Whether the write must be in the append-only files of the server and of the replicas, with
   * WAITAOF. Needs Redis 7.2 and `appendonly yes`.
   *
   * @defaultValue `false`
   */
  readonly onDisk?: boolean | undefined;
  /**
   * Whether commits wait too, and not only new, moved and ended sessions and revocations.
   *
   * @defaultValue `false`
   */
  readonly commits?: boolean | undefined;
}

const REPLICAS = "a whole number from 1, or from 0 with onDisk";

/** {@link RedisWaitFor}, checked and complete. */
export interface CheckedWaitFor extends WaitFor {
  readonly commits: boolean;
}

export const waitForSchema: v.GenericSchema<RedisWaitFor | undefined, CheckedWaitFor | undefined> =
  v.optional(
    settingsObject({
      replicas: v.optional(v.pipe(v.number(REPLICAS), v.safeInteger(REPLICAS), v.minValue(0, REPLICAS)), 1),
      timeout: v.optional(durationSchema({ least: "1ms" }), "500ms"),
      onDisk: v.optional(v.boolean(), false),
      commits: v.optional(v.boolean(), false),
    }),
  );

/** Connections of a session store. */
export interface StoreConnections {
  /** For reads, and for all other commands. */
  readonly usual: RedisConnection;
  /** For the creation and the end of sessions. */
  readonly vital: RedisConnection;
  /** For commits. */
  readonly commits: RedisConnection;
}

/**
 * @param setting Name of the store's options in messages.
 * @throws {ImproperlyConfigured}
 */
export function storeConnections(
  usual: RedisConnection,
  waitFor: CheckedWaitFor | undefined,
  setting: string,
): StoreConnections {
  if (waitFor === undefined) return { usual, vital: usual, commits: usual };
  if (usual.isGiven) {
    const problem = `expected a connection with settings, but redis.${usual.name} is a client of the application: to wait, the store needs a connection of its own.`;
    throw new ImproperlyConfigured(`${setting}.waitFor`, problem);
  }
  if (waitFor.replicas === 0 && !waitFor.onDisk) {
    throw new ImproperlyConfigured(`${setting}.waitFor.replicas`, `expected ${REPLICAS}, got 0.`);
  }
  const vital = usual.waitingFor(waitFor);
  return { usual, vital, commits: waitFor.commits ? vital : usual };
}
