import type { Deadline } from "../../core/deadlines.ts";
import { isStoreError } from "../../core/errors.ts";
import { chunksOf, COMMANDS_AT_ONCE } from "../../stores/chunks.ts";
import { isOutage } from "../forgiving-store.ts";
import type { EntryKey } from "../keys/keys.ts";
import { isLonger } from "../options/timeouts.ts";
import {
  isStorable,
  KeyLoad,
  type KeyLoadSubject,
  type Loaded,
  type LoadServices,
  type OnBusy,
} from "./key-load.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { type LoadContext, type LoadPlan, storedFor } from "./load-options.ts";
import type { LoadScope } from "./load-scope.ts";
import { LoaderFailure, type LoaderResult, runLoader } from "./loader-run.ts";
import type { Flight } from "./single-flight.ts";

/** Loads the values of several keys. A key without a value does not exist. */
export type ManyLoader = (
  keys: readonly string[],
  context: LoadContext,
) => Promise<ReadonlyMap<string, unknown>>;

/** Outcome of a flight: a value, or another process is loading. */
export type LoadOutcome =
  | { readonly status: "loaded"; readonly text: string | undefined; readonly isOutdated: boolean }
  | { readonly status: "busy" };

/** Targets and settings of a {@link LoadGroup}. */
export interface LoadGroupOptions {
  readonly subjects: readonly KeyLoadSubject[];
  readonly plan: LoadPlan;
  readonly load: ManyLoader;
  readonly onBusy: OnBusy;
  readonly scope: LoadScope;
  /** Deadline of all store steps together. */
  readonly deadline: Deadline;
  /** Called for a flight that no caller may join any more. */
  readonly seal: (key: string, flight: Flight) => void;
}

/** One run of a loader for one or several keys: leases, the loader, fills. */
export class LoadGroup {
  readonly #services: LoadServices;
  readonly #options: LoadGroupOptions;
  readonly #loads: readonly KeyLoad[];
  /** Loads that the loader runs for. */
  readonly #own: KeyLoad[] = [];
  readonly #outcomes = new Map<string, LoadOutcome>();

  constructor(services: LoadServices, options: LoadGroupOptions) {
    const { subjects, plan, deadline, seal } = options;
    this.#services = services;
    this.#options = options;
    const keeper = new LeaseKeeper(services.leaseTtl, subjects.length, services.clock);
    this.#loads = subjects.map((subject) => {
      const onSeal = (): void => seal(subject.key.storageKey, subject.flight);
      return new KeyLoad(services, subject, { plan, keeper, deadline, onSeal });
    });
  }

  /** @returns The outcome of each flight, by the storage keys. */
  async run(): Promise<ReadonlyMap<string, LoadOutcome>> {
    try {
      await this.#acquire();
      if (this.#own.length > 0) await this.#load();
    } catch (error) {
      await this.#giveUp(error);
      throw error;
    }
    return this.#outcomes;
  }

  async #acquire(): Promise<void> {
    for (const chunk of chunksOf(this.#loads, COMMANDS_AT_ONCE)) {
      const acquired = await Promise.allSettled(chunk.map((each) => each.acquire(this.#options.onBusy)));
      for (const [index, each] of chunk.entries()) {
        const result = acquired[index];
        if (result?.status !== "fulfilled") continue;
        const { value } = result;
        if (value.status === "leased" || value.status === "alone") this.#own.push(each);
        else
          this.#outcomes.set(
            each.key.storageKey,
            value.status === "busy" ? value : { ...value, isOutdated: false },
          );
      }
      const failed = acquired.find((result) => result.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    }
  }

  async #load(): Promise<void> {
    const { plan, deadline, subjects } = this.#options;
    const { tags } = this.#services;
    if (subjects.every(({ flight }) => flight.isAbandoned)) return this.#releaseAll(this.#own, deadline);
    const tokens = await tags.ensure(plan.tags, plan.version, storedFor(plan.ttl, plan), deadline);
    const result = await this.#runLoader();
    try {
      const loaded = this.#own.map((each) => [each, toLoaded(result, each.key, plan, tokens)] as const);
      await this.#keepTokens(loaded.map(([, value]) => value));
      for (const chunk of chunksOf(loaded, COMMANDS_AT_ONCE)) await this.#finish(chunk, tokens);
    } catch (error) {
      if (isStoreError(error)) throw error;
      // A result that cannot be stored is a failure of the loader.
      this.#services.monitor.emit("loadFailed", { key: this.#own[0]?.key.key ?? "", error });
      throw new LoaderFailure("the result of the loader cannot be stored", { cause: error });
    }
  }

  async #runLoader(): Promise<LoaderResult> {
    const { subjects, plan, load, scope, deadline } = this.#options;
    const { clock, monitor } = this.#services;
    const [first] = this.#own;
    const found = this.#own.length === 1 ? subjects.find(({ key }) => key === first?.key)?.found : undefined;
    const stale = found?.status === "entry" ? found.value : undefined;
    const keys = this.#own.map(({ key }) => key.key);
    // The deadline does not count the time of the loader.
    deadline.pause();
    try {
      return await scope.run(() =>
        runLoader((context) => load(keys, context), { key: keys[0] ?? "", stale, plan, clock, monitor }),
      );
    } finally {
      deadline.resume();
    }
  }

  /** Extends the tokens of the tags where the loader has set a timeout longer than the call's. */
  async #keepTokens(loaded: readonly Loaded[]): Promise<void> {
    const { plan, deadline } = this.#options;
    if (plan.tags.length === 0) return;
    let longest = plan.ttl;
    for (const each of loaded) if (isStorable(each) && isLonger(each.ttl, longest)) longest = each.ttl;
    if (longest === plan.ttl) return;
    // A token invalidated meanwhile is replaced, and the entry stays invalid.
    await this.#services.tags.ensure(plan.tags, plan.version, storedFor(longest, plan), deadline);
  }

  async #finish(loaded: readonly (readonly [KeyLoad, Loaded])[], tokens: Loaded["tags"]): Promise<void> {
    const finishing = Promise.allSettled(loaded.map(([each, value]) => each.finish(value)));
    // After the fills have begun: from here on, no caller joins that might have come after an
    // invalidation.
    const [results, isInvalidated] = await Promise.all([
      finishing,
      tokens !== undefined && this.#isInvalidated(tokens),
    ]);
    for (const [index, [{ key }]] of loaded.entries()) {
      const result = results[index];
      if (result?.status !== "fulfilled") continue;
      const { text, isOutdated } = result.value;
      const isOver = isOutdated === "if-invalidated" ? isInvalidated : isOutdated;
      this.#outcomes.set(key.storageKey, { status: "loaded", text, isOutdated: isOver });
    }
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  /**
   * Returns whether a tag was invalidated after the load began: then the entry is invalid, and so
   * is the value that others wait for.
   */
  async #isInvalidated(tokens: NonNullable<Loaded["tags"]>): Promise<boolean> {
    const { tags, isStoreAway } = this.#services;
    const { plan, deadline } = this.#options;
    const now = await tags.read(Object.keys(tokens), plan.version, deadline);
    return !isStoreAway() && Object.entries(tokens).some(([tag, token]) => now.get(tag) !== token);
  }

  /**
   * Releases the leases after a failure, so that others can load at once. Where an old entry can be
   * served meanwhile, the lease stays until it expires, so that not every request calls a failing
   * source.
   */
  async #giveUp(failure: unknown): Promise<void> {
    const { subjects, deadline } = this.#options;
    const covered = new Set(subjects.filter(({ found }) => found.status === "entry").map(({ key }) => key));
    const isCovered = (each: KeyLoad): boolean => failure instanceof LoaderFailure && covered.has(each.key);
    for (const each of this.#loads) each.stop();
    const released = this.#loads.filter((each) => !isCovered(each));
    if (!isOutage(failure) && !deadline.hasPassed) return this.#releaseAll(released, deadline);
    // The callers have the error, and do not wait for a store that has not answered. A lease that
    // it has granted all the same is released if the store can be reached, and expires otherwise.
    void Promise.allSettled(released.map((each) => each.release(this.#services.newDeadline())));
  }

  async #releaseAll(loads: readonly KeyLoad[], deadline: Deadline): Promise<void> {
    for (const chunk of chunksOf(loads, COMMANDS_AT_ONCE)) {
      const results = await Promise.allSettled(chunk.map((each) => each.release(deadline)));
      for (const result of results)
        if (result.status === "rejected") tellStoreError(result.reason, this.#services);
    }
  }
}

function toLoaded(result: LoaderResult, { key }: EntryKey, plan: LoadPlan, tags: Loaded["tags"]): Loaded {
  const { took, ttl, isSkipped } = result;
  const value = (result.value as ReadonlyMap<string, unknown>).get(key);
  const usual = value === null && plan.rules.negativeTtl !== undefined ? plan.rules.negativeTtl : plan.ttl;
  return { value, path: "value", took, ttl: ttl === undefined ? usual : ttl, tags, isSkipped };
}

/** Emits a failure of the store that no caller gets. */
export function tellStoreError(error: unknown, { monitor }: LoadServices): void {
  if (isStoreError(error)) monitor.emit("storeError", { operation: "load", error });
}
