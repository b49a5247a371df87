import { describeKind } from "../../core/descriptions.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { writtenInPart } from "../../stores/await-writes.ts";
import type { CacheCore } from "../cache-core.ts";
import { toKeyPattern } from "../keys/key-patterns.ts";
import { TAG_KEY } from "../keys/keys.ts";
import { checkCallOptions } from "../options/cache-calls.ts";
import type { ClearOptions, VersionOption } from "../options/cache-options.ts";
import { checkClearable, requireCapability } from "../requirements.ts";

/** Number of keys that `deletePattern` collects before it deletes them. */
const DELETE_PAGE = 1000;

/** Walks the keys of a cache, page by page: lists them and deletes their entries. */
export class KeyWalk {
  readonly #core: CacheCore;

  constructor(core: CacheCore) {
    this.#core = core;
  }

  /** See `cache.keys`. */
  async keys(pattern: string, options: VersionOption): Promise<string[]> {
    checkCallOptions(options, "keys");
    const keys: string[] = [];
    for await (const key of this.#walk(pattern, options)) keys.push(key);
    return keys;
  }

  /** See `cache.iterKeys`. */
  async *iterate(pattern: string, options: VersionOption): AsyncGenerator<string, void, undefined> {
    checkCallOptions(options, "iterKeys");
    yield* this.#walk(pattern, options);
  }

  /** See `cache.deletePattern`. */
  async deletePattern(pattern: string, options: VersionOption): Promise<number> {
    checkCallOptions(options, "deletePattern");
    const core = this.#core;
    let count = 0;
    try {
      for await (const page of pagesOf(this.#walk(pattern, options))) {
        const deadline = core.newDeadline();
        const version = core.knownVersion(options) ?? (await core.currentVersion(deadline));
        count += await core.deleteEntries(core.keys.ofMany(page, version), deadline);
      }
    } catch (error) {
      throw count > 0 ? writtenInPart(error) : error;
    }
    return count;
  }

  /** See `cache.clear`. */
  async clear(options: ClearOptions): Promise<number> {
    checkCallOptions(options, "clear");
    const { onProgress } = options;
    const { settings, store, path, loads } = this.#core;
    checkClearable(settings, store, path);
    loads.supersedeAll();
    let count = 0;
    const pages = store.clear(settings.keyPrefix, () => this.#core.newDeadline());
    try {
      for await (const deleted of pages) {
        count += deleted;
        onProgress?.(count);
      }
    } catch (error) {
      throw count > 0 ? writtenInPart(error) : error;
    }
    return count;
  }

  async *#walk(pattern: string, options: VersionOption): AsyncGenerator<string, void, undefined> {
    checkPattern(pattern);
    const core = this.#core;
    const { keys, store, path } = core;
    requireCapability(store, "scan", "a walk through the keys", path);
    const keyPattern = toKeyPattern(pattern);
    const prefix = keys.prefixOf(
      core.knownVersion(options) ?? (await core.currentVersion(core.newDeadline())),
    );
    for await (const whole of store.scan(prefix + keyPattern.head, () => core.newDeadline())) {
      const key = whole.slice(prefix.length);
      if (key !== "" && !key.startsWith(TAG_KEY) && keyPattern.matches(key)) yield key;
    }
  }
}

/** @throws {CacheUsageError} */
function checkPattern(pattern: unknown): void {
  if (typeof pattern !== "string") {
    throw new CacheUsageError(
      `A pattern of keys has to be a text such as "product:*", got ${describeKind(pattern)}.`,
    );
  }
  // In UTF-8 every lone surrogate becomes U+FFFD: it would match keys that it is not part of.
  if (pattern.isWellFormed()) return;
  throw new CacheUsageError("A pattern of keys has a lone surrogate, which UTF-8 cannot hold.");
}

async function* pagesOf(keys: AsyncIterable<string>): AsyncGenerator<readonly string[], void, undefined> {
  let page: string[] = [];
  for await (const key of keys) {
    page.push(key);
    if (page.length < DELETE_PAGE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
