import type { StandardSchemaV1 } from "@standard-schema/spec";
import * as v from "valibot";
import type { Milliseconds } from "../core/clock.ts";
import { type Duration, durationSchema, expirySchema, MAX_SPAN, toMilliseconds } from "../core/durations.ts";
import { ImproperlyConfigured } from "../core/errors.ts";
import { parseSettings, settingsObject } from "../core/settings.ts";
import { redisSessionStore } from "../stores/redis/index.ts";
import { CookieSessionStore } from "../stores/cookie/cookie-session-store.ts";
import type { RecordFormat, SessionStoreFactory } from "../stores/session-store.ts";
import { type CookieAttributes, MAX_MAX_AGE } from "./http/cookie.ts";
import { type DataSchema, type Migration, ON_INVALID, type OnInvalid } from "./data/data-schema.ts";
import type { OnInsecure } from "./http/plain-http.ts";
import type { Timeouts } from "./record/timeouts.ts";
import type { EarlierSessionsFactory } from "./take-over/earlier-sessions.ts";
import { timeZoneSchema } from "../core/time-zone.ts";

/** Settings of the session cookie, with Django's names (`SESSION_COOKIE_*`). */
export interface SessionCookieSettings {
  /**
   * @defaultValue `"sessionid"`. A name with the prefix `__Host-`, `__Secure-`, `__Http-` or
   *   `__Host-Http-`, in any case, has to meet the requirements of its prefix.
   */
  readonly name?: string;
  /**
   * Maximum time between requests, from 1 second to 400 days, the longest that browsers keep a
   * cookie. The cookie is sent again with each touch. @defaultValue `"14d"`
   */
  readonly age?: Duration;
  /** @defaultValue `"/"` */
  readonly path?: string;
  /** @defaultValue none: the cookie is sent only to the host that set it. */
  readonly domain?: string;
  /** Sends the cookie only over TLS. `"auto"` follows the request. @defaultValue `true` */
  readonly secure?: boolean | "auto";
  /**
   * Reaction to a session requested over plain http, except on localhost: `"warn"` once that
   * browsers drop the cookie, or `"refuse"` with an {@link InsecureRequestError} (403). `"refuse"`
   * needs `secure: true`, and behind a proxy an adapter that trusts it. @defaultValue `"warn"`
   */
  readonly onInsecure?: OnInsecure;
  /** Hides the cookie from scripts. @defaultValue `true` */
  readonly httpOnly?: boolean;
  /** @defaultValue `"lax"` */
  readonly sameSite?: "lax" | "strict" | "none";
  /** CHIPS: one cookie per top-level site. @defaultValue `false` */
  readonly partitioned?: boolean;
  /** Priority when Chromium evicts cookies: `"high"` goes last. @defaultValue none */
  readonly priority?: "low" | "medium" | "high";
  /**
   * Earlier paths and domains of the cookie. If a browser still sends such a cookie beside the new
   * one, the next response that sets the session's cookie deletes it; so does each logout. `path`
   * defaults to `"/"`, `domain` to the host itself. @defaultValue `[]`
   */
  readonly previous?: readonly { readonly path?: string; readonly domain?: string }[];
}

/** Data of sessions without a type: any values, as in JavaScript. */
// oxlint-disable-next-line typescript/no-explicit-any -- with `unknown`, `session.data.views + 1` would need a cast
export type UntypedData = Record<string, any>;

/**
 * Settings of sessions. Durations: a bare number is seconds, text has a unit (`"90s"`, `"14d"`);
 * the maximum is 1000 years.
 */
export interface SessionSettings<Data extends object = UntypedData> {
  /**
   * Store of the records: `redisSessionStore()`, `memorySessionStore()`, or a custom store; or
   * `cookieSessionStore()`, which stores none.
   *
   * @defaultValue `redisSessionStore()`
   */
  readonly store?: SessionStoreFactory | CookieSessionStore;
  readonly cookie?: SessionCookieSettings;
  /**
   * Rule for extending sessions. `"django"` follows Django: the expiry counts from the last save,
   * and reading extends nothing (`touchEvery: null`). @defaultValue `"sojourn"`
   */
  readonly profile?: "sojourn" | "django";
  /**
   * Format of records: signed like Django's; plain JSON; or the plain dictionary that Django's
   * engine `cache` shares with Node, which needs `cacheSessionStore()`. @defaultValue `"django"`
   */
  readonly format?: RecordFormat;
  /** Maximum time since the login, despite activity. `null`: no limit. @defaultValue `null` */
  readonly absoluteTimeout?: Duration | null;
  /** Sends cookies without a Max-Age, unless `setExpiry` says otherwise. @defaultValue `false` */
  readonly expireAtBrowserClose?: boolean;
  /**
   * Minimum time between two extensions of a session by one process. `null`: reading extends
   * nothing.
   *
   * @defaultValue `"60s"`
   */
  readonly touchEvery?: Duration | null;
  /**
   * Maximum age of the key of a logged-in session: the first request after that gives it a new one,
   * as `cycleKey` does. A parallel request that writes is then interrupted. At least 1 second.
   * `null`: never. @defaultValue `null`
   */
  readonly renewEvery?: Duration | null;
  /** Maximum duration of one operation, including retries. At least 10 ms. @defaultValue `"1s"` */
  readonly deadline?: Duration;
  /**
   * Stores each session under the SHA-256 of its key, so that a reader of the store gets no live
   * cookies. Django does not find such sessions, and Sojourn does not find those stored otherwise:
   * a change logs all users out. @defaultValue `false`
   */
  readonly hashKeys?: boolean;
  /**
   * Encrypts the records with AES-256-GCM, each bound to its key, under a secret derived from
   * `secretKey`. Django cannot read such records, and Sojourn cannot read those stored otherwise: a
   * change logs all users out. @defaultValue `false`
   */
  readonly encrypt?: boolean;
  /**
   * Takes over the sessions of another library, so that no visitor is logged out. It needs a store
   * that shares tombstones between processes. @defaultValue none
   */
  readonly takeOver?: TakeOverSettings;
  /** Maximum sessions per user; the oldest are ended. At least 1. @defaultValue no limit */
  readonly maxPerUser?: number;
  /**
   * Schema that checks, converts and types the data, of valibot, zod, arktype …
   * (standardschema.dev).
   *
   * @defaultValue none
   */
  readonly schema?: StandardSchemaV1<unknown, Data>;
  /**
   * Handling of data that does not match the schema: `"throw"` a {@link SessionSchemaError},
   * `"reset"` the data (the login stays), or `"keep"` it unchanged. @defaultValue `"throw"`
   */
  readonly onInvalid?: OnInvalid;
  /** Version of the application's data: a whole number from 1. @defaultValue `1` */
  readonly version?: number;
  /**
   * Migration steps by their start version: `{ 1: (data) => … }` makes data of version 2.
   *
   * @defaultValue none
   */
  readonly migrate?: Readonly<Record<number, Migration>>;
  /**
   * Maximum size of a record and of its JSON, in bytes. At least 256.
   *
   * @defaultValue `1048576` (1 MiB)
   */
  readonly maxBytes?: number;
  /**
   * The `TIME_ZONE` of a Django site with `USE_TZ = False`, such as `"America/New_York"`: expiry
   * dates are written as local time, as that site does. @defaultValue none: instants, as with
   * `USE_TZ = True`
   */
  readonly timeZone?: string | undefined;
}

/** Sessions of another library that are taken over. */
export interface TakeOverSettings {
  /**
   * Sessions of the library that the application had before: `expressSessionSource()`,
   * `fastifySessionSource()`, `koaSessionSource()`, or several. Of several, new sessions go to the
   * first while nothing is moved.
   */
  readonly from: EarlierSessionsFactory | readonly EarlierSessionsFactory[];
  /**
   * Whether each session becomes one of Sojourn's at its next request. Otherwise sessions stay in
   * the earlier library's records, with its cookie, and only those that others have moved are found
   * here: for a time in which servers with the earlier library run as well.
   *
   * @defaultValue `false`
   */
  readonly moves?: boolean;
}

/** {@link SessionSettings}, checked and complete. */
export interface ResolvedSessionSettings {
  readonly store: SessionStoreFactory | CookieSessionStore;
  readonly format: RecordFormat;
  readonly cookie: CookieAttributes;
  readonly onInsecure: OnInsecure;
  readonly timeouts: Timeouts;
  readonly touchEvery: Milliseconds | null;
  readonly renewEvery: Milliseconds | null;
  readonly deadline: Milliseconds;
  readonly maxBytes: number;
  readonly hashKeys: boolean;
  readonly encrypt: boolean;
  readonly maxPerUser: number | undefined;
  readonly takeOver: ResolvedTakeOver | undefined;
  readonly dataSchema: DataSchema;
}

/** {@link TakeOverSettings}, checked and complete. */
export interface ResolvedTakeOver {
  readonly from: readonly EarlierSessionsFactory[];
  readonly moves: boolean;
}

const DAY = 86_400_000;

// RFC 6265 section 4.1.1: a cookie's name is a token (RFC 9110 section 5.6.2).
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const PATH = /^\/[\u0020-\u003a\u003c-\u007e]*$/;
const DOMAIN = /^\.?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i;

const scopeEntries = {
  path: v.optional(v.pipe(v.string('a path such as "/"'), v.regex(PATH, 'a path such as "/"')), "/"),
  domain: v.optional(v.pipe(v.string("a host name"), v.regex(DOMAIN, "a host name"))),
};

const cookieSchema = settingsObject({
  name: v.optional(
    v.pipe(v.string('a name such as "sessionid"'), v.regex(TOKEN, 'a name such as "sessionid"')),
    "sessionid",
  ),
  age: v.optional(durationSchema({ least: 1, most: MAX_SPAN })),
  ...scopeEntries,
  secure: v.optional(v.union([v.boolean(), v.literal("auto")], 'true, false or "auto"'), true),
  onInsecure: v.optional(v.picklist(["warn", "refuse"], '"warn" or "refuse"'), "warn"),
  httpOnly: v.optional(v.boolean("true or false"), true),
  sameSite: v.optional(v.picklist(["lax", "strict", "none"], '"lax", "strict" or "none"'), "lax"),
  partitioned: v.optional(v.boolean("true or false"), false),
  priority: v.optional(v.picklist(["low", "medium", "high"], '"low", "medium" or "high"')),
  previous: v.optional(v.array(v.strictObject(scopeEntries), "an array of { path, domain }"), []),
});

const SOURCE = "a source such as expressSessionSource()";

const sourceSchema = v.custom<EarlierSessionsFactory>((input) => typeof input === "function", SOURCE);

const takeOverSchema = settingsObject({
  from: v.union(
    [sourceSchema, v.pipe(v.array(sourceSchema, SOURCE), v.minLength(1, SOURCE))],
    `${SOURCE}, or several`,
  ),
  moves: v.optional(v.boolean("true or false"), false),
});

const atLeastOne = v.pipe(
  v.number("a whole number from 1"),
  v.integer("a whole number from 1"),
  v.minValue(1, "a whole number from 1"),
);

const sessionSchema = settingsObject({
  store: v.optional(
    v.custom<SessionStoreFactory | CookieSessionStore>(
      (input) => typeof input === "function" || input instanceof CookieSessionStore,
      "a store such as redisSessionStore() or memorySessionStore()",
    ),
    () => redisSessionStore(),
  ),
  cookie: v.optional(cookieSchema, {}),
  profile: v.optional(v.picklist(["sojourn", "django"], '"sojourn" or "django"'), "sojourn"),
  format: v.optional(
    v.picklist(["django", "json", "django-cache"], '"django", "json" or "django-cache"'),
    "django",
  ),
  absoluteTimeout: v.optional(expirySchema({ least: 1, most: MAX_SPAN }), null),
  expireAtBrowserClose: v.optional(v.boolean("true or false"), false),
  touchEvery: v.optional(expirySchema({ least: 0, most: MAX_SPAN })),
  renewEvery: v.optional(expirySchema({ least: 1, most: MAX_SPAN }), null),
  deadline: v.optional(durationSchema({ least: "10ms", most: MAX_SPAN }), "1s"),
  maxBytes: v.optional(
    v.pipe(
      v.number("a number of bytes"),
      v.integer("a whole number of bytes"),
      v.minValue(256, "at least 256 bytes"),
    ),
    1_048_576,
  ),
  timeZone: v.optional(timeZoneSchema),
  hashKeys: v.optional(v.boolean("true or false"), false),
  encrypt: v.optional(v.boolean("true or false"), false),
  maxPerUser: v.optional(atLeastOne),
  takeOver: v.optional(takeOverSchema),
  schema: v.optional(
    v.custom<StandardSchemaV1<unknown, object>>(
      isStandardSchema,
      "a schema that implements Standard Schema version 1",
    ),
  ),
  onInvalid: v.optional(v.picklist(ON_INVALID, '"throw", "reset" or "keep"'), "throw"),
  version: v.optional(atLeastOne, 1),
  migrate: v.optional(
    v.custom<Readonly<Record<number, Migration>>>(
      isMigrations,
      "an object of functions by version, such as { 1: (data) => data }",
    ),
    {},
  ),
});

/**
 * @param context.isSites The settings come from a Django site, whose cookies may live for longer.
 * @throws {ImproperlyConfigured} Naming the setting, the expected and the given value.
 */
export function resolveSessionSettings(
  settings: SessionSettings,
  { isSites = false }: { readonly isSites?: boolean } = {},
): ResolvedSessionSettings {
  const parsed = parseSettings(sessionSchema, settings, "sessions");
  const { age, domain, priority, onInsecure, ...attributes } = parsed.cookie;
  const previous = parsed.cookie.previous.map((scope) => ({ path: scope.path, domain: scope.domain }));
  const cookie: CookieAttributes = { ...attributes, domain, priority, previous };
  if (!isSites) checkAge(age);
  checkCookie(cookie, onInsecure);
  const touchEvery = parsed.touchEvery === undefined ? defaultTouchEvery(parsed.profile) : parsed.touchEvery;
  if (parsed.profile === "django" && touchEvery !== null) {
    throw new ImproperlyConfigured(
      "sessions.touchEvery",
      'expected null with profile "django", in which reading extends nothing.',
    );
  }
  if (parsed.format === "django-cache" && parsed.encrypt) {
    throw new ImproperlyConfigured(
      "sessions.encrypt",
      'expected false with the format "django-cache", which Django has to read.',
    );
  }
  return {
    store: parsed.store,
    format: parsed.format,
    cookie,
    onInsecure,
    timeouts: {
      idle: age ?? 14 * DAY,
      absolute: parsed.absoluteTimeout,
      zone: parsed.timeZone,
      expireAtBrowserClose: parsed.expireAtBrowserClose,
    },
    touchEvery,
    renewEvery: parsed.renewEvery,
    deadline: parsed.deadline,
    maxBytes: parsed.maxBytes,
    hashKeys: parsed.hashKeys,
    encrypt: parsed.encrypt,
    maxPerUser: parsed.maxPerUser,
    takeOver: parsed.takeOver && { ...parsed.takeOver, from: [parsed.takeOver.from].flat() },
    dataSchema: {
      schema: parsed.schema,
      onInvalid: parsed.onInvalid,
      version: parsed.version,
      migrate: parsed.migrate,
    },
  };
}

function isStandardSchema(input: unknown): boolean {
  const props = (input as StandardSchemaV1 | null | undefined)?.["~standard"];
  return props?.version === 1 && typeof props.validate === "function";
}

function isMigrations(input: unknown): boolean {
  if (typeof input !== "object" || input === null) return false;
  return Object.entries(input).every(
    ([version, step]) => /^[1-9]\d*$/.test(version) && typeof step === "function",
  );
}

/**
 * Refuses more than 400 days, usually milliseconds as in other libraries: 14 days in ms are 38
 * years in seconds.
 */
function checkAge(age: Milliseconds | undefined): void {
  if (age === undefined || age <= MAX_MAX_AGE) return;
  const days = Math.round(age / DAY);
  throw new ImproperlyConfigured(
    "sessions.cookie.age",
    `expected at most 400 days, for which browsers keep a cookie, got ${days} days. A number is seconds, not milliseconds: ` +
      '14 days are "14d", or 1209600.',
  );
}

function defaultTouchEvery(profile: "sojourn" | "django"): Milliseconds | null {
  return profile === "django" ? null : (toMilliseconds("60s") ?? 0);
}

// draft-ietf-httpbis-rfc6265bis section 4.1.3 (prefixes) and 5.7 (SameSite=None and Partitioned
// need Secure): browsers silently drop a cookie that violates these.
function checkCookie(
  { name, secure, httpOnly, path, domain, sameSite, partitioned }: CookieAttributes,
  onInsecure: OnInsecure,
): void {
  const fail = (setting: string, message: string) => {
    throw new ImproperlyConfigured(`sessions.cookie.${setting}`, message);
  };
  const isSecure = secure === true;
  if (/^__(?:host|secure|http)-/i.test(name) && !isSecure)
    fail("secure", `expected true, since the name is "${name}".`);
  if (/^__host-/i.test(name) && path !== "/") fail("path", `expected "/", since the name is "${name}".`);
  if (/^__host-/i.test(name) && domain !== undefined)
    fail("domain", `expected none, since the name is "${name}".`);
  if (/^__(?:host-)?http-/i.test(name) && !httpOnly)
    fail("httpOnly", `expected true, since the name is "${name}".`);
  if (sameSite === "none" && !isSecure) fail("secure", 'expected true, since sameSite is "none".');
  if (onInsecure === "refuse" && !isSecure) fail("secure", 'expected true, since onInsecure is "refuse".');
  if (partitioned && !isSecure) fail("secure", "expected true, since partitioned is set.");
}
