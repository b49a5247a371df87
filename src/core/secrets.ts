import * as v from "valibot";
import { ImproperlyConfigured } from "./errors.ts";
import type { SettingsSchema } from "./settings.ts";

/** Minimum number of characters of a secret: those of 16 random bytes in hexadecimal digits. */
const MIN_SECRET = 32;

const EXPECTED = `a secret text of at least ${MIN_SECRET} characters`;

const ADVICE =
  "Is the environment variable set that it comes from? A new secret is made by: " +
  "node -p \"require('node:crypto').randomBytes(32).toString('base64url')\"";

/** Schema of a secret that may be missing. {@link checkSecret} reports a missing one. */
export function givenSecretSchema(): SettingsSchema<string | null | undefined, string | null | undefined> {
  return v.nullish(v.string(EXPECTED));
}

/** Schema of a secret of any length. */
export function secretSchema(): SettingsSchema<string, string> {
  return v.pipe(v.string("a secret text"), v.minLength(1, "a secret text that is not empty"));
}

/**
 * Checks the secret that signs.
 *
 * @param isSites Whether it is a Django site's own, which cannot be changed for Node's sake: a
 *   short one is only a warning then.
 * @throws {ImproperlyConfigured} For a missing or short secret.
 */
export function checkSecret(secret: string | null | undefined, setting: string, isSites: boolean): string {
  const given = requireSecret(secret, setting);
  if (given.length >= MIN_SECRET) return given;
  if (!isSites) throw unfit(setting, `one of ${given.length}`);
  warnOfShortSecret("SECRET_KEY of the Django site", given.length);
  return given;
}

/** Checks that there is a secret, of any length. @throws {ImproperlyConfigured} */
export function requireSecret(secret: string | null | undefined, setting: string): string {
  if (secret === undefined || secret === null) throw unfit(setting, secret === null ? "null" : "nothing");
  if (secret === "") throw unfit(setting, "an empty text");
  return secret;
}

function unfit(setting: string, got: string): ImproperlyConfigured {
  return new ImproperlyConfigured(setting, `expected ${EXPECTED}, got ${got}. ${ADVICE}`);
}

/** Warns of short old secrets: they still verify, and cannot be made longer. */
export function checkFallbackSecrets(secrets: readonly string[], setting: string): void {
  for (const [index, { length }] of secrets.entries()) {
    if (length < MIN_SECRET) warnOfShortSecret(`${setting}[${index}]`, length);
  }
}

function warnOfShortSecret(what: string, length: number): void {
  process.emitWarning(
    `${what} has ${length} characters. A caller that guesses it can forge sessions. Use one of at least ${MIN_SECRET} random ` +
      "characters, and keep the short one among the fallbacks only until its sessions have ended.",
    { type: "SojournWarning", code: "SOJOURN_SHORT_SECRET" },
  );
}
