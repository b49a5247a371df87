import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { newNonce } from "../../core/ids.ts";
import type { SetCondition } from "../../stores/cache-store.ts";
import type { CacheCore } from "../cache-core.ts";
import type { EntryHeader } from "../entry/entry-codec.ts";
import { toReadPlan } from "../entry/entry-reader.ts";
import type { EntryKey } from "../keys/keys.ts";
import { checkCallOptions, checkFlag, checkTags, NO_OPTIONS } from "../options/cache-calls.ts";
import type { ConditionalSetOptions, SetOptions, VersionOption } from "../options/cache-options.ts";
import { endsAtOnce } from "../options/timeouts.ts";
import { entriesOf, type ValuesByKey } from "./values.ts";

/** Stores, deletes and invalidates values of a cache. */
export class Writes {
  readonly #core: CacheCore;

  constructor(core: CacheCore) {
    this.#core = core;
  }

  /** See `cache.set`. */
  async set(key: string, value: unknown, options: ConditionalSetOptions): Promise<boolean> {
    checkCallOptions(options, "set");
    return this.#writeOne(key, value, options, toCondition(options));
  }

  /** See `cache.setMany`. */
  async setMany(values: ValuesByKey<unknown>, options: ConditionalSetOptions): Promise<string[]> {
    checkCallOptions(options, "setMany");
    const entries = entriesOf(values);
    const stored = await this.#write(entries, options, toCondition(options));
    return entries.filter((_, index) => stored[index] !== true).map(([key]) => key);
  }

  /** See `cache.add`. */
  async add(key: string, value: unknown, options: SetOptions): Promise<boolean> {
    checkCallOptions(options, "add");
    return this.#writeOne(key, value, options, "if-absent");
  }

  /** See `cache.addMany`. */
  async addMany(values: ValuesByKey<unknown>, options: SetOptions): Promise<string[]> {
    checkCallOptions(options, "addMany");
    const entries = entriesOf(values);
    const added = await this.#write(entries, options, "if-absent");
    return entries.filter((_, index) => added[index] === true).map(([key]) => key);
  }

  /** See `cache.delete`. */
  async delete(key: string, options: VersionOption): Promise<boolean> {
    checkCallOptions(options, "delete");
    return (await this.#delete([key], options)) === 1;
  }

  /** See `cache.deleteMany`. */
  async deleteMany(keys: Iterable<string>, options: VersionOption): Promise<number> {
    checkCallOptions(options, "deleteMany");
    return this.#delete(keys, options);
  }

  /** See `cache.invalidateTags`. */
  async invalidateTags(tags: Iterable<string>, options: VersionOption): Promise<void> {
    checkCallOptions(options, "invalidateTags");
    const core = this.#core;
    const names = [...core.keys.unique(tags, "tags")];
    const deadline = core.newDeadline();
    await core.tags.invalidate(
      names,
      core.knownVersion(options) ?? (await core.currentVersion(deadline)),
      deadline,
    );
  }

  async #delete(keys: Iterable<string>, options: VersionOption): Promise<number> {
    const core = this.#core;
    const deadline = core.newDeadline();
    const version = core.knownVersion(options) ?? (await core.currentVersion(deadline));
    return core.deleteEntries(core.keys.ofMany(keys, version), deadline);
  }

  /** {@link #write} of one value, the usual case, without its lists. */
  async #writeOne(
    key: string,
    value: unknown,
    options: SetOptions,
    condition: SetCondition,
  ): Promise<boolean> {
    const { keys, codec, store, loads } = this.#core;
    const ttl = this.#core.ttlOf(options.timeout);
    const deadline = this.#core.newDeadline();
    const version = this.#core.knownVersion(options) ?? (await this.#core.currentVersion(deadline));
    const entries = [keys.of(key, version)] as const;
    const header =
      options.tags === undefined
        ? undefined
        : await this.#headerFor(checkTags(options.tags), version, ttl, deadline);
    const { stored } = codec.write(value, "value", header);
    if (endsAtOnce(ttl)) return (await this.#writeNothing(entries, condition, version, deadline))[0] === true;
    loads.supersede(entries);
    const record = { key: entries[0].storageKey, value: stored, ttl };
    return (await store.setMany([record], condition, deadline))[0] === true;
  }

  async #write(
    values: readonly (readonly [string, unknown])[],
    options: SetOptions,
    condition: SetCondition,
  ): Promise<readonly boolean[]> {
    const { keys, codec, store, loads } = this.#core;
    const ttl = this.#core.ttlOf(options.timeout);
    const deadline = this.#core.newDeadline();
    const version = this.#core.knownVersion(options) ?? (await this.#core.currentVersion(deadline));
    const entries = values.map(([key]) => keys.of(key, version));
    const header =
      options.tags === undefined
        ? undefined
        : await this.#headerFor(checkTags(options.tags), version, ttl, deadline);
    const written = values.map(([key, value]) => codec.write(value, memberPath(key), header).stored);
    if (endsAtOnce(ttl)) return this.#writeNothing(entries, condition, version, deadline);
    loads.supersede(entries);
    const records = entries.map(({ storageKey }, index) => ({
      key: storageKey,
      value: written[index] ?? "",
      ttl,
    }));
    return store.setMany(records, condition, deadline);
  }

  async #headerFor(
    tags: readonly string[],
    version: number,
    ttl: Milliseconds | null,
    deadline: Deadline,
  ): Promise<EntryHeader | undefined> {
    if (tags.length === 0 || endsAtOnce(ttl)) return undefined;
    const tokens = await this.#core.tags.ensure(tags, version, ttl, deadline);
    return { at: this.#core.clock.now(), nonce: newNonce(), tags: tokens };
  }

  /**
   * Handles a write that expires at once: deletes the entry where the condition allows it to be
   * replaced, and otherwise writes nothing.
   */
  async #writeNothing(
    entries: readonly EntryKey[],
    condition: SetCondition,
    version: number,
    deadline: Deadline,
  ): Promise<readonly boolean[]> {
    const core = this.#core;
    const present =
      condition === "always"
        ? undefined
        : await core.arePresent(entries, toReadPlan(NO_OPTIONS, version), deadline);
    if (condition === "if-absent") return entries.map((_, index) => present?.[index] !== true);
    await core.deleteEntries(entries, deadline);
    return entries.map((_, index) => present?.[index] !== false);
  }
}

function toCondition(options: ConditionalSetOptions): SetCondition {
  if (options === NO_OPTIONS) return "always";
  const [nx, xx] = [checkFlag(options.nx, "nx"), checkFlag(options.xx, "xx")];
  if (nx && xx) {
    throw new CacheUsageError(
      "A value is stored only where no entry exists (nx) or only over one (xx), not both.",
    );
  }
  if (nx) return "if-absent";
  return xx ? "if-present" : "always";
}

function memberPath(key: string): string {
  return `values[${JSON.stringify(key)}]`;
}
