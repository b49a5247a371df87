import * as v from "valibot";
import type { EpochMilliseconds, Milliseconds } from "../core/clock.ts";
import { settingsObject } from "../core/settings.ts";
import { type CookieAttributes, clearCookie, MAX_MAX_AGE, setCookie } from "../session/http/cookie.ts";
import {
  type EarlierCookies,
  type EarlierFormat,
  type EarlierIds,
  type EarlierSessionsFactory,
  type JsonMembers,
  MAX_ID_LENGTH,
  MAX_IDS,
} from "../session/take-over/earlier-sessions.ts";
import { RedisEarlierRecords } from "../stores/redis/redis-earlier-records.ts";

/** Attributes of the cookie that another library sets. They have to be those of its settings. */
export interface SourceCookieOptions {
  /** @defaultValue `"/"` */
  readonly path?: string | undefined;
  /** @defaultValue none */
  readonly domain?: string | undefined;
  /** @defaultValue `"auto"` */
  readonly secure?: boolean | "auto" | undefined;
  /** @defaultValue `true` */
  readonly httpOnly?: boolean | undefined;
  /** @defaultValue `"lax"` */
  readonly sameSite?: "lax" | "strict" | "none" | undefined;
}

/** Options that all sources of sessions have. */
export interface SessionSourceOptions {
  /**
   * Name of the connection to the Redis of the earlier sessions.
   *
   * @defaultValue `"default"`
   */
  readonly connection?: string | undefined;
  readonly cookie?: SourceCookieOptions | undefined;
  /**
   * Returns the id of the user who is logged in. Without one, the visitor is anonymous and keeps
   * the data.
   *
   * @defaultValue `data.passport.user`, as Passport has it, if it is text or an integer
   */
  readonly userOf?: ((data: JsonMembers) => unknown) | undefined;
  /**
   * Logs a user in or out in the earlier library's data, while sessions stay there.
   *
   * @defaultValue sets `data.passport` to `{ user: userId }`, as Passport does, or deletes it
   */
  readonly setUser?: ((data: Record<string, unknown>, userId: string | undefined) => void) | undefined;
  /**
   * Serializer of the records.
   *
   * @defaultValue JSON
   */
  readonly serializer?: SessionSerializer | undefined;
}

/** Serializer of a session library, as connect-redis takes it. */
export interface SessionSerializer {
  parse(text: string): unknown;
  stringify(session: object): string;
}

const isFunction = (input: unknown): boolean => typeof input === "function";
const SERIALIZER = "an object with parse() and stringify()";
const SECRETS = "a secret text, or several";

const isSerializer = (input: unknown): boolean => {
  const { parse, stringify } = (input ?? {}) as Partial<Record<string, unknown>>;
  return isFunction(parse) && isFunction(stringify);
};

/** {@link SourceCookieOptions}, checked and complete. */
export interface CheckedSourceCookie {
  readonly path: string;
  readonly domain?: string | undefined;
  readonly secure: boolean | "auto";
  readonly httpOnly: boolean;
  readonly sameSite: "lax" | "strict" | "none";
}

/** Schemas of {@link SessionSourceOptions}. */
export interface SourceEntries extends v.ObjectEntries {
  readonly connection: v.GenericSchema<string | undefined, string>;
  readonly cookie: v.GenericSchema<SourceCookieOptions | undefined, CheckedSourceCookie>;
  readonly userOf: v.GenericSchema<SessionSourceOptions["userOf"]>;
  readonly setUser: v.GenericSchema<SessionSourceOptions["setUser"]>;
  readonly serializer: v.GenericSchema<SessionSerializer | undefined>;
}

export const sourceEntries: SourceEntries = {
  connection: v.optional(v.string("the name of a connection"), "default"),
  cookie: v.optional(
    settingsObject({
      path: v.optional(v.string('a path such as "/"'), "/"),
      domain: v.optional(v.string("a host name")),
      secure: v.optional(v.union([v.boolean(), v.literal("auto")], 'true, false or "auto"'), "auto"),
      httpOnly: v.optional(v.boolean("true or false"), true),
      sameSite: v.optional(v.picklist(["lax", "strict", "none"], '"lax", "strict" or "none"'), "lax"),
    }),
    {},
  ),
  userOf: v.optional(v.custom<NonNullable<SessionSourceOptions["userOf"]>>(isFunction, "a function")),
  setUser: v.optional(v.custom<NonNullable<SessionSourceOptions["setUser"]>>(isFunction, "a function")),
  serializer: v.optional(v.custom<SessionSerializer>(isSerializer, SERIALIZER)),
};

const text = v.pipe(v.string(SECRETS), v.minLength(1, SECRETS));

/** Schema of one secret or several. */
export const secretsSchema: v.GenericSchema<string | string[]> = v.union(
  [text, v.pipe(v.array(text, SECRETS), v.minLength(1, SECRETS))],
  SECRETS,
);

/** Parts in which the libraries differ. */
export interface SourceParts extends SessionSourceOptions {
  /** Name of the library. */
  readonly name: string;
  /** First part of the keys in Redis. */
  readonly prefix: string;
  readonly connection: string;
  /** Returns whether a text is an id. @defaultValue any is */
  readonly isId?: (id: string) => boolean;
  readonly cookies: EarlierCookies;
  readonly own: Pick<EarlierFormat, "isOwn" | "ownMembers" | "lifeOf" | "endOf">;
}

/** Makes a source of sessions. */
export function makeSessionSource(parts: SourceParts): EarlierSessionsFactory {
  const { name, prefix, connection, cookies, own, isId = () => true } = parts;
  const { userOf = passportUserOf, setUser = setPassportUser, serializer } = parts;
  return ({ redis, maxBytes }) => ({
    name,
    cookies,
    records: new RedisEarlierRecords(redis.get(connection), { prefix, isId, maxBytes }),
    format: {
      ...own,
      toJson: (record) => (serializer === undefined ? record : JSON.stringify(serializer.parse(record))),
      fromJson: (json) =>
        serializer === undefined ? json : serializer.stringify(JSON.parse(json) as object),
      userOf,
      setUser,
    },
  });
}

function passportUserOf({ passport }: JsonMembers): unknown {
  return isObject(passport) && Object.hasOwn(passport, "user") ? passport["user"] : undefined;
}

function setPassportUser(data: Record<string, unknown>, userId: string | undefined): void {
  if (userId === undefined) delete data["passport"];
  else data["passport"] = { user: userId };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Form in which a library puts an id into a cookie. */
export interface CookieForm {
  /** Returns the id of a value; `undefined` if its signature is wrong. */
  unsign(value: string): string | undefined;
  /** Returns the value for an id. */
  sign(id: string): string;
}

/** Cookies with a signed id as their value, percent-encoded. */
export function signedCookies(attributes: CookieAttributes, form: CookieForm): EarlierCookies {
  const valueOf = (id: string): string => encodeURIComponent(form.sign(id));
  return {
    idsIn: (header) =>
      readIds(cookieValues(header, attributes.name).map(decoded), (value) => form.unsign(value)),
    headerOf: (id) => `${attributes.name}=${valueOf(id)}`,
    set: (id, lifetime) => [setCookie(attributes, valueOf(id), lifetime)],
    clear: (isSecure) => [clearCookie(attributes, isSecure)],
  };
}

/** Sorts values into ids and a forged one. */
export function readIds(
  values: readonly string[],
  unsign: (value: string) => string | undefined,
): EarlierIds {
  const ids: string[] = [];
  let forged: string | undefined;
  for (const value of new Set(values.slice(0, MAX_IDS))) {
    const id = value.length > 4 * MAX_ID_LENGTH ? undefined : unsign(value);
    if (id === undefined || id === "" || id.length > MAX_ID_LENGTH) forged ??= value;
    else ids.push(id);
  }
  return { ids, forged };
}

/** Returns the attributes of an earlier library's cookie. */
export function cookieAttributes(
  name: string,
  { path, domain, secure, httpOnly, sameSite }: CheckedSourceCookie,
): CookieAttributes {
  const others = { partitioned: false, priority: undefined, previous: [] };
  return { name, path, domain, secure, httpOnly, sameSite, ...others };
}

/** Returns the values of the cookies of a name, as they stand in the header. */
export function cookieValues(header: string | undefined, name: string): string[] {
  const values: string[] = [];
  for (const pair of header?.split(";") ?? []) {
    const equals = pair.indexOf("=");
    if (equals >= 0 && pair.slice(0, equals).trim() === name)
      values.push(unquoted(pair.slice(equals + 1).trim()));
  }
  return values;
}

function unquoted(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    // Not percent-encoded: as it is, as the package `cookie` takes it.
    return value;
  }
}

/** Returns the end that the cookie of a record states. */
export function endOfCookie({ cookie }: JsonMembers): EpochMilliseconds | undefined {
  const expires = isObject(cookie) ? cookie["expires"] : undefined;
  const end = typeof expires === "string" ? Date.parse(expires) : Number.NaN;
  return Number.isNaN(end) ? undefined : end;
}

/** Members of express-session and @fastify/session: `cookie`. */
export const COOKIE_MEMBER: Pick<EarlierFormat, "isOwn" | "ownMembers" | "lifeOf"> = {
  isOwn: (name) => name === "cookie",
  ownMembers: ({ cookie }, now) => ({ cookie: withNewEnd(isObject(cookie) ? cookie : {}, now) }),
  lifeOf: ({ cookie }) => (isObject(cookie) ? toLife(cookie["originalMaxAge"]) : undefined),
};

/** Returns a span of milliseconds that a record states, if it is one that a browser keeps a cookie. */
export function toLife(span: unknown): Milliseconds | undefined {
  return typeof span === "number" && span >= 1 && span <= MAX_MAX_AGE ? span : undefined;
}

function withNewEnd(cookie: JsonMembers, now: EpochMilliseconds): JsonMembers {
  const { originalMaxAge = null } = cookie;
  const life = toLife(originalMaxAge);
  const expires = life === undefined ? (cookie["expires"] ?? null) : new Date(now + life).toISOString();
  return { path: "/", httpOnly: true, ...cookie, originalMaxAge, expires };
}
