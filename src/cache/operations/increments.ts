import { CacheKeyNotFoundError, CacheNotIntegerError } from "../../core/errors.ts";
import { writeInChunks } from "../../stores/await-writes.ts";
import type { IncrementResult } from "../../stores/cache-store.ts";
import type { CacheCore } from "../cache-core.ts";
import { checkCallOptions } from "../options/cache-calls.ts";
import { requireCapability } from "../requirements.ts";
import { type Beginning, type IncrOptions, toBeginning, unlessBegun } from "./beginnings.ts";
import { toDelta } from "./deltas.ts";

/** Adds to the integers of a cache. */
export class Increments {
  readonly #core: CacheCore;

  constructor(core: CacheCore) {
    this.#core = core;
  }

  /** See `cache.incr`. @returns The sum, of the type of the delta. */
  async incr<Delta extends number | bigint>(
    key: string,
    delta: Delta,
    options: IncrOptions,
  ): Promise<Sum<Delta>> {
    checkCallOptions(options, "incr");
    return likeDelta(delta, await this.#add(key, toDelta(delta), options));
  }

  /** See `cache.decr`. @returns The difference, of the type of the delta. */
  async decr<Delta extends number | bigint>(
    key: string,
    delta: Delta,
    options: IncrOptions,
  ): Promise<Sum<Delta>> {
    checkCallOptions(options, "decr");
    return likeDelta(delta, await this.#add(key, -toDelta(delta), options));
  }

  /** See `cache.incrMany`. */
  async incrMany(keys: Iterable<string>, delta: number, options: IncrOptions): Promise<Map<string, number>> {
    checkCallOptions(options, "incrMany");
    return this.#addMany(keys, delta, options);
  }

  /** See `cache.decrMany`. */
  async decrMany(keys: Iterable<string>, delta: number, options: IncrOptions): Promise<Map<string, number>> {
    checkCallOptions(options, "decrMany");
    return this.#addMany(keys, -delta, options);
  }

  async #add(key: string, delta: bigint, options: IncrOptions): Promise<bigint> {
    const core = this.#core;
    const { store, keys, loads } = core;
    this.#checkCounts();
    const beginning = toBeginning(options, delta, (timeout) => core.ttlOf(timeout));
    const deadline = core.newDeadline();
    const entry = keys.of(key, core.knownVersion(options) ?? (await core.currentVersion(deadline)));
    loads.supersede([entry]);
    const result = await store.incr(entry.storageKey, delta, deadline, beginning?.options);
    return sumOf(key, result, beginning);
  }

  async #addMany(keys: Iterable<string>, delta: number, options: IncrOptions): Promise<Map<string, number>> {
    const core = this.#core;
    const { store, loads } = core;
    const amount = toDelta(delta);
    this.#checkCounts();
    const beginning = toBeginning(options, amount, (timeout) => core.ttlOf(timeout));
    const deadline = core.newDeadline();
    const entries = core.keys.ofMany(
      keys,
      core.knownVersion(options) ?? (await core.currentVersion(deadline)),
    );
    loads.supersede(entries);
    const results = await writeInChunks(entries, ({ storageKey }) =>
      store.incr(storageKey, amount, deadline, beginning?.options),
    );
    const sums = entries.map(({ key }, index) => [key, results[index]] as const);
    return new Map(sums.map(([key, result]) => [key, Number(sumOf(key, result, beginning))]));
  }

  #checkCounts(): void {
    requireCapability(this.#core.store, "atomicIncrement", "incr() and decr()", this.#core.path);
  }
}

/** Type of a sum: that of the delta, without its literal value. */
type Sum<Delta extends number | bigint> = Delta extends bigint ? bigint : number;

function likeDelta<Delta extends number | bigint>(delta: Delta, sum: bigint): Sum<Delta> {
  return (typeof delta === "bigint" ? sum : Number(sum)) as Sum<Delta>;
}

function sumOf(key: string, given: IncrementResult | undefined, beginning: Beginning | undefined): bigint {
  const result = unlessBegun(given ?? { status: "missing" }, beginning);
  if (result.status === "missing") throw new CacheKeyNotFoundError(key);
  if (result.status === "not-integer") throw new CacheNotIntegerError(key);
  return result.value;
}
