import { createHash, createHmac } from "node:crypto";

const KEY_SALT = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash";

/**
 * Returns the value of `_auth_user_hash`, which Django 3.1 and newer
 * (`AbstractBaseUser.get_session_auth_hash`) keeps in a session, so that a change of the password
 * ends it.
 *
 * @param password The user's stored password hash (`user.password` in Django), not the password
 *   itself.
 * @param secretKey Django's `SECRET_KEY`.
 */
export function sessionAuthHash(password: string, secretKey: string): string {
  const key = createHash("sha256").update(KEY_SALT).update(secretKey).digest();
  return createHmac("sha256", key).update(password).digest("hex");
}
