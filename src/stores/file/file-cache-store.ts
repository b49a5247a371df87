import * as v from "valibot";

import { parseSettings, settingsObject } from "../../core/settings.ts";
import type { CacheStore, CacheStoreContext, CacheStoreFactory } from "../cache-store.ts";
import { CellCacheStore } from "../cell-cache-store.ts";
import { cullFrequencySchema, maxEntriesSchema } from "../cull-interval.ts";
import { CacheFolder } from "./cache-folder.ts";
import { FileCells } from "./file-cells.ts";
import { FileCulling } from "./file-culling.ts";
import { FileLocks } from "./file-locks.ts";
import { FileStripes } from "./file-stripes.ts";

/** Options of {@link fileCacheStore}. */
export interface FileCacheStoreOptions {
  /**
   * Folder of the files; Django's `LOCATION`. It is made if it is missing. It must be on a disk of
   * this host, and closed to other users (mode 0700).
   */
  readonly location: string;
  /** Maximum number of entries; Django's `MAX_ENTRIES`. @defaultValue `10_000` */
  readonly maxEntries?: number | undefined;
  /**
   * Share of the entries that is deleted beyond the maximum: one in so many, 0 for all. Django's
   * `CULL_FREQUENCY`.
   *
   * @defaultValue `3`
   */
  readonly cullFrequency?: number | undefined;
}

const LOCATION = "the path of a folder";

const optionsSchema = settingsObject({
  location: v.pipe(v.string(LOCATION), v.regex(/^[^\0]+$/, LOCATION)),
  maxEntries: maxEntriesSchema,
  cullFrequency: cullFrequencySchema,
});

/**
 * Keeps cache entries in files of one folder, in the form of Django's `FileBasedCache`. For the
 * processes of one host; it needs the package `proper-lockfile`. Integers, texts, `None`, `True`
 * and `False` cross both ways.
 *
 * @throws {ImproperlyConfigured} Once the settings are complete, for a wrong option; on first use,
 * for a wrong folder.
 */
export function fileCacheStore(options: FileCacheStoreOptions): CacheStoreFactory {
  return (context) => openFileCacheStore(options, context);
}

function openFileCacheStore(
  options: FileCacheStoreOptions,
  { clock, values }: CacheStoreContext,
): CacheStore {
  const { location, ...bounds } = parseSettings(optionsSchema, options, "fileCacheStore");
  const folder = new CacheFolder(location);
  const stripes = new FileStripes(folder, new FileLocks(undefined, "fileCacheStore"));
  const culling = new FileCulling({ folder, stripes, clock, ...bounds });
  return new CellCacheStore({
    name: "file",
    cells: new FileCells({ folder, stripes, clock, culling }),
    clock,
    values,
    hasLeases: true,
  });
}
