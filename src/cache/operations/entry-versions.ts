import { CacheKeyNotFoundError, ImproperlyConfigured } from "../../core/errors.ts";
import { throwWrittenInPart } from "../../stores/await-writes.ts";
import type { CacheCore } from "../cache-core.ts";
import { checkCallOptions, NO_OPTIONS } from "../options/cache-calls.ts";
import type { VersionOption } from "../options/cache-options.ts";

/** Moves entries of a cache to other versions, and raises the version of the whole cache. */
export class EntryVersions {
  readonly #core: CacheCore;

  constructor(core: CacheCore) {
    this.#core = core;
  }

  /** See `cache.incrVersion`. */
  async incr(key: string, delta: number, options: VersionOption): Promise<number> {
    checkCallOptions(options, "incrVersion");
    return this.#move(key, delta, options);
  }

  /** See `cache.decrVersion`. */
  async decr(key: string, delta: number, options: VersionOption): Promise<number> {
    checkCallOptions(options, "decrVersion");
    return this.#move(key, -delta, options);
  }

  /** See `cache.bumpVersion`. */
  bump(): Promise<number> {
    const { sharedVersion, path, loads } = this.#core;
    if (sharedVersion === undefined) {
      throw new ImproperlyConfigured(
        `${path}.sharedVersion`,
        "expected true: bumpVersion() raises the version for all processes.",
      );
    }
    loads.supersedeAll();
    return sharedVersion.bump(this.#core.newDeadline());
  }

  /** Moves an entry. @returns The new version. */
  async #move(key: string, delta: number, options: VersionOption): Promise<number> {
    const core = this.#core;
    const { keys, store, strictStore, codec, tags } = core;
    const deadline = core.newDeadline();
    const version = core.knownVersion(options) ?? (await core.currentVersion(deadline));
    const [from, to] = [keys.of(key, version), keys.of(key, version + delta)];
    const [found, [ttl]] = await Promise.all([
      core.read(key, NO_OPTIONS, version, deadline),
      store.ttlMany([from.storageKey], deadline),
    ]);
    if (found.status !== "entry" || ttl === undefined) throw new CacheKeyNotFoundError(key);
    // With a delta of 0, or a key function without the version, the delete would remove the entry.
    if (from.storageKey === to.storageKey) return version + delta;
    const names = Object.keys(found.header?.tags ?? {});
    const tokens = await tags.ensure(names, version + delta, ttl, deadline);
    const header = found.header && { ...found.header, tags: tokens };
    const { stored } = codec.write(found.value, "value", header);
    core.loads.supersede([to]);
    // Failures throw here, whatever the settings say: the entry is deleted from its old key.
    await strictStore.set({ key: to.storageKey, value: stored, ttl }, "always", deadline);
    await core.deleteEntries([from], deadline).catch(throwWrittenInPart);
    return version + delta;
  }
}
