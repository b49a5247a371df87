import { getHashes } from "node:crypto";
import * as v from "valibot";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import type { EarlierSessionsFactory } from "../../session/take-over/earlier-sessions.ts";
import { sign, unsign } from "../cookie-signature.ts";
import {
  COOKIE_MEMBER,
  type CookieForm,
  cookieAttributes,
  endOfCookie,
  makeSessionSource,
  secretsSchema,
  type SessionSourceOptions,
  signedCookies,
  sourceEntries,
} from "../session-source.ts";

/** A signer of an application, as @fastify/session takes it in place of secrets. */
export interface CookieSigner {
  sign(value: string): string;
  unsign(value: string): { readonly valid: boolean; readonly value: string | null };
}

/** Options of {@link fastifySessionSource}. */
export interface FastifySessionSourceOptions extends SessionSourceOptions {
  /** `secret` of @fastify/session: the first of several signs, all verify; or a signer. */
  readonly secret: string | readonly string[] | CookieSigner;
  /** `cookieName` of @fastify/session. @defaultValue `"sessionId"` */
  readonly cookieName?: string | undefined;
  /** `cookiePrefix` of @fastify/session. @defaultValue `""` */
  readonly cookiePrefix?: string | undefined;
  /** `algorithm` of @fastify/session. @defaultValue `"sha256"` */
  readonly algorithm?: string | undefined;
  /** `prefix` of connect-redis. @defaultValue `"sess:"` */
  readonly prefix?: string | undefined;
}

const ALGORITHM = 'the name of a hash, such as "sha256"';

const optionsSchema = settingsObject({
  ...sourceEntries,
  secret: v.union(
    [secretsSchema, v.custom<CookieSigner>(isSigner)],
    "a secret text, several, or an object with sign() and unsign()",
  ),
  cookieName: v.optional(v.string("the name of a cookie"), "sessionId"),
  cookiePrefix: v.optional(v.string("text"), ""),
  algorithm: v.optional(
    v.pipe(
      v.string(ALGORITHM),
      v.check((name) => getHashes().includes(name), ALGORITHM),
    ),
    "sha256",
  ),
  prefix: v.optional(v.string("text"), "sess:"),
});

/**
 * Sessions of @fastify/session 11 with connect-redis, for `sessions.takeOver`: its signed cookies,
 * and its records in Redis.
 *
 * @throws {ImproperlyConfigured} For a wrong option.
 * @example
 * ```ts
 * import { createSojourn } from "sojourn";
 * import { fastifySessionSource } from "sojourn/integrations/fastify-session";
 *
 * const from = fastifySessionSource({ secret: "a secret with a length of 32 or more" });
 * const { sessions } = createSojourn({
 *   projectName: "myproject",
 *   secretKey: process.env["SECRET_KEY"],
 *   sessions: { takeOver: { from, moves: true } },
 * });
 * ```
 */
export function fastifySessionSource(options: FastifySessionSourceOptions): EarlierSessionsFactory {
  const parsed = parseSettings(optionsSchema, options, "fastifySessionSource");
  const { cookieName, cookiePrefix } = parsed;
  const form = formOf(parsed.secret, parsed.algorithm);
  return makeSessionSource({
    ...parsed,
    name: "@fastify/session",
    cookies: signedCookies(cookieAttributes(cookieName, parsed.cookie), {
      unsign: (value) =>
        value.startsWith(cookiePrefix) ? form.unsign(value.slice(cookiePrefix.length)) : undefined,
      sign: (id) => cookiePrefix + form.sign(id),
    }),
    own: { ...COOKIE_MEMBER, endOf: endOfCookie },
  });
}

function formOf(secret: string | readonly string[] | CookieSigner, algorithm: string): CookieForm {
  if (typeof secret === "object" && "unsign" in secret)
    return {
      unsign: (value) => {
        const { valid, value: id } = secret.unsign(value);
        return valid && typeof id === "string" ? id : undefined;
      },
      sign: (id) => secret.sign(id),
    };
  const secrets = [secret].flat();
  return {
    unsign: (value) => unsign(value, secrets, algorithm),
    sign: (id) => sign(id, secrets[0] ?? "", algorithm),
  };
}

function isSigner(input: unknown): boolean {
  const { sign: signs, unsign: unsigns } = (input ?? {}) as Partial<Record<string, unknown>>;
  return typeof signs === "function" && typeof unsigns === "function";
}
