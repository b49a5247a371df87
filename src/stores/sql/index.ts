import type { Kysely } from "kysely";
import * as v from "valibot";

import { parseSettings, settingsObject } from "../../core/settings.ts";
import { timeZoneSchema } from "../../core/time-zone.ts";
import type { SessionStore, SessionStoreFactory, StoreContext } from "../session-store.ts";
import { type AnyKysely, isKysely, SqlDatabase } from "./database.ts";
import { detectDialect } from "./dialect.ts";
import { SqlSessionStore } from "./sql-session-store.ts";
import { SqlUserIndex } from "./sql-user-index.ts";
import { checkTableName, DJANGO_TABLE } from "./table-name.ts";

export { discardStalled, type DiscardStalledOptions } from "./pools/discard-stalled.ts";
export { createCacheTables, type CreateCacheTablesOptions } from "./cache-table.ts";
export { createSessionTable, type CreateSessionTableOptions } from "./session-table.ts";
export { sqlCacheStore, type SqlCacheStoreOptions } from "./sql-cache-store.ts";
export { createUserTables } from "./user-tables.ts";

/** Options of {@link sqlSessionStore}. */
export interface SqlSessionStoreOptions<Database> {
  /**
   * The application's Kysely, with a dialect of PostgreSQL, MySQL, MariaDB or SQLite. Its plugins
   * are bypassed. The application closes it.
   */
  readonly database: Kysely<Database>;
  /**
   * The table, after a schema and a dot if need be. {@link createSessionTable} creates it if Django
   * does not.
   *
   * @defaultValue `"django_session"`
   */
  readonly table?: string | undefined;
  /**
   * Whether the sessions of each user are listed, in tables created by {@link createUserTables}.
   * Without it, sessions cannot be listed or revoked by user.
   *
   * @defaultValue `false`
   */
  readonly users?: boolean | undefined;
  /**
   * Time zone of Django's local times, such as `"America/New_York"`: its database's own
   * `TIME_ZONE`. PostgreSQL, which keeps instants, does not need it.
   *
   * @defaultValue that of `sessions.timeZone`, else UTC
   */
  readonly timeZone?: string | undefined;
}

const optionsSchema = settingsObject({
  database: v.custom<AnyKysely>(isKysely, "a Kysely that is no transaction"),
  table: v.optional(v.string(), DJANGO_TABLE),
  users: v.optional(v.boolean(), false),
  timeZone: v.optional(timeZoneSchema),
});

/**
 * Keeps sessions in a database, in the table of Django's `db` engine.
 *
 * @throws {ImproperlyConfigured} Once the settings are complete, for a wrong option.
 */
export function sqlSessionStore<Database>(options: SqlSessionStoreOptions<Database>): SessionStoreFactory {
  return (context) => openSqlSessionStore(options, context);
}

function openSqlSessionStore(options: unknown, context: StoreContext): SessionStore {
  const { clock } = context;
  const { database, table, users, timeZone } = parseSettings(optionsSchema, options, "sqlSessionStore");
  const ours = new SqlDatabase(database, detectDialect(database, "sqlSessionStore.database"));
  const index = users ? new SqlUserIndex(ours, clock) : undefined;
  return new SqlSessionStore({
    database: ours,
    table: checkTableName(table, "sqlSessionStore.table"),
    clock,
    users: index,
    timeZone: timeZone ?? context.timeZone,
    hasAnyText: context.format !== undefined && context.format !== "django",
  });
}
