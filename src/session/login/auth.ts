import { sessionAuthHash } from "../../codec/auth-hash.ts";
import { checkOptions, knownOptions } from "../../core/calls.ts";
import { describeKind } from "../../core/descriptions.ts";
import { SessionUsageError } from "../../core/errors.ts";
import { writeJson } from "../../json/index.ts";
import type { SessionRecord } from "../record/session-record.ts";

/** Key of the user id, as text, in every record: Django's name (`contrib.auth.SESSION_KEY`). */
export const USER_ID_KEY = "_auth_user_id";

/** Django's default, `AUTHENTICATION_BACKENDS[0]`. */
/** Django's default authentication backend. */
export const MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend";

/** Id of a user. Numbers and bigints are stored as text, like Django's primary keys. */
export type UserId = string | number | bigint;

/** Data that Django needs to accept a login made here. */
export interface DjangoLogin {
  /** `user.password` in Django: the stored password hash. Only its HMAC is kept. */
  readonly password: string;
  /**
   * Dotted path from `AUTHENTICATION_BACKENDS`.
   *
   * @defaultValue `"django.contrib.auth.backends.ModelBackend"`
   */
  readonly backend?: string;
}

/** Options of `session.login`. */
export interface LoginOptions {
  /**
   * Data to keep: `true` for all, `false` for none, or the names of the keys.
   *
   * @defaultValue All for an anonymous visitor and for the same user, nothing for another user.
   */
  readonly keep?: boolean | readonly string[];
  /** Makes Django accept the login as its own. */
  readonly django?: DjangoLogin;
}

const LOGIN_OPTIONS = knownOptions(
  "session.login()",
  ["keep", "django"],
  "{ keep: true }",
  SessionUsageError,
);

/** @throws {SessionUsageError} For invalid options. */
export function checkLoginOptions(options: unknown): void {
  checkOptions(options, LOGIN_OPTIONS);
  const { keep, django } = options as {
    readonly keep?: unknown;
    readonly django?: Partial<DjangoLogin> | null;
  };
  if (keep !== undefined && typeof keep !== "boolean" && !Array.isArray(keep)) {
    throw new SessionUsageError(
      `session.login() expected keep as true, false or an array of the names of keys, got ${describeKind(keep)}.`,
    );
  }
  if (django === undefined) return;
  const password = django?.password;
  if (typeof password === "string") return;
  throw new SessionUsageError(
    `session.login() expected django.password, the hash that Django stores, got ${describeKind(password)}.`,
  );
}

/** Returns whether a key belongs to the login. These keys are merged as one part. */
export function isAuthKey(key: string): boolean {
  return key.startsWith("_auth_");
}

/** Returns the user of a record; `undefined` for an anonymous visitor. */
export function userIdOf(record: SessionRecord): string | undefined {
  const id = record.read(USER_ID_KEY);
  return typeof id === "string" && id !== "" ? id : undefined;
}

export function isUserId(userId: unknown): boolean {
  if (typeof userId === "string") return userId !== "" && userId.isWellFormed();
  return typeof userId === "bigint" || Number.isSafeInteger(userId);
}

/**
 * @param method Called method, for the message.
 * @throws {SessionUsageError} For an empty text, NaN or a value of another type.
 */
export function checkUserId(userId: UserId, method: string): string {
  if (isUserId(userId)) return String(userId);
  throw new SessionUsageError(
    `${method}() expected a user id (text, an integer or a bigint), got ${describeKind(userId)}. ` +
      "Pass the id that the application knows the user by.",
  );
}

/** Returns the record of a login: the data to keep, and the user. */
export function loginRecord(
  record: SessionRecord,
  userId: string,
  { keep, django }: LoginOptions,
  secretKey: string,
): SessionRecord {
  const previous = userIdOf(record);
  const kept = keep ?? (previous === undefined || previous === userId);
  const delta = new Map<string, string | undefined>();
  for (const key of record.members.keys())
    if (isAuthKey(key) || !isKept(key, kept)) delta.set(key, undefined);
  for (const [key, value] of Object.entries(authMembers(userId, django, secretKey)))
    delta.set(key, writeJson(value, key));
  return record.with(delta);
}

function isKept(key: string, keep: boolean | readonly string[]): boolean {
  return typeof keep === "boolean" ? keep : keep.includes(key);
}

function authMembers(
  userId: string,
  django: DjangoLogin | undefined,
  secretKey: string,
): Record<string, string> {
  if (django === undefined) return { [USER_ID_KEY]: userId };
  return {
    [USER_ID_KEY]: userId,
    _auth_user_backend: django.backend ?? MODEL_BACKEND,
    _auth_user_hash: sessionAuthHash(django.password, secretKey),
  };
}
