import { memcachedCacheStore } from "../../stores/memcached/index.ts";
import type { CacheStoreFactory } from "../../stores/cache-store.ts";
import { parseServers } from "../../stores/memcached/client/server-address.ts";
import { DJANGO, type DjangoCacheBackend } from "./names.ts";
import type { UnsupportedSettings } from "./unsupported.ts";

const PYMEMCACHE = "django.core.cache.backends.memcached.PyMemcacheCache";
const PYLIBMC = "django.core.cache.backends.memcached.PyLibMCCache";

/** Options with no effect on entries, and those that are read below. */
const KNOWN_OPTIONS: readonly string[] = [
  "serde",
  "ignore_exc",
  "allow_unicode_keys",
  "default_noreply",
  "binary",
];

/** Behaviors of pylibmc that decide over the server of a key. */
const SPREADING = /^(?:hash|distribution|ketama|remove_failed|auto_eject)/;

const SCALARS =
  "writes pickles: integers, texts, floats, None, True and False are shared, and Node's other values are texts of JSON " +
  "there; Django's other values throw when Node reads them. Give the cache a SojournSerde to share them";

/** An option of Django's client that makes other items than Node does, and its effect. */
type Obstacle = readonly [setting: string, reason: string];

/** A cache on memcached that Node shares. */
export interface MemcachedCache {
  readonly store: CacheStoreFactory;
  readonly isPlainJson: boolean;
  readonly ignoresErrors: boolean;
}

/** Returns whether a backend keeps its entries in memcached. */
export function isMemcached(backend: unknown): boolean {
  return backend === PYMEMCACHE || backend === PYLIBMC;
}

/** Finds what keeps Node from sharing a cache on memcached. */
export function memcachedObstacleOf(backend: DjangoCacheBackend): Obstacle | undefined {
  const options = backend.OPTIONS ?? {};
  return backend.BACKEND === PYLIBMC
    ? pylibmcObstacleOf(options, isSeveral(backend))
    : pymemcacheObstacleOf(options, isSeveral(backend));
}

/** @throws {ImproperlyConfigured} For a wrong location. */
export function toMemcachedCache(
  path: string,
  { BACKEND, LOCATION, OPTIONS }: DjangoCacheBackend,
  unsupported: UnsupportedSettings,
): MemcachedCache {
  const options = OPTIONS ?? {};
  // Wrong ones are told with Django's name of the setting.
  parseServers(LOCATION, `${DJANGO}.${path}["LOCATION"]`);
  for (const name of Object.keys(options).filter((each) => !KNOWN_OPTIONS.includes(each)))
    unsupported.add(
      `${path}["OPTIONS"]["${name}"]`,
      "is unknown to Node, which has its own settings for connections",
    );
  const isPlainJson = BACKEND === PYMEMCACHE && serdeOf(options["serde"]) === "SojournSerde";
  if (!isPlainJson)
    unsupported.add(BACKEND === PYLIBMC ? `${path}["BACKEND"]` : `${path}["OPTIONS"]["serde"]`, SCALARS);
  return {
    store: memcachedCacheStore({
      servers: LOCATION as string | readonly string[],
      distribution: BACKEND === PYLIBMC ? "modula" : "rendezvous",
      format: "django",
    }),
    isPlainJson,
    ignoresErrors: options["ignore_exc"] === true,
  };
}

function pymemcacheObstacleOf(
  options: Readonly<Record<string, unknown>>,
  hasSeveral: boolean,
): Obstacle | undefined {
  const { serde, key_prefix: prefix, hasher, tls_context: tls } = options;
  if (serde !== undefined && serdeOf(serde) === undefined)
    return optionOf("serde", "writes values in a form that Node does not know");
  if (isGiven(prefix)) return optionOf("key_prefix", "changes keys after Django has made them");
  if (isGiven(hasher) && hasSeveral)
    return optionOf("hasher", "spreads keys over servers in a way that Node cannot know");
  if (isGiven(tls)) return optionOf("tls_context", "cannot be in a dump");
  return undefined;
}

function pylibmcObstacleOf(
  { username, password, behaviors }: Readonly<Record<string, unknown>>,
  hasSeveral: boolean,
): Obstacle | undefined {
  if (isGiven(username) || isGiven(password))
    return optionOf("username", "needs SASL, which Node does not speak");
  const names = Object.keys(typeof behaviors === "object" && behaviors !== null ? behaviors : {});
  if (names.includes("namespace"))
    return optionOf("behaviors", "has a namespace, which changes keys after Django has made them");
  return hasSeveral && names.some((name) => SPREADING.test(name))
    ? optionOf("behaviors", "spreads keys over servers in another way than Node does")
    : undefined;
}

function optionOf(name: string, reason: string): Obstacle {
  return [`["OPTIONS"]["${name}"]`, reason];
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "" && value !== "b''";
}

function isSeveral({ LOCATION }: DjangoCacheBackend): boolean {
  const texts = typeof LOCATION === "string" ? [LOCATION] : (LOCATION ?? []);
  return texts.flatMap((text) => text.split(/[;,]/)).length > 1;
}

/**
 * Returns the class of a serde: a dump has `str()` of the object, such as
 * `<sojourn_serde.SojournSerde object at 0x7f…>`. Without the option it is pymemcache's `PickleSerde`.
 */
function serdeOf(serde: unknown): string | undefined {
  if (serde === undefined) return "PickleSerde";
  const text = typeof serde === "string" ? serde : "";
  return /(?:^|[.<\s])(PickleSerde|CompressedSerde|SojournSerde)\b/.exec(text)?.[1];
}
