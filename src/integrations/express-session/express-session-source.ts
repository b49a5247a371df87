import * as v from "valibot";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import type { EarlierSessionsFactory } from "../../session/take-over/earlier-sessions.ts";
import {
  COOKIE_MEMBER,
  cookieAttributes,
  makeSessionSource,
  secretsSchema,
  type SessionSourceOptions,
  signedCookies,
  sourceEntries,
} from "../session-source.ts";
import { sign, unsign } from "../cookie-signature.ts";

/** Options of {@link expressSessionSource}. */
export interface ExpressSessionSourceOptions extends SessionSourceOptions {
  /** `secret` of express-session: the first of several signs, all verify. */
  readonly secret: string | readonly string[];
  /** Name of the cookie. @defaultValue `"connect.sid"` */
  readonly name?: string | undefined;
  /** `prefix` of connect-redis. @defaultValue `"sess:"` */
  readonly prefix?: string | undefined;
}

const optionsSchema = settingsObject({
  ...sourceEntries,
  secret: secretsSchema,
  name: v.optional(v.string("the name of a cookie"), "connect.sid"),
  prefix: v.optional(v.string("text"), "sess:"),
});

/**
 * Sessions of express-session 1.x with connect-redis, for `sessions.takeOver`: its signed cookies,
 * and its records in Redis.
 *
 * @throws {ImproperlyConfigured} For a wrong option.
 * @example
 * ```ts
 * import { createSojourn } from "sojourn";
 * import { expressSessionSource } from "sojourn/integrations/express-session";
 *
 * const { sessions } = createSojourn({
 *   projectName: "myproject",
 *   secretKey: process.env["SECRET_KEY"],
 *   sessions: { takeOver: { from: expressSessionSource({ secret: "keyboard cat" }), moves: true } },
 * });
 * ```
 */
export function expressSessionSource(options: ExpressSessionSourceOptions): EarlierSessionsFactory {
  const parsed = parseSettings(optionsSchema, options, "expressSessionSource");
  const secrets = [parsed.secret].flat();
  return makeSessionSource({
    ...parsed,
    name: "express-session",
    cookies: signedCookies(cookieAttributes(parsed.name, parsed.cookie), {
      unsign: (value) => (value.startsWith("s:") ? unsign(value.slice(2), secrets) : undefined),
      sign: (id) => `s:${sign(id, secrets[0] ?? "")}`,
    }),
    // connect-redis extends a record without rewriting it, so the end that it states may have passed.
    own: { ...COOKIE_MEMBER, endOf: () => undefined },
  });
}
