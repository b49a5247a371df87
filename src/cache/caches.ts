import { ImproperlyConfigured } from "../core/errors.ts";
import { describeValue } from "../core/settings.ts";
import { isCacheKey } from "../stores/cache-store.ts";
import { Cache } from "./cache.ts";
import type { CacheContext } from "./cache-core.ts";
import type { CacheSettings } from "./cache-settings.ts";

import { refuseUnknownCaches } from "./unknown-caches.ts";

/** Settings of the caches of an application, by their names. */
export type CachesSettings<Names extends string = string> = { readonly [Name in Names]: CacheSettings };

/** The caches of an application, by their names; `default` is always among them. */
export type Caches<Names extends string = "default"> = { readonly [Name in Names | "default"]: Cache };

/** Parts of the application that its caches use. */
export interface CachesContext extends CacheContext {
  /** Prefix of the session keys. */
  readonly projectName: string;
}

const NAME_FORM = /^[a-z][\w-]*$/i;

/**
 * Makes the caches of an application. Checks all settings and does no I/O.
 *
 * @throws {ImproperlyConfigured} Naming the setting, such as `caches.default.timeout`.
 */
export function createCaches<const Names extends string = "default">(
  settings: CachesSettings<Names> | undefined,
  context: CachesContext,
): Caches<Names> {
  const given: Readonly<Record<string, CacheSettings>> | undefined = settings;
  checkIsObject(given);
  const named = Object.entries({ ...given, default: given?.["default"] ?? {} });
  const caches = Object.fromEntries(named.map(([name, each]) => [name, createCache(name, each, context)]));
  return refuseUnknownCaches(caches) as Caches<Names>;
}

/** Closes the stores of the caches. */
export async function closeCaches(caches: Caches<string>): Promise<void> {
  await Promise.all(Object.values(caches).map((cache) => cache.close()));
}

function checkIsObject(settings: unknown): void {
  if (settings === undefined) return;
  if (typeof settings === "object" && settings !== null && !Array.isArray(settings)) return;
  const expected = 'an object of caches by their names, such as { default: { keyPrefix: "myproject" } }';
  throw new ImproperlyConfigured("caches", `expected ${expected}, got ${describeValue(settings)}.`);
}

function createCache(name: string, settings: CacheSettings, context: CachesContext): Cache {
  if (!NAME_FORM.test(name)) {
    throw new ImproperlyConfigured("caches", "expected names of caches to be letters, digits, - and _.");
  }
  const path = `caches.${name}`;
  const cache = new Cache(settings, path, context);
  checkApartFromSessions(cache.keySpace.keyPrefix, path, context.projectName);
  return cache;
}

/**
 * With a project named `shop:1`, the sessions would be entries of a cache with the prefix `shop`,
 * and its `clear()` would delete them.
 */
function checkApartFromSessions(keyPrefix: string, path: string, projectName: string): void {
  if (!isCacheKey(`${projectName}:`, keyPrefix)) return;
  const message = `expected a prefix that does not cover the sessions of the project ${JSON.stringify(projectName)}`;
  throw new ImproperlyConfigured(`${path}.keyPrefix`, `${message}, got ${JSON.stringify(keyPrefix)}.`);
}
