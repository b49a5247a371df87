import { ImproperlyConfigured } from "../../core/errors.ts";
import { describeValue } from "../../core/settings.ts";

/** Table of Django's `db` engine. */
export const DJANGO_TABLE = "django_session";

/** Names that need no quotes in any database, and that are short enough for all of them. */
const TABLE_NAME = /^(?:[A-Za-z_][A-Za-z0-9_]{0,62}\.)?[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/** @throws {ImproperlyConfigured} For an invalid table name. */
export function checkTableName(table: string, setting: string): string {
  if (TABLE_NAME.test(table)) return table;
  const expected =
    'expected letters, digits and "_", at most 63, and before them a schema and a dot if need be';
  throw new ImproperlyConfigured(setting, `${expected}, got ${describeValue(table)}.`);
}

/** The tables of the index of users. */
export const EPOCH_TABLE = "sojourn_user_epoch";
export const USER_SESSION_TABLE = "sojourn_user_session";

/** Table of a cache, where none is given. Django has no name of its own: it is its `LOCATION`. */
export const CACHE_TABLE = "django_cache";

/**
 * Returns the name of the table of leases and locks; `undefined` if there is to be none.
 *
 * @throws {ImproperlyConfigured} For an invalid table name.
 */
export function leaseTableOf(
  table: string,
  leaseTable: string | null | undefined,
  setting: string,
): string | undefined {
  return leaseTable === null ? undefined : checkTableName(leaseTable ?? `${table}_leases`, setting);
}
