import type { CacheStoreFactory } from "../../stores/cache-store.ts";
import { dummyCacheStore } from "../../stores/dummy/index.ts";
import { fileCacheStore } from "../../stores/file/index.ts";
import type { SqlCacheStoreOptions } from "../../stores/sql/index.ts";
import { cannotShare, type DjangoCacheBackend, type CheckedDjangoSettings } from "./names.ts";
import { cacheZone } from "./time-zone.ts";
import type { UnsupportedSettings } from "./unsupported.ts";

const DATABASE = "django.core.cache.backends.db.DatabaseCache";
const FILES = "django.core.cache.backends.filebased.FileBasedCache";
const DUMMY = "django.core.cache.backends.dummy.DummyCache";

/** Django's default of `MAX_ENTRIES`. */
const MAX_ENTRIES = 300;

const SCALARS =
  "writes pickles: integers, texts, None, True and False are shared, and Node's other values are texts of JSON there; " +
  "Django's other values throw when Node reads them";

/** Options of `sqlCacheStore` that Django's settings determine. */
export type DjangoDatabaseCacheOptions = Pick<
  SqlCacheStoreOptions<unknown>,
  "table" | "maxEntries" | "cullFrequency" | "timeZone"
>;

/** Makes the store of a cache in the database. */
export type DatabaseCache = (options: DjangoDatabaseCacheOptions) => CacheStoreFactory;

/** Settings that the caches beside Redis need. */
export interface LocalCacheContext {
  readonly django: CheckedDjangoSettings;
  readonly databaseCache: DatabaseCache | undefined;
  readonly unsupported: UnsupportedSettings;
}

/**
 * Returns the store of a cache in a database, in files, or of none; `undefined` for any other
 * backend, and for a database that was not given.
 */
export function toLocalStore(
  path: string,
  backend: DjangoCacheBackend,
  context: LocalCacheContext,
): CacheStoreFactory | undefined {
  if (backend.KEY_FUNCTION !== undefined && backend.KEY_FUNCTION !== null) return undefined;
  switch (backend.BACKEND) {
    case DUMMY:
      return dummyCacheStore();
    case FILES:
      context.unsupported.add(`${path}["BACKEND"]`, SCALARS);
      return fileCacheStore({ location: locationOf(path, backend), ...boundsOf(path, backend) });
    case DATABASE:
      return toDatabaseStore(path, backend, context);
    default:
      return undefined;
  }
}

function toDatabaseStore(
  path: string,
  backend: DjangoCacheBackend,
  { django, databaseCache, unsupported }: LocalCacheContext,
): CacheStoreFactory | undefined {
  const table = locationOf(path, backend);
  const bounds = boundsOf(path, backend);
  if (databaseCache === undefined) return undefined;
  unsupported.add(`${path}["BACKEND"]`, SCALARS);
  return databaseCache({ table, timeZone: cacheZone(django), ...bounds });
}

/** Returns whether a backend keeps its entries in a database. */
export function isDatabase(backend: unknown): boolean {
  return backend === DATABASE;
}

function locationOf(path: string, { LOCATION }: DjangoCacheBackend): string {
  if (typeof LOCATION === "string" && LOCATION !== "") return LOCATION;
  throw cannotShare(`${path}["LOCATION"]`, "expected the name of a table, or the path of a folder.");
}

/** Django reads them from `OPTIONS`, else beside it, where they may be texts of digits. */
function boundsOf(path: string, backend: DjangoCacheBackend): { maxEntries: number; cullFrequency: number } {
  const read = (name: string, preset: number): number => {
    const given = backend.OPTIONS?.[name] ?? backend[name] ?? preset;
    const value = Number(given);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw cannotShare(`${path}["OPTIONS"]["${name}"]`, "expected a whole number, from 0.");
  };
  return {
    maxEntries: Math.max(1, read("MAX_ENTRIES", MAX_ENTRIES)),
    cullFrequency: read("CULL_FREQUENCY", 3),
  };
}
