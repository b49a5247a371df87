import type { Secrets } from "../codec/index.ts";
import type { Clock } from "../core/clock.ts";
import { Deadline } from "../core/deadlines.ts";
import type { RedisRegistry } from "../redis/registry.ts";
import { CookieSessionStore } from "../stores/cookie/cookie-session-store.ts";
import { makeSessionStore } from "../stores/make-store.ts";
import type { SessionStore } from "../stores/session-store.ts";
import { CookieWriter } from "./http/cookie-writer.ts";
import { PlainHttp } from "./http/plain-http.ts";
import { CookieHomes, warnOfLostUpdates } from "./in-cookie/cookie-homes.ts";
import { CookieRecords } from "./in-cookie/cookie-records.ts";
import { SessionEndings } from "./endings/session-endings.ts";
import { policyOf, type SessionPolicy } from "./policy.ts";
import { SessionEventEmitter } from "./session-events.ts";
import { SessionOpener } from "./session-opener.ts";
import type { ScopeParts } from "./session-scope.ts";
import type { SessionServices } from "./session-services.ts";
import {
  type ResolvedSessionSettings,
  resolveSessionSettings,
  type SessionSettings,
} from "./session-settings.ts";
import {
  checkFormat,
  makeMovedKeys,
  makeRecords,
  makeUserSessions,
  SEEN_EVERY,
} from "./stored/make-session-records.ts";
import type { SessionRecords } from "./stored/session-records.ts";
import { StoreHome } from "./stored/store-home.ts";
import { EarlierVisits } from "./take-over/earlier-visits.ts";
import { makeTakeOver, type OpenTakeOver } from "./take-over/make-take-over.ts";
import { TouchThrottle } from "./stored/touch-throttle.ts";
import type { UserSessions } from "./users/user-sessions.ts";

/** Dependencies that `Sessions` shares with the rest of the application. */
export interface SessionsContext extends Secrets {
  readonly projectName: string;
  readonly redis: RedisRegistry;
  readonly clock: Clock;
  /** The settings come from a Django site; see `DJANGO_SITE`. @defaultValue `false` */
  readonly isSites?: boolean;
}

/** Parts of `Sessions`, made from its settings. */
export interface SessionsParts<Data extends object> extends ScopeParts<Data> {
  readonly store: SessionStore;
  /** Records under keys; none if the cookies carry them. */
  readonly records: SessionRecords;
  /** The cookies carry the records, so nothing can be looked up. */
  readonly areInCookies: boolean;
  /** The index of users; `undefined` when the store has none. */
  readonly users: UserSessions | undefined;
  readonly services: SessionServices;
  readonly policy: SessionPolicy;
  /** Sessions of other libraries; `undefined`: none. */
  readonly takeOver: OpenTakeOver | undefined;
}

/** Makes the parts of `Sessions`. @throws {ImproperlyConfigured} For a wrong setting. */
export function wireSessions<Data extends object>(
  settings: SessionSettings<Data>,
  context: SessionsContext,
): SessionsParts<Data> {
  const resolved = resolveSessionSettings(settings, context);
  const { cookie, onInsecure, timeouts, touchEvery, renewEvery, deadline, dataSchema } = resolved;
  const { clock, secretKey } = context;
  const areInCookies = resolved.store instanceof CookieSessionStore;
  const store = openStore(resolved, context);
  const policy = policyOf(resolved, store);
  const moved = makeMovedKeys(store, clock);
  const users = makeUserSessions(store, clock, resolved, moved);
  const records = makeRecords(store, users, moved, resolved, context);
  const events = new SessionEventEmitter(secretKey);
  const extendsOnRead = touchEvery !== null;
  const cookieName = cookie.name;
  const newDeadline = (): Deadline => new Deadline(deadline, clock);
  const endings = new SessionEndings({ records, events, newDeadline });
  const services: SessionServices = {
    clock,
    timeouts,
    deadline,
    renewEvery,
    cookieName,
    secretKey,
    extendsOnRead,
    events,
    endings,
  };
  const throttle = new TouchThrottle(touchEvery ?? SEEN_EVERY, timeouts, clock);
  const homes = areInCookies ? new CookieHomes(resolved, context) : new StoreHome(records, throttle);
  const plainHttp = new PlainHttp({ secure: cookie.secure, onInsecure });
  const takeOver = makeTakeOver(resolved, { ...context, store, home: homes, events });
  const opener = new SessionOpener<Data>({
    services,
    homes,
    cookie,
    plainHttp,
    takeOver: takeOver && new EarlierVisits(takeOver),
    dataSchema,
  });
  const cookies = new CookieWriter(cookie, plainHttp, services);
  if (resolved.store instanceof CookieSessionStore) warnOfLostUpdates(resolved.store);
  return { store, records, areInCookies, users, services, policy, opener, cookies, events, takeOver };
}

function openStore(resolved: ResolvedSessionSettings, context: SessionsContext): SessionStore {
  const { store, format, timeouts } = resolved;
  if (store instanceof CookieSessionStore) return new CookieRecords();
  const { projectName, redis, clock } = context;
  const opened = makeSessionStore(
    store,
    { projectName, redis, clock, format, timeZone: timeouts.zone },
    "sessions.store",
  );
  checkFormat(resolved, opened);
  return opened;
}
