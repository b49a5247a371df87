import { createHmac, timingSafeEqual } from "node:crypto";
import * as v from "valibot";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import { clearCookie, type CookieAttributes, setCookie } from "../../session/http/cookie.ts";
import type {
  EarlierCookies,
  EarlierFormat,
  EarlierSessionsFactory,
} from "../../session/take-over/earlier-sessions.ts";
import {
  cookieAttributes,
  cookieValues,
  makeSessionSource,
  readIds,
  secretsSchema,
  type SessionSourceOptions,
  sourceEntries,
  toLife,
} from "../session-source.ts";

/** Signatures of cookies, as the package `keygrip` makes them. */
export interface KeygripLike {
  sign(data: string): string;
  verify(data: string, digest: string): boolean;
}

/** Options of {@link koaSessionSource}. */
export interface KoaSessionSourceOptions extends SessionSourceOptions {
  /** `app.keys` of Koa: the first of several signs, all verify; or a Keygrip. */
  readonly keys: string | readonly string[] | KeygripLike;
  /** `key` of koa-session: the name of the cookie. @defaultValue `"koa.sess"` */
  readonly key?: string | undefined;
  /** `signed` of koa-session. @defaultValue `true` */
  readonly signed?: boolean | undefined;
  /** First part of the keys in Redis, which the store puts before an id. @defaultValue `""` */
  readonly prefix?: string | undefined;
  /** `prefix` of koa-session: the first part of each id. @defaultValue `""` */
  readonly idPrefix?: string | undefined;
  /**
   * Returns whether a text is an id of a session, for `sessions.takeOverAll()`, which finds other keys
   * as well.
   *
   * @defaultValue whether it is `idPrefix` and a UUID, as koa-session makes them
   */
  readonly isId?: ((id: string) => boolean) | undefined;
}

const KEYS = "app.keys: a secret text, several, or a Keygrip";

const optionsSchema = settingsObject({
  ...sourceEntries,
  keys: v.union([secretsSchema, v.custom<KeygripLike>(isKeygrip)], KEYS),
  key: v.optional(v.string("the name of a cookie"), "koa.sess"),
  signed: v.optional(v.boolean("true or false"), true),
  prefix: v.optional(v.string("text"), ""),
  idPrefix: v.optional(v.string("text"), ""),
  isId: v.optional(v.custom<(id: string) => boolean>((input) => typeof input === "function", "a function")),
});

/** One day, in milliseconds: the default `maxAge` of koa-session. */
const DAY = 86_400_000;

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Sessions of koa-session 7 with a store in Redis that keeps JSON, such as koa-redis, for
 * `sessions.takeOver`. Its sessions in cookies have no record that could be taken over.
 *
 * @throws {ImproperlyConfigured} For a wrong option.
 * @example
 * ```ts
 * import { createSojourn } from "sojourn";
 * import { koaSessionSource } from "sojourn/integrations/koa-session";
 *
 * const { sessions } = createSojourn({
 *   projectName: "myproject",
 *   secretKey: process.env["SECRET_KEY"],
 *   sessions: { takeOver: { from: koaSessionSource({ keys: ["a key of app.keys"] }), moves: true } },
 * });
 * ```
 */
export function koaSessionSource(options: KoaSessionSourceOptions): EarlierSessionsFactory {
  const parsed = parseSettings(optionsSchema, options, "koaSessionSource");
  const { idPrefix } = parsed;
  const isId =
    parsed.isId ?? ((id: string) => id.startsWith(idPrefix) && UUID.test(id.slice(idPrefix.length)));
  const attributes = cookieAttributes(parsed.key, parsed.cookie);
  return makeSessionSource({
    ...parsed,
    name: "koa-session",
    isId,
    cookies: parsed.signed ? signedApart(attributes, toKeygrip(parsed.keys)) : unsigned(attributes),
    own: KOA_MEMBERS,
  });
}

const KOA_MEMBERS: Pick<EarlierFormat, "isOwn" | "ownMembers" | "lifeOf" | "endOf"> = {
  isOwn: (name) => name === "_expire" || name === "_maxAge" || name === "_session",
  ownMembers: ({ _session, _maxAge }, now) => {
    if (_session === true) return { _session };
    const life = toLife(_maxAge) ?? DAY;
    return { _expire: now + life, _maxAge: life };
  },
  lifeOf: ({ _maxAge }) => toLife(_maxAge),
  endOf: ({ _expire }) => (typeof _expire === "number" ? _expire : undefined),
};

/** Cookies of the package `cookies`: the id, and its signature in a second cookie. */
function signedApart(attributes: CookieAttributes, keygrip: KeygripLike): EarlierCookies {
  const { name } = attributes;
  const signature: CookieAttributes = { ...attributes, name: `${name}.sig` };
  return {
    idsIn: (header) => {
      const signatures = cookieValues(header, signature.name).slice(0, 4);
      return readIds(cookieValues(header, name), (id) =>
        signatures.some((each) => keygrip.verify(`${name}=${id}`, each)) ? id : undefined,
      );
    },
    headerOf: (id) => `${name}=${id}; ${signature.name}=${keygrip.sign(`${name}=${id}`)}`,
    set: (id, lifetime) => [
      setCookie(attributes, id, lifetime),
      setCookie(signature, keygrip.sign(`${name}=${id}`), lifetime),
    ],
    clear: (isSecure) => [clearCookie(attributes, isSecure), clearCookie(signature, isSecure)],
  };
}

function unsigned(attributes: CookieAttributes): EarlierCookies {
  return {
    idsIn: (header) => readIds(cookieValues(header, attributes.name), (id) => id),
    headerOf: (id) => `${attributes.name}=${id}`,
    set: (id, lifetime) => [setCookie(attributes, id, lifetime)],
    clear: (isSecure) => [clearCookie(attributes, isSecure)],
  };
}

/** `new Keygrip(keys)` of keygrip 1: HMAC-SHA-1 in base64url. */
function toKeygrip(keys: string | readonly string[] | KeygripLike): KeygripLike {
  if (isKeygrip(keys)) return keys;
  const secrets = [keys].flat();
  const signed = (data: string, key: string): string =>
    createHmac("sha1", key).update(data).digest("base64url");
  return {
    sign: (data) => signed(data, secrets[0] ?? ""),
    verify: (data, digest) =>
      secrets.some((key) => {
        const [expected, given] = [Buffer.from(signed(data, key)), Buffer.from(digest)];
        return expected.length === given.length && timingSafeEqual(expected, given);
      }),
  };
}

function isKeygrip(input: unknown): input is KeygripLike {
  const { sign, verify } = (input ?? {}) as Partial<Record<string, unknown>>;
  return typeof sign === "function" && typeof verify === "function";
}
