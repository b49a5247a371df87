import * as v from "valibot";

import { describeValue } from "../../core/settings.ts";
import { TimeZone, timeZoneSchema } from "../../core/time-zone.ts";
import type { SessionSettings } from "../../session/session-settings.ts";
import type { SessionStoreFactory } from "../../stores/session-store.ts";
import { cannotShare, type CheckedDjangoSettings } from "./names.ts";

/** Django's global default. */
const DEFAULT_TIME_ZONE = "America/Chicago";

/**
 * Returns the zone of Django's expiry dates: local time with `USE_TZ = False`, for every engine.
 */
export function toTimeZone({ USE_TZ, TIME_ZONE }: CheckedDjangoSettings): Pick<SessionSettings, "timeZone"> {
  if (USE_TZ !== false) return {};
  if (TIME_ZONE === null) {
    throw cannotShare(
      "TIME_ZONE",
      "is None and USE_TZ is False: expected a name, since Node cannot know the system's.",
    );
  }
  const timeZone = TIME_ZONE ?? DEFAULT_TIME_ZONE;
  checkZone("TIME_ZONE", timeZone);
  return { timeZone };
}

/**
 * Applies the database's own `TIME_ZONE`: with `USE_TZ = True`, a database that cannot store
 * instants keeps local time of that zone.
 */
export function inDatabaseZone(
  django: CheckedDjangoSettings,
  database: SessionStoreFactory,
): SessionStoreFactory {
  const zone = databaseZone(django);
  if (zone === undefined) return database;
  const timeZone = new TimeZone(zone);
  return (context) => database({ ...context, timeZone });
}

/** Returns the zone of the times of a cache in the database. */
export function cacheZone(django: CheckedDjangoSettings): string | undefined {
  return databaseZone(django) ?? toTimeZone(django).timeZone;
}

function databaseZone({ USE_TZ, DATABASES }: CheckedDjangoSettings): string | undefined {
  const zone = DATABASES?.["default"]?.["TIME_ZONE"];
  if (USE_TZ === false || zone === undefined || zone === null) return undefined;
  checkZone('DATABASES["default"]["TIME_ZONE"]', zone);
  return zone;
}

function checkZone(setting: string, zone: unknown): asserts zone is string {
  if (v.safeParse(timeZoneSchema, zone).success) return;
  throw cannotShare(setting, `expected a time zone that Node knows, got ${describeValue(zone)}.`);
}
