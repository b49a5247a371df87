import type { StandardSchemaV1 } from "@standard-schema/spec";
import * as v from "valibot";
import type { Milliseconds } from "../core/clock.ts";
import { type Duration, durationSchema, expirySchema, MAX_SPAN, toMilliseconds } from "../core/durations.ts";
import { ImproperlyConfigured } from "../core/errors.ts";
import { parseSettings, settingsObject } from "../core/settings.ts";
import { redisSessionStore } from "../stores/redis/index.ts";
import { SessionCarrier } from "../stores/session-carrier.ts";
import type { RecordFormat, SessionStoreFactory } from "../stores/session-store.ts";
import { type CookieAttributes, MAX_MAX_AGE } from "./http/cookie.ts";
import { type DataSchema, type Migration, ON_INVALID, type OnInvalid } from "./data/data-schema.ts";
import type { OnInsecure } from "./http/plain-http.ts";
import type { Timeouts } from "./record/timeouts.ts";
import { timeZoneSchema } from "../core/time-zone.ts";

/** Settings of the session cookie, with Django's names (`SESSION_COOKIE_*`). */
export interface SessionCookieSettings {
  /**
   * @defaultValue `"sessionid"`. A name that begins with `__Host-`, `__Secure-`, `__Http-` or `__Host-Http-`,
   *   in any case, is held to what it promises.
   */
  readonly name?: string;
  /**
   * Longest time without a request. From 1 second to 400 days, the longest that browsers keep a cookie. It is
   * sent again with each touch. @defaultValue `"14d"`
   */
  readonly age?: Duration;
  /** @defaultValue `"/"` */
  readonly path?: string;
  /** @defaultValue none: the cookie goes to the host that has set it, and to no other. */
  readonly domain?: string;
  /** Only over TLS. `"auto"` follows the request. @defaultValue `true` */
  readonly secure?: boolean | "auto";
  /**
   * What happens when a session is asked for over plain http, to another host than localhost: `"warn"` once
   * that browsers drop the cookie, or `"refuse"` with an {@link InsecureRequestError} (403). `"refuse"` needs
   * `secure: true`, and behind a proxy an adapter that trusts it. @defaultValue `"warn"`
   */
  readonly onInsecure?: OnInsecure;
  /** Out of reach of scripts. @defaultValue `true` */
  readonly httpOnly?: boolean;
  /** @defaultValue `"lax"` */
  readonly sameSite?: "lax" | "strict" | "none";
  /** CHIPS: one cookie a top-level site. @defaultValue `false` */
  readonly partitioned?: boolean;
  /** Which cookies Chromium drops last. @defaultValue none */
  readonly priority?: "low" | "medium" | "high";
  /**
   * Paths and domains that the cookie had before they were changed. A browser that still sends such a cookie
   * beside the new one is told to forget it, with the next response that sets the session's cookie; so is
   * each that is logged out. Without `path` it is `"/"`, without `domain` the host itself. @defaultValue `[]`
   */
  readonly previous?: readonly { readonly path?: string; readonly domain?: string }[];
}

/** The data of sessions that nobody has given a type: anything goes, as in JavaScript. */
// oxlint-disable-next-line typescript/no-explicit-any -- with `unknown`, `session.data.views + 1` would need a cast
export type UntypedData = Record<string, any>;

/**
 * Settings of sessions. Durations: a bare number is seconds, text has its unit (`"90s"`, `"14d"`); none is
 * longer than 1000 years.
 */
export interface SessionSettings<Data extends object = UntypedData> {
  /**
   * Where records are kept: `redisSessionStore()`, `memorySessionStore()`, or a store of your own; or
   * `cookieSessionStore()`, which keeps none.
   *
   * @defaultValue `redisSessionStore()`
   */
  readonly store?: SessionStoreFactory | SessionCarrier;
  readonly cookie?: SessionCookieSettings;
  /**
   * `"django"` follows Django: the expiry counts from the last save, and reading extends nothing
   * (`touchEvery: null`). @defaultValue `"sojourn"`
   */
  readonly profile?: "sojourn" | "django";
  /**
   * How records are written: signed as Django does it; as plain JSON; or as the plain dictionary that
   * Django's engine `cache` shares with Node, which needs `cacheSessionStore()`. @defaultValue `"django"`
   */
  readonly format?: RecordFormat;
  /** Longest time since the login, however busy the session is. `null`: no limit. @defaultValue `null` */
  readonly absoluteTimeout?: Duration | null;
  /** Cookies without a Max-Age, unless `setExpiry` says otherwise. @defaultValue `false` */
  readonly expireAtBrowserClose?: boolean;
  /**
   * Shortest time between two extensions of one session by one process. `null`: reading extends nothing.
   *
   * @defaultValue `"60s"`
   */
  readonly touchEvery?: Duration | null;
  /**
   * How old the key of a logged-in session may get: the first request after that gives it a new one, as
   * `cycleKey` does. A parallel request that writes is interrupted then. At least 1 second. `null`: never.
   * @defaultValue `null`
   */
  readonly renewEvery?: Duration | null;
  /** Most that one operation may take, retries included. At least 10 ms. @defaultValue `"1s"` */
  readonly deadline?: Duration;
  /**
   * Stores each session under the SHA-256 of its key, so that who reads the store does not get at live
   * cookies. Django does not find such sessions, nor does Sojourn find those that were stored otherwise:
   * turning it on or off logs everybody out. @defaultValue `false`
   */
  readonly hashKeys?: boolean;
  /**
   * Encrypts the records with AES-256-GCM, each bound to its key, under a secret derived from `secretKey`.
   * Django cannot read such records, nor can Sojourn read those that were stored otherwise: turning it on or
   * off logs everybody out. @defaultValue `false`
   */
  readonly encrypt?: boolean;
  /** How many sessions a user may have; the oldest make room. At least 1. @defaultValue any number */
  readonly maxPerUser?: number;
  /**
   * Checks, converts and types the data: a schema of valibot, zod, arktype … (standardschema.dev).
   *
   * @defaultValue none
   */
  readonly schema?: StandardSchemaV1<unknown, Data>;
  /**
   * What happens to data that does not fit the schema: `"throw"` a {@link SessionSchemaError}, `"reset"` it
   * (who is logged in stays), or `"keep"` it as it is. @defaultValue `"throw"`
   */
  readonly onInvalid?: OnInvalid;
  /** Version of the data that the application works with: a whole number from 1. @defaultValue `1` */
  readonly version?: number;
  /**
   * Steps by the version that they start from: `{ 1: (data) => … }` makes data of version 2.
   *
   * @defaultValue none
   */
  readonly migrate?: Readonly<Record<number, Migration>>;
  /** Most that a record, and the JSON in it, may have, in bytes. At least 256. @defaultValue `1048576` (1 MiB) */
  readonly maxBytes?: number;
  /**
   * The `TIME_ZONE` of a Django site with `USE_TZ = False`, such as `"America/New_York"`: the ends of
   * sessions are written as that site writes them, as local time. @defaultValue none: as instants, as with
   * `USE_TZ = True`
   */
  readonly timeZone?: string | undefined;
}

/** {@link SessionSettings}, checked and complete. */
export interface ResolvedSessionSettings {
  readonly store: SessionStoreFactory | SessionCarrier;
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
  readonly dataSchema: DataSchema;
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

const atLeastOne = v.pipe(
  v.number("a whole number from 1"),
  v.integer("a whole number from 1"),
  v.minValue(1, "a whole number from 1"),
);

const sessionSchema = settingsObject({
  store: v.optional(
    v.custom<SessionStoreFactory | SessionCarrier>(
      (input) => typeof input === "function" || input instanceof SessionCarrier,
      "a store such as redisSessionStore() or memorySessionStore()",
    ),
    () => redisSessionStore(),
  ),
  cookie: v.optional(cookieSchema, {}),
  profile: v.optional(v.picklist(["sojourn", "django"], '"sojourn" or "django"'), "sojourn"),
  format: v.optional(v.picklist(["django", "json", "dict"], '"django", "json" or "dict"'), "django"),
  absoluteTimeout: v.optional(expirySchema({ least: 1, most: MAX_SPAN }), null),
  expireAtBrowserClose: v.optional(v.boolean("true or false"), false),
  touchEvery: v.optional(expirySchema({ least: 0, most: MAX_SPAN })),
  renewEvery: v.optional(expirySchema({ least: 1, most: MAX_SPAN }), null),
  deadline: v.optional(durationSchema({ least: "10ms", most: MAX_SPAN }), "1s"),
  maxBytes: v.optional(
    v.pipe(v.number("a number of bytes"), v.integer("a whole number of bytes"), v.minValue(256, "at least 256 bytes")),
    1_048_576,
  ),
  timeZone: v.optional(timeZoneSchema),
  hashKeys: v.optional(v.boolean("true or false"), false),
  encrypt: v.optional(v.boolean("true or false"), false),
  maxPerUser: v.optional(atLeastOne),
  schema: v.optional(
    v.custom<StandardSchemaV1<unknown, object>>(isStandardSchema, "a schema that implements Standard Schema version 1"),
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
 * @param context.isSites Whether they are a Django site's, whose cookies may be older.
 * @throws {ImproperlyConfigured} Naming the setting, what was expected and what came.
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
  if (parsed.format === "dict" && parsed.encrypt) {
    throw new ImproperlyConfigured(
      "sessions.encrypt",
      'expected false with the format "dict", which Django is to read.',
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
  return Object.entries(input).every(([version, step]) => /^[1-9]\d*$/.test(version) && typeof step === "function");
}

/** More is most often milliseconds, as other libraries have them: 14 days of those are 38 years of seconds. */
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

// draft-ietf-httpbis-rfc6265bis section 4.1.3 (prefixes) and 5.7 (SameSite=None and Partitioned need Secure):
// browsers drop a cookie that breaks these without a word.
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
  if (/^__host-/i.test(name) && domain !== undefined) fail("domain", `expected none, since the name is "${name}".`);
  if (/^__(?:host-)?http-/i.test(name) && !httpOnly) fail("httpOnly", `expected true, since the name is "${name}".`);
  if (sameSite === "none" && !isSecure) fail("secure", 'expected true, since sameSite is "none".');
  if (onInsecure === "refuse" && !isSecure) fail("secure", 'expected true, since onInsecure is "refuse".');
  if (partitioned && !isSecure) fail("secure", "expected true, since partitioned is set.");
}
