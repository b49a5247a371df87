import type { MysqlPool, PostgresPool } from "kysely";
import * as v from "valibot";

import { systemClock } from "../../../core/clock.ts";
import { type Duration, durationSchema } from "../../../core/durations.ts";
import { ImproperlyConfigured } from "../../../core/errors.ts";
import { parseSettings, settingsObject } from "../../../core/settings.ts";
import { trackCalls } from "./current-call.ts";
import { type Mysql2Pool, WatchedMysqlPool } from "./mysql-pool.ts";
import { type PgPool, WatchedPgPool } from "./pg-pool.ts";
import { PoolHealth } from "./pool-health.ts";

/** Options of {@link discardStalled}. */
export interface DiscardStalledOptions {
  /**
   * Maximum wait for the answer to a statement of the application itself, in seconds or text with a
   * unit. Statements of sessions have their own deadline. At least 1 ms; absent: no limit.
   */
  readonly queryTimeout?: Duration | undefined;
}

const optionsSchema = settingsObject({ queryTimeout: v.optional(durationSchema({ least: "1ms" })) });

/**
 * A pool for a dialect of Kysely that gives up connections which no longer answer. It takes those
 * of the driver's pool.
 *
 * - A statement of a session without an answer a second after its deadline: its connection is
 *   closed, and its place in the pool is free again. So are connections that have not answered
 *   since it was sent, when they are next requested.
 * - A server that says it is read-only (SQLSTATE 25006; errors 1290, 1836 and 1047 of MySQL and
 *   MariaDB): connections that were open by then are closed when they are next requested.
 *
 * Without it a database that goes silent without closing its connections (a machine that loses its
 * power or its network) keeps the pool's places until the system gives the connections up, on Linux
 * after 15 minutes.
 *
 * @param pool Of `pg`, or of `mysql2` with callbacks. The application closes it, by the Kysely's
 * `destroy()` too.
 * @throws {ImproperlyConfigured} For another pool, or a wrong option.
 */
export function discardStalled(pool: PgPool, options?: DiscardStalledOptions): PostgresPool;
export function discardStalled(pool: Mysql2Pool, options?: DiscardStalledOptions): MysqlPool;
export function discardStalled(
  pool: PgPool | Mysql2Pool,
  options: DiscardStalledOptions = {},
): PostgresPool | MysqlPool {
  const { queryTimeout } = parseSettings(optionsSchema, options, "discardStalled");
  trackCalls();
  const health = new PoolHealth(systemClock, queryTimeout);
  if (isMysql2Pool(pool)) return new WatchedMysqlPool(pool, health);
  if (isPgPool(pool)) return new WatchedPgPool(pool, health);
  throw new ImproperlyConfigured(
    "discardStalled.pool",
    "expected a Pool of pg, or a pool of mysql2 with callbacks.",
  );
}

/**
 * mysql2's pool of promises has a `getConnection` without a callback, and the other one as `pool`.
 */
function isMysql2Pool(pool: unknown): pool is Mysql2Pool {
  const { getConnection, pool: inner } = (pool ?? {}) as { getConnection?: unknown; pool?: unknown };
  return typeof getConnection === "function" && inner === undefined;
}

function isPgPool(pool: unknown): pool is PgPool {
  const { connect, end } = (pool ?? {}) as Partial<PgPool>;
  return typeof connect === "function" && typeof end === "function";
}
