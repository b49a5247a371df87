import { isDeepStrictEqual } from "node:util";
import * as v from "valibot";
import { sessionAuthHash } from "../codec/auth-hash.ts";
import { ImproperlyConfigured, SessionInterrupted, SessionUsageError } from "../core/errors.ts";
import { requireSecret, givenSecretSchema, secretSchema } from "../core/secrets.ts";
import { parseSettings, settingsObject } from "../core/settings.ts";
import { MODEL_BACKEND, type UserId } from "../session/login/auth.ts";
import type { Session } from "../session/session.ts";
import { constantTimeCompare } from "./constant-time-compare.ts";
import { CSRF_KEY, hasCsrfSecret, rotateCsrfToken } from "./csrf.ts";

// Names of django.contrib.auth (`SESSION_KEY`, `BACKEND_SESSION_KEY`, `HASH_SESSION_KEY`).
const USER_ID_KEY = "_auth_user_id";
const BACKEND_KEY = "_auth_user_backend";
const HASH_KEY = "_auth_user_hash";

/** A user, as {@link DjangoAuth} needs it. */
export interface DjangoUser {
  /**
   * Django's `user.password`: the stored hash, not the password itself. Unusable ones (`!…`) are
   * allowed.
   */
  readonly password: string;
}

/** A user who logs in, or whose password has changed. */
export interface IdentifiedUser extends DjangoUser {
  /** The primary key. */
  readonly id: UserId;
}

/** A user who logs in. */
export interface AuthenticatedUser extends IdentifiedUser {
  /** Backend that has authenticated the user. @defaultValue the only one of `backends` */
  readonly backend?: string;
}

/** Settings of {@link djangoAuth}. */
export interface DjangoAuthSettings<User extends DjangoUser> {
  /** `SECRET_KEY`, the same as for `createSojourn`. */
  readonly secretKey: string | undefined;
  /** `SECRET_KEY_FALLBACKS`. @defaultValue `[]` */
  readonly secretKeyFallbacks?: readonly string[];
  /**
   * `AUTHENTICATION_BACKENDS`. At least one.
   *
   * @defaultValue `["django.contrib.auth.backends.ModelBackend"]`
   */
  readonly backends?: readonly string[];
  /**
   * Finds a user by the primary key, as text. Returns `undefined` for an unknown user and for one
   * who may no longer log in (`is_active` is false), as the backend's `get_user` does.
   */
  readonly findUser: (userId: string) => Promise<User | undefined>;
}

/** Options of {@link DjangoAuth.getUser}. */
export interface GetUserOptions {
  /**
   * Whether a login under one of the fallback secrets gets a new key. Pass `false` if no response
   * can carry it to the browser, as for sessions of `sessions.open()`.
   *
   * @defaultValue `true`
   */
  readonly cycleKey?: boolean;
}

const settingsSchema = settingsObject({
  secretKey: givenSecretSchema(),
  secretKeyFallbacks: v.optional(v.array(secretSchema(), "an array of secret texts"), []),
  backends: v.optional(
    v.pipe(
      v.array(v.string("a dotted path"), "an array of dotted paths"),
      v.minLength(1, "an array of at least one dotted path"),
    ),
    [MODEL_BACKEND],
  ),
  findUser: v.function("a function that finds a user"),
});

/**
 * Logins in the form of `django.contrib.auth`, for sessions that a Django site shares.
 *
 * @throws {ImproperlyConfigured} Naming the setting, the expected and the actual value.
 */
export function djangoAuth<User extends DjangoUser>(settings: DjangoAuthSettings<User>): DjangoAuth<User> {
  const { secretKeyFallbacks, backends, ...given } = parseSettings(settingsSchema, settings, "djangoAuth");
  const secretKey = requireSecret(given.secretKey, "djangoAuth.secretKey");
  return new DjangoAuth({ secretKey, secretKeyFallbacks, backends, findUser: settings.findUser });
}

/** {@link DjangoAuthSettings}, checked and complete. */
type CheckedSettings<User extends DjangoUser> = Required<DjangoAuthSettings<User>> & {
  readonly secretKey: string;
};

/**
 * The functions of `django.contrib.auth`. Created by {@link djangoAuth}; one instance serves all
 * requests.
 */
export class DjangoAuth<User extends DjangoUser> {
  readonly #settings: CheckedSettings<User>;

  /** @internal Use {@link djangoAuth}. */
  constructor(settings: CheckedSettings<User>) {
    this.#settings = settings;
  }

  /**
   * Returns the logged-in user, verified as by Django's `get_user`: the backend is one of the
   * settings', the user exists, and the password has not changed since the login. A login under a
   * fallback secret gets a new key and a hash under the current secret; a login with another hash,
   * or without one, is ended by `session.logout()`.
   *
   * @returns `undefined` for an anonymous visitor.
   * @throws Errors of `findUser`, and those of `session.cycleKey` and `session.logout` if the store
   *   fails.
   */
  async getUser<Data extends object>(
    session: Session<Data>,
    { cycleKey = true }: GetUserOptions = {},
  ): Promise<User | undefined> {
    const { userId, backend, hash } = readLogin(session);
    if (userId === undefined || !this.#isOurBackend(backend)) return undefined;
    const user = await this.#settings.findUser(userId);
    if (user === undefined) return undefined;
    // Another part of this request has logged in or out meanwhile, or has renewed the hash.
    if (!isDeepStrictEqual(readLogin(session), { userId, backend, hash }))
      return this.getUser(session, { cycleKey });
    const fit = this.#verify(hash, user);
    if (fit === "none") return endLogin(session);
    if (fit === "fallback" && cycleKey) await this.#rehash(session, user);
    return user;
  }

  /**
   * Logs a user in, like Django's `login`: the session gets a new key, and its CSRF secret, if it
   * has one, is replaced. All data is kept for an anonymous visitor, and for the same user with the
   * same password; otherwise it is dropped.
   *
   * @throws {SessionUsageError} If the backend is not one of the settings', or there are several
   *   and the user names none.
   * @throws {ImproperlyConfigured} If the secret of the sessions is neither `secretKey` nor one of
   *   `secretKeyFallbacks`.
   * @throws Errors of `session.login`.
   */
  async login<Data extends object>(session: Session<Data>, user: AuthenticatedUser): Promise<void> {
    const backend = this.#backendOf(user);
    const keepsAll = this.#mayKeepData(session, user);
    const hasSecret = hasCsrfSecret(session);
    if (hasSecret) rotateCsrfToken(session);
    const kept = hasSecret ? [CSRF_KEY] : [];
    await session.login(user.id, { keep: keepsAll || kept, django: { password: user.password, backend } });
    const { hash } = readLogin(session);
    // A concurrent login by another process may have used an old secret.
    if (hash !== undefined && this.#verify(hash, user) === "none")
      throw new ImproperlyConfigured("djangoAuth.secretKey", SECRET_DIFFERS);
  }

  /** Ends the login and the session, like Django's `logout`. */
  logout<Data extends object>(session: Session<Data>): Promise<void> {
    return session.logout();
  }

  /**
   * Keeps this session alive after its user's password has changed, like Django's
   * `update_session_auth_hash`: it gets a new key and the hash of the new password. The user's
   * other sessions end when they are next read.
   *
   * @param user The user with the new stored hash. A session of another user gets a new key only.
   * @throws Errors of `session.cycleKey`.
   */
  async updateSessionAuthHash<Data extends object>(
    session: Session<Data>,
    user: IdentifiedUser,
  ): Promise<void> {
    if (readLogin(session).userId !== String(user.id)) return session.cycleKey();
    await this.#cycleWithHashOf(session, user, () => session.cycleKey());
  }

  #isOurBackend(backend: string | undefined): boolean {
    return backend !== undefined && this.#settings.backends.includes(backend);
  }

  #backendOf({ backend }: AuthenticatedUser): string {
    const { backends } = this.#settings;
    const chosen = backend ?? (backends.length === 1 ? backends[0] : undefined);
    if (chosen === undefined) throw new SessionUsageError(BACKEND_MISSING);
    if (!this.#isOurBackend(chosen)) throw new SessionUsageError(BACKEND_UNKNOWN);
    return chosen;
  }

  #mayKeepData<Data extends object>(session: Session<Data>, user: IdentifiedUser): boolean {
    const { userId, hash } = readLogin(session);
    return userId === undefined || (userId === String(user.id) && this.#verify(hash, user) !== "none");
  }

  /** Finds the secret under which a hash matches a user's password. */
  #verify(hash: string | undefined, { password }: DjangoUser): "current" | "fallback" | "none" {
    if (hash === undefined) return "none";
    const { secretKey, secretKeyFallbacks } = this.#settings;
    const fits = (secret: string) => constantTimeCompare(hash, sessionAuthHash(password, secret));
    if (fits(secretKey)) return "current";
    return secretKeyFallbacks.some(fits) ? "fallback" : "none";
  }

  /**
   * Ignores two failures, since the login stays valid: the second of two concurrent requests finds
   * that the session has moved, and a response whose headers are out cannot carry a new key.
   */
  async #rehash<Data extends object>(session: Session<Data>, user: DjangoUser): Promise<void> {
    try {
      await this.#cycleWithHashOf(session, user, () => session.renewKey());
    } catch (error) {
      if (!(error instanceof SessionInterrupted || error instanceof SessionUsageError)) throw error;
    }
  }

  async #cycleWithHashOf<Data extends object>(
    session: Session<Data>,
    { password }: DjangoUser,
    cycle: () => Promise<void>,
  ): Promise<void> {
    const data = session.data as Record<string, unknown>;
    const before = data[HASH_KEY];
    const hash = sessionAuthHash(password, this.#settings.secretKey);
    data[HASH_KEY] = hash;
    try {
      await cycle();
    } catch (error) {
      // The session may have ended, and then no longer holds the hash.
      if (data[HASH_KEY] !== hash) throw error;
      // Otherwise the response would try to save it again.
      if (before === undefined) delete data[HASH_KEY];
      else data[HASH_KEY] = before;
      throw error;
    }
  }
}

/** The login recorded in a session. Anything but a non-empty text counts as missing. */
interface Login {
  readonly userId: string | undefined;
  readonly backend: string | undefined;
  readonly hash: string | undefined;
}

function readLogin<Data extends object>(session: Session<Data>): Login {
  const data = session.data as Record<string, unknown>;
  const read = (key: string) => (typeof data[key] === "string" && data[key] !== "" ? data[key] : undefined);
  return { userId: read(USER_ID_KEY), backend: read(BACKEND_KEY), hash: read(HASH_KEY) };
}

/**
 * Ends the session. A session in a cookie cannot be ended if no cookie can be sent: the next
 * request finds it again.
 */
async function endLogin<Data extends object>(session: Session<Data>): Promise<undefined> {
  try {
    await session.logout();
  } catch (error) {
    if (!(error instanceof SessionUsageError)) throw error;
  }
  return undefined;
}

const BACKEND_MISSING =
  "login() needs the user's backend, since djangoAuth knows several. Pass { id, password, backend } with the one that has " +
  "let the user in.";
const BACKEND_UNKNOWN =
  "login() got a backend that is not one of djangoAuth's, so the login would not be accepted. Add it to backends, and to " +
  "AUTHENTICATION_BACKENDS of Django.";
const SECRET_DIFFERS =
  "expected the secretKey of createSojourn, got another one; logins made with one would be invalid under the other.";
