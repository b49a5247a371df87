import type { Kysely } from "kysely";
import * as v from "valibot";

import { parseSettings, settingsObject } from "../../core/settings.ts";
import { timeZoneSchema } from "../../core/time-zone.ts";
import type { CacheStore, CacheStoreContext, CacheStoreFactory } from "../cache-store.ts";
import { CellCacheStore } from "../cell-cache-store.ts";
import { cullFrequencySchema, maxEntriesSchema } from "../cull-interval.ts";
import { CacheCulling } from "./cache-culling.ts";
import { CacheStatements } from "./cache-statements.ts";
import { type AnyKysely, isKysely, SqlDatabase } from "./database.ts";
import { detectDialect } from "./dialect.ts";
import { KeyCollation } from "./key-collation.ts";
import { SqlCells } from "./sql-cells.ts";
import { CACHE_TABLE, checkTableName, leaseTableOf } from "./table-name.ts";

/** Options of {@link sqlCacheStore}. */
export interface SqlCacheStoreOptions<Database> {
  /**
   * The application's Kysely, with a dialect of PostgreSQL, MySQL, MariaDB or SQLite. Its plugins
   * are bypassed. The application closes it.
   */
  readonly database: Kysely<Database>;
  /**
   * The table, after a schema and a dot if need be: Django's `LOCATION`. {@link createCacheTables}
   * creates it if Django does not.
   *
   * @defaultValue `"django_cache"`
   */
  readonly table?: string | undefined;
  /**
   * The table of leases and locks, which Django does not know. `null` for none: the cache can
   * neither load for all processes at once nor lock then.
   *
   * @defaultValue `{table}_leases`
   */
  readonly leaseTable?: string | null | undefined;
  /** Maximum number of entries; Django's `MAX_ENTRIES`. @defaultValue `10_000` */
  readonly maxEntries?: number | undefined;
  /**
   * Share of the entries that is deleted beyond the maximum: one in so many, 0 for all. Django's
   * `CULL_FREQUENCY`.
   *
   * @defaultValue `3`
   */
  readonly cullFrequency?: number | undefined;
  /**
   * Time zone of Django's local times, such as `"America/New_York"`: its database's own
   * `TIME_ZONE`. PostgreSQL, which keeps instants, does not need it.
   *
   * @defaultValue UTC
   */
  readonly timeZone?: string | undefined;
}

const MISSING_TABLE = "Call createCacheTables(database), with the names of the tables if they are your own.";

const optionsSchema = settingsObject({
  database: v.custom<AnyKysely>(isKysely, "a Kysely that is no transaction"),
  table: v.optional(v.string(), CACHE_TABLE),
  leaseTable: v.optional(v.nullable(v.string())),
  maxEntries: maxEntriesSchema,
  cullFrequency: cullFrequencySchema,
  timeZone: v.optional(timeZoneSchema),
});

/**
 * Keeps cache entries in a database, in the table of Django's `DatabaseCache`. Integers, texts,
 * `None`, `True` and `False` cross both ways.
 *
 * @throws {ImproperlyConfigured} Once the settings are complete, for a wrong option.
 */
export function sqlCacheStore<Database>(options: SqlCacheStoreOptions<Database>): CacheStoreFactory {
  return (context) => openSqlCacheStore(options, context);
}

function openSqlCacheStore(options: unknown, { clock, values }: CacheStoreContext): CacheStore {
  const settings = parseSettings(optionsSchema, options, "sqlCacheStore");
  const dialect = detectDialect(settings.database, "sqlCacheStore.database");
  const database = new SqlDatabase(settings.database, dialect, MISSING_TABLE);
  const table = checkTableName(settings.table, "sqlCacheStore.table");
  const leaseTable = leaseTableOf(table, settings.leaseTable, "sqlCacheStore.leaseTable");
  const entries = new CacheStatements(table, dialect, settings.timeZone);
  const leases = leaseTable === undefined ? undefined : new CacheStatements(leaseTable, dialect);
  const { maxEntries, cullFrequency } = settings;
  const culling = new CacheCulling({ database, entries, leases, clock, maxEntries, cullFrequency });
  const collation = dialect === "mysql" ? new KeyCollation(database, table) : undefined;
  return new CellCacheStore({
    name: "sql",
    cells: new SqlCells({ database, entries, leases, clock, culling, collation }),
    clock,
    values,
    hasLeases: leases !== undefined,
  });
}
