import { type KeyPlace, keySpacesOf } from "../../stores/key-spaces.ts";
import type { CacheCore } from "../cache-core.ts";
import type { CacheKeySettings } from "./keys.ts";

/** Keys of a cache, for the check that no two settings share keys. */
export interface CacheKeySpace {
  readonly path: string;
  readonly places: readonly KeyPlace[];
  readonly keyPrefix: string;
  readonly hasKeyFunction: boolean;
  /** Returns the storage key of an entry; `undefined` where the key function makes none. */
  readonly storageKeyOf: (key: string) => string | undefined;
}

/** Returns the keys of a cache. */
export function keySpaceOf({
  path,
  settings,
  strictStore,
}: Pick<CacheCore, "path" | "settings" | "strictStore">): CacheKeySpace {
  const { keyPrefix, keyFunction, version } = settings;
  const places = keySpacesOf(strictStore).map(({ place }) => place);
  const storageKeyOf = (key: string): string | undefined =>
    wholeKeyOf(key, { keyPrefix, keyFunction, version });
  return { path, places, keyPrefix, hasKeyFunction: keyFunction !== undefined, storageKeyOf };
}

function wholeKeyOf(key: string, { keyPrefix, keyFunction, version }: CacheKeySettings): string | undefined {
  if (keyFunction === undefined) return `${keyPrefix}:${version}:${key}`;
  try {
    return keyFunction(key, keyPrefix, version);
  } catch {
    // The application's key function may accept its own keys only.
    return undefined;
  }
}
