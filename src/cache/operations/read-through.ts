import { checkFunction } from "../../core/calls.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { describeKind } from "../../core/descriptions.ts";
import { CacheUsageError } from "../../core/errors.ts";
import { isPlainObject } from "../../json/index.ts";
import type { CacheCore } from "../cache-core.ts";
import {
  type LoadContext,
  type Loader,
  type LoadOptions,
  type LoadPlan,
  toLoadPlan,
} from "../load/load-options.ts";
import { checkCallOptions } from "../options/cache-calls.ts";
import type { ValuesByKey } from "./values.ts";

/** Reads values of a cache, and loads the missing ones. */
export class ReadThrough {
  readonly #core: CacheCore;

  constructor(core: CacheCore) {
    this.#core = core;
  }

  /** See `cache.getOrSet`. */
  async getOrSet<Value, Loaded>(
    key: string,
    valueOrLoader: Loaded | Loader<Loaded, Value>,
    options: LoadOptions,
  ): Promise<Loaded> {
    checkCallOptions(options, "getOrSet");
    checkLoaded(valueOrLoader);
    const core = this.#core;
    const load =
      typeof valueOrLoader === "function" ? (valueOrLoader as Loader<unknown>) : () => valueOrLoader;
    let version = core.knownVersion(options);
    let deadline: Deadline | undefined;
    if (version === undefined) {
      deadline = core.newDeadline();
      version = await core.currentVersion(deadline);
    }
    const plan = this.#plan(options, version);
    const value = core.loads.getOrLoad(core.keys.of(key, version), plan, load, deadline);
    return (value instanceof Promise ? await value : value) as Loaded;
  }

  /** See `cache.getOrSetMany`. */
  async getOrSetMany<Value>(
    keys: Iterable<string>,
    load: (
      missing: readonly string[],
      context: LoadContext,
    ) => ValuesByKey<Value> | Promise<ValuesByKey<Value>>,
    options: LoadOptions,
  ): Promise<Map<string, Value>> {
    checkCallOptions(options, "getOrSetMany");
    checkFunction(load, "The loader of getOrSetMany()", CacheUsageError);
    const core = this.#core;
    const given = [...core.keys.unique(keys)];
    const deadline = core.newDeadline();
    const version = core.knownVersion(options) ?? (await core.currentVersion(deadline));
    const entries = core.keys.ofMany(given, version);
    const loadMap = async (missing: readonly string[], context: LoadContext) =>
      toMap(await load(missing, context));
    const values = await core.loads.getOrLoadMany(entries, this.#plan(options, version), loadMap, deadline);
    const found = given.map((key, index) => [key, values[index] as Value] as const);
    return new Map(found.filter(([, value]) => value !== undefined));
  }

  #plan(options: LoadOptions, version: number): LoadPlan {
    const core = this.#core;
    return toLoadPlan(options, version, core.ttlOf(options.timeout), core.settings.loads);
  }
}

function toMap(values: unknown): ReadonlyMap<string, unknown> {
  if (values instanceof Map) return values as Map<string, unknown>;
  if (isPlainObject(values)) return new Map(Object.entries(values));
  throw new CacheUsageError(
    `The loader of getOrSetMany() has to return a Map, or an object, of values by their keys, got ${describeKind(values)}.`,
  );
}

/** Refuses a value in the place of a loader. @throws {CacheUsageError} */
function checkLoaded(valueOrLoader: unknown): void {
  if (typeof valueOrLoader === "function") return;
  if (valueOrLoader !== undefined && !(valueOrLoader instanceof Promise)) return;
  // A promise would run on a hit too, with its failure unhandled.
  if (valueOrLoader instanceof Promise) valueOrLoader.catch(() => {});
  throw new CacheUsageError(
    `getOrSet() expected a function that makes the value, or the value, got ${describeKind(valueOrLoader)}. Write ` +
      "() => load(), which runs on a miss only.",
  );
}
