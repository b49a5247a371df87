import * as v from "valibot";
import { type Cache, type Caches, type CachesSettings, closeCaches, createCaches } from "./cache/index.ts";
import { type Clock, systemClock } from "./core/clock.ts";
import { checkFallbackSecrets, checkSecret, givenSecretSchema, secretSchema } from "./core/secrets.ts";
import { parseSettings, settingsObject } from "./core/settings.ts";
import { RedisRegistry, type RedisSettings } from "./redis/index.ts";
import { warnOfSharedKeys } from "./namespaces.ts";
import type { JsonObject } from "./session/data/json-data.ts";
import type { SessionSettings, UntypedData } from "./session/session-settings.ts";
import { Sessions } from "./session/sessions.ts";

/** Settings of {@link createSojourn}. Only `projectName` and `secretKey` have no default. */
export interface SojournSettings<Data extends object = UntypedData, Names extends string = string> {
  /** First segment of the Redis keys: `PROJECT_NAME` of codex-django. */
  readonly projectName: string;
  /**
   * Secret that signs the records: `SECRET_KEY` of Django. At least 32 unguessable characters. The
   * type allows `undefined`, as for an environment variable, but a missing secret is an error.
   */
  readonly secretKey: string | undefined;
  /** Earlier secrets, which are still accepted. A short one causes a warning. @defaultValue `[]` */
  readonly secretKeyFallbacks?: readonly string[];
  /** Named connections. @defaultValue `{ default: "redis://localhost:6379/0" }` */
  readonly redis?: RedisSettings;
  readonly sessions?: SessionSettings<Data>;
  /** Caches by name. @defaultValue `{ default: {} }` */
  readonly caches?: CachesSettings<Names>;
  /** Clock, for tests. @defaultValue the clock of the process */
  readonly clock?: Clock;
  /** @internal The settings come from a Django site, and cannot be changed for Node. */
  readonly [DJANGO_SITE]?: boolean;
}

/** @internal Marks settings made by `djangoSettings`, whose weaknesses are only warnings. */
export const DJANGO_SITE: unique symbol = Symbol("sojourn.djangoSite");

/** Result of {@link createSojourn}. */
export interface Sojourn<Data extends object, Names extends string = string> {
  readonly sessions: Sessions<Data>;
  /** The caches by name; `caches.default` always exists. */
  readonly caches: Caches<Names> & { readonly default: Cache };
  /** The named connections, for the application's own commands. */
  readonly redis: RedisRegistry;
  /** Closes the stores and connections. */
  readonly close: () => Promise<void>;
}

const sojournSchema = settingsObject({
  projectName: v.pipe(
    v.string('a name such as "myproject"'),
    // Visible ASCII: the name becomes part of keys shown in redis-cli.
    v.regex(/^[\u0021-\u007e]+$/, 'a name such as "myproject", without spaces'),
  ),
  secretKey: givenSecretSchema(),
  secretKeyFallbacks: v.optional(v.array(secretSchema(), "an array of secret texts"), []),
  redis: v.optional(v.unknown()),
  sessions: v.optional(v.unknown()),
  caches: v.optional(v.unknown()),
  clock: v.optional(v.custom<Clock>(isClock, "an object with now() and monotonic()"), systemClock),
});

/** Result of {@link createSojourn.withData}. */
export type CreateSojournWithData<Data extends object> = <const Names extends string = "default">(
  settings: SojournSettings<Data, Names>,
) => Sojourn<Data, Names>;

/** The type of {@link createSojourn}. */
export interface CreateSojourn {
  /**
   * Makes sessions, caches and their connections from one set of settings. Checks all settings and
   * does no I/O: connections open on first use.
   *
   * @throws {ImproperlyConfigured} Naming the setting, the expected and the given value.
   * @example
   * ```ts
   * import { createSojourn } from "sojourn";
   *
   * const { sessions, close } = createSojourn<{ views?: number }>({
   *   projectName: "myproject",
   *   secretKey: process.env["SECRET_KEY"],
   *   redis: { default: process.env["REDIS_URL"] ?? "redis://localhost:6379/0" },
   * });
   * ```
   */
  <Data extends JsonObject<Data> = UntypedData, const Names extends string = string>(
    settings: SojournSettings<Data, Names>,
  ): Sojourn<Data, Names>;

  /**
   * {@link createSojourn} with a type for the session data, which still infers the names of the
   * caches from the settings. TypeScript infers either all type parameters of a call or none, hence
   * the two calls.
   *
   * @example
   * ```ts
   * import { createSojourn } from "sojourn";
   *
   * const { sessions, caches } = createSojourn.withData<{ views?: number }>()({
   *   projectName: "myproject",
   *   secretKey: process.env["SECRET_KEY"],
   *   caches: { pages: { timeout: "1h" } },
   * });
   * ```
   */
  withData<Data extends JsonObject<Data>>(this: void): CreateSojournWithData<Data>;
}

/** Makes sessions, caches and their connections from one set of settings. */
export const createSojourn: CreateSojourn = /* @__PURE__ */ Object.assign(makeSojourn, { withData });

function withData<Data extends JsonObject<Data>>(): CreateSojournWithData<Data> {
  return (settings) => makeSojourn<Data>(settings);
}

function makeSojourn<Data extends JsonObject<Data> = UntypedData, const Names extends string = string>(
  settings: SojournSettings<Data, Names>,
): Sojourn<Data, Names> {
  const isSites = settings?.[DJANGO_SITE] === true;
  const { projectName, secretKey, secretKeyFallbacks, clock } = parseSojournSettings(settings, isSites);
  const { redis: connections, sessions: sessionSettings = {} } = settings;
  const redis = new RedisRegistry(connections);
  const sessions = new Sessions<Data>(sessionSettings, {
    projectName,
    secretKey,
    secretKeyFallbacks,
    redis,
    clock,
    isSites,
  });
  const caches = createCaches(settings.caches, { projectName, redis, clock });
  // A Django site cannot change its keys.
  if (!isSites) {
    const all: readonly Cache[] = Object.values(caches);
    warnOfSharedKeys(
      sessions.keySpaces,
      all.map(({ keySpace }) => keySpace),
    );
  }
  return {
    sessions,
    caches,
    redis,
    async close() {
      await Promise.all([sessions.close(), closeCaches(caches)]);
      await redis.close();
    },
  };
}

/** @throws {ImproperlyConfigured} */
function parseSojournSettings(settings: SojournSettings, isSites: boolean) {
  const parsed = parseSettings(sojournSchema, settings, "sojourn");
  const secretKey = checkSecret(parsed.secretKey, "sojourn.secretKey", isSites);
  checkFallbackSecrets(parsed.secretKeyFallbacks, "sojourn.secretKeyFallbacks");
  return { ...parsed, secretKey };
}

function isClock(input: unknown): boolean {
  const clock = input as Partial<Clock> | null | undefined;
  return typeof clock?.now === "function" && typeof clock.monotonic === "function";
}
