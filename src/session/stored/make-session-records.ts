import type { Secrets } from "../../codec/index.ts";
import type { Clock, Milliseconds } from "../../core/clock.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";
import { hashSessionKey } from "../../core/ids.ts";
import { MemoryTombstones } from "../../stores/memory/memory-tombstones.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import { CookieRecords } from "../in-cookie/cookie-records.ts";
import { MovedKeys } from "./moved-keys.ts";
import { makeCodec } from "../record/record-codec.ts";
import { SessionRecords } from "./session-records.ts";
import type { ResolvedSessionSettings } from "../session-settings.ts";
import { UserSessions, type UserSessionsOptions } from "../users/user-sessions.ts";
import { RecordSerializer } from "../record/record-serializer.ts";

/** Interval of activity updates for sessions that reads do not extend. */
export const SEEN_EVERY: Milliseconds = 3_600_000;

/**
 * Minimum time that a list entry outlives its record, in addition to the interval of activity
 * updates.
 */
const MIN_SLACK: Milliseconds = 3_600_000;

export function checkFormat(
  { format }: ResolvedSessionSettings,
  { name, comparesWholeRecords = false }: SessionStore,
): void {
  if (format !== "django-cache" || comparesWholeRecords) return;
  const message = `expected "django" or "json" with the store "${name}": only cacheSessionStore() compares whole records.`;
  throw new ImproperlyConfigured("sessions.format", message);
}

export function makeRecords(
  store: SessionStore,
  users: UserSessions | undefined,
  moved: MovedKeys | undefined,
  settings: ResolvedSessionSettings,
  context: Secrets & { readonly clock: Clock },
): SessionRecords {
  const { maxBytes, hashKeys, timeouts, dataSchema } = settings;
  const codec = makeCodec(settings, context);
  const { clock } = context;
  const serializer = new RecordSerializer({
    codec,
    clock,
    timeouts,
    maxBytes,
    dataVersion: dataSchema.version,
  });
  return new SessionRecords({
    store,
    serializer,
    users,
    moved,
    storedKeyOf: hashKeys ? hashSessionKey : (key) => key,
  });
}

export function makeUserSessions(
  store: SessionStore,
  clock: Clock,
  { maxPerUser, touchEvery }: ResolvedSessionSettings,
  moved: MovedKeys | undefined,
): UserSessions | undefined {
  const slack = (touchEvery ?? SEEN_EVERY) + MIN_SLACK;
  const orphansOf: UserSessionsOptions["orphansOf"] = async (at, deadline) =>
    moved?.orphansOf(at, deadline) ?? [];
  if (store.users)
    return new UserSessions({ store, index: store.users, clock, maxPerUser, slack, orphansOf });
  if (maxPerUser === undefined) return undefined;
  throw new ImproperlyConfigured("sessions.maxPerUser", noIndex(store));
}

export function makeMovedKeys(store: SessionStore, clock: Clock): MovedKeys | undefined {
  if (store instanceof CookieRecords) return undefined;
  if (store.tombstones) return new MovedKeys(store.tombstones, true);
  process.emitWarning(
    `The store "${store.name}" cannot remember which keys have moved or ended, so each process remembers its own: a request ` +
      "that another process serves during a login, a renewal or a logout may be treated as anonymous.",
    { type: "SojournWarning", code: "SOJOURN_NO_TOMBSTONES" },
  );
  return new MovedKeys(new MemoryTombstones(clock), false);
}

export function noIndex(store: SessionStore): string {
  return `the store "${store.name}" keeps no index of users, which this needs. Use redisSessionStore(), memorySessionStore(), or sqlSessionStore() with users: true.`;
}
