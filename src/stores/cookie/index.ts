import * as v from "valibot";

import { parseSettings, settingsObject } from "../../core/settings.ts";
import { CookieSessionStore } from "./cookie-session-store.ts";

/** Options of {@link cookieSessionStore}. */
export interface CookieSessionStoreOptions {
  /**
   * Accepts the limits of cookies, and turns off the warning at start (`SOJOURN_COOKIE_SESSIONS`):
   * of two parallel requests the changes of one are lost, and a copy of a cookie works after the
   * logout until it expires.
   *
   * @defaultValue `false`
   */
  readonly acceptsLostUpdates?: boolean;
}

const optionsSchema = settingsObject({
  acceptsLostUpdates: v.optional(v.boolean("true or false"), false),
});

/**
 * Keeps each session in its cookie, signed like those of Django's engine `signed_cookies`: the
 * server stores nothing, so nothing can be listed, revoked or merged. Visitors can read their own
 * data unless `sessions.encrypt` is set.
 *
 * A cookie of more than 4096 bytes, with its name and attributes, throws
 * {@link SessionTooLargeError} when it is saved.
 *
 * @throws {ImproperlyConfigured} For a wrong option; and once the settings are complete, for
 * `sessions.hashKeys`, `sessions.maxPerUser`, `sessions.renewEvery` and `sessions.format: "json"`,
 * which cannot work with it.
 */
export function cookieSessionStore(options: CookieSessionStoreOptions = {}): CookieSessionStore {
  return new CookieSessionStore(parseSettings(optionsSchema, options, "cookieSessionStore"));
}
