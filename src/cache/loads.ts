import type { Milliseconds } from "../core/clock.ts";
import { StoreConnectionError, StoreServiceError } from "../core/errors.ts";
import { Slots } from "../core/slots.ts";
import { settleWithin } from "../core/timers.ts";
import { chunksOf, COMMANDS_AT_ONCE } from "../stores/chunks.ts";
import type { Found, FoundEntry } from "./entry-reader.ts";
import { isOutage } from "./forgiving-store.ts";
import { freshnessOf } from "./freshness.ts";
import { isStorable, KeyLoad, type KeyLoadSubject, type Loaded, type LoadServices, type Patience } from "./key-load.ts";
import type { EntryKey } from "./keys.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import type { LoadContext, Loader, LoadPlan } from "./load-options.ts";
import { LoaderFailure, type LoaderResult, runLoader } from "./loader-run.ts";
import { type Flight, SingleFlight } from "./single-flight.ts";

/** Loads the values of several keys. What it leaves out does not exist. */
export type ManyLoader = (keys: readonly string[], context: LoadContext) => Promise<ReadonlyMap<string, unknown>>;

/** How a flight has ended: with a value, or because another process is loading. */
type Landing =
  | { readonly status: "loaded"; readonly text: string | undefined; readonly isOutdated: boolean }
  | { readonly status: "busy" };

/** Runs a task when its turn has come. */
type InTurn = <Result>(task: () => Promise<Result>) => Promise<Result>;

const atOnce: InTurn = (task) => task();

/** A key whose entry is to be loaded, and what a read has found there. */
interface Wanted {
  readonly key: EntryKey;
  readonly found: Found;
  /** The old entry, which may be given if the load fails. */
  readonly spare: FoundEntry | undefined;
  /** The load that was begun for it. */
  readonly flight?: Flight | undefined;
}

/** Reads entries and loads what is missing: one load at a time for a key, of all processes. */
export class Loads {
  readonly #services: LoadServices;
  readonly #flights = new SingleFlight<Landing>();

  constructor(services: LoadServices) {
    this.#services = services;
  }

  /** The value of an entry; where there is none of use, what the loader gives, stored for the next. */
  async getOrLoad(key: EntryKey, plan: LoadPlan, load: Loader<unknown>): Promise<unknown> {
    const { reader, newDeadline } = this.#services;
    const found = await reader.read(key, plan, newDeadline());
    const given = this.#give(key, found, plan);
    if (given === undefined) return this.#wait(toWanted(key, found, plan, this.#services), plan, load);
    if (given.isDue) this.#refresh([{ key, found, spare: undefined }], plan, loadEach(load));
    return given.value;
  }

  /**
   * {@link getOrLoad} of several keys: one read, one load of what is missing.
   *
   * @returns In the order of the keys.
   */
  async getOrLoadMany(keys: readonly EntryKey[], plan: LoadPlan, load: ManyLoader): Promise<unknown[]> {
    const { reader, newDeadline } = this.#services;
    const found = await reader.readMany(keys, plan, newDeadline());
    const due: Wanted[] = [];
    const missing: Wanted[] = [];
    const given = keys.map((key, index) => {
      const each = found[index] ?? { status: "missing" };
      const gift = this.#give(key, each, plan);
      if (gift === undefined) missing.push(toWanted(key, each, plan, this.#services));
      else if (gift.isDue) due.push({ key, found: each, spare: undefined });
      return gift;
    });
    this.#refresh(due, plan, load);
    const begun = this.#begin(missing, plan, load, "leave");
    const slots = new Slots(COMMANDS_AT_ONCE);
    const inTurn: InTurn = (task) => slots.run(task);
    const loaded = missing.map((wanted) => {
      const { given: name } = wanted.key;
      const own = { ...wanted, flight: begun.get(wanted.key) };
      return this.#wait(own, plan, async (context) => (await load([name], context)).get(name), inTurn);
    });
    const waiting = loaded[Symbol.iterator]();
    return Promise.all(given.map((gift) => (gift === undefined ? waiting.next().value : gift.value)));
  }

  /** A write to these keys begins in this process, so what is being loaded for them now is out of date. */
  overrule(keys: readonly EntryKey[]): void {
    for (const { whole } of keys) this.#flights.overrule(whole);
  }

  overruleAll(): void {
    this.#flights.overruleAll();
  }

  /** What can be given at once. */
  #give({ given }: EntryKey, found: Found, plan: LoadPlan): { value: unknown; isDue: boolean } | undefined {
    const { monitor, clock, random } = this.#services;
    const freshness = found.status === "entry" ? freshnessOf(found.header, plan.rules, clock.now(), random) : "over";
    if (found.status !== "entry" || freshness === "spare" || freshness === "over") {
      monitor.emit("miss", { key: given });
      return undefined;
    }
    if (freshness === "stale") monitor.emit("stale", { key: given });
    else monitor.hit(given);
    return { value: found.value, isDue: freshness !== "fresh" };
  }

  /** Waits for a load. Where the old entry may be given instead, for no longer than it has to. */
  async #wait(wanted: Wanted, plan: LoadPlan, load: Loader<unknown>, inTurn = atOnce): Promise<unknown> {
    const { key, spare } = wanted;
    if (spare === undefined) return this.#parse(await this.#land(wanted, plan, load, inTurn), key);
    try {
      const { isOwn, landing } = this.#join(wanted, plan, load, "leave");
      const landed = await withinSoftTimeout(landing, plan.rules.softTimeout);
      if (landed?.status === "loaded") {
        const isUsable = isOwn || !landed.isOutdated;
        return this.#parse(isUsable ? landed.text : await this.#land(wanted, plan, load, inTurn), key);
      }
    } catch (error) {
      if (!(error instanceof LoaderFailure)) throw error;
    }
    this.#services.monitor.emit("stale", { key: key.given });
    return spare.value;
  }

  /**
   * The value that is loaded, serialized, whoever loads it.
   *
   * @param inTurn Bounds how many keys of one call ask the store again and again while another process loads
   *   them.
   */
  async #land(wanted: Wanted, plan: LoadPlan, load: Loader<unknown>, inTurn: InTurn): Promise<string | undefined> {
    const landed = await this.#landOnce(wanted, plan, load);
    if (landed !== undefined) return landed.text;
    return inTurn(async () => {
      for (;;) {
        const again = await this.#landOnce(wanted, plan, load);
        if (again !== undefined) return again.text;
      }
    });
  }

  async #landOnce(
    wanted: Wanted,
    plan: LoadPlan,
    load: Loader<unknown>,
  ): Promise<{ readonly text: string | undefined } | undefined> {
    const { isOwn, landing } = this.#join(wanted, plan, load, "wait");
    const landed = await landing.catch(throwCause);
    // A load that began in the background does not wait for another process, but who has joined it has to.
    // And who has joined one that was overruled by a delete may have come after that.
    return landed.status === "loaded" && (isOwn || !landed.isOutdated) ? landed : undefined;
  }

  /** Joins the load of a key, or begins it. */
  #join(
    wanted: Wanted,
    plan: LoadPlan,
    load: Loader<unknown>,
    patience: Patience,
  ): { readonly isOwn: boolean; readonly landing: Promise<Landing> } {
    const { whole } = wanted.key;
    const running = this.#flights.running(whole);
    if (running !== undefined) return { isOwn: running.flight === wanted.flight, landing: running.result };
    this.#begin([wanted], plan, loadEach(load), patience);
    return { isOwn: true, landing: this.#flights.running(whole)?.result ?? Promise.resolve({ status: "busy" }) };
  }

  /** Loads in the background. Failures are told by events. */
  #refresh(wanted: readonly Wanted[], plan: LoadPlan, load: ManyLoader): void {
    if (wanted.length > 0) this.#begin(wanted, plan, load, "leave");
  }

  /** Begins the load of those keys that are not being loaded in this process. */
  #begin(
    wanted: readonly Wanted[],
    plan: LoadPlan,
    load: ManyLoader,
    patience: Patience,
  ): ReadonlyMap<EntryKey, Flight> {
    const flights = this.#flights;
    const free = wanted.filter(({ key }) => !flights.isRunning(key.whole));
    if (free.length === 0) return new Map();
    const begun = free.map(({ key, found }) => ({ key, found, flight: { isOverruled: false } }));
    const group = Promise.resolve().then(() => this.#loadGroup(begun, plan, load, patience));
    for (const { key, flight } of begun) {
      const landing = group.then((landings) => landings.get(key.whole) ?? { status: "busy" as const });
      // Whoever waits hears of the failure; where nobody does, the events have told.
      landing.catch((error: unknown) => tellStoreError(error, this.#services));
      flights.track(key.whole, flight, landing);
    }
    return new Map(begun.map(({ key, flight }) => [key, flight]));
  }

  async #loadGroup(
    begun: readonly KeyLoadSubject[],
    plan: LoadPlan,
    load: ManyLoader,
    patience: Patience,
  ): Promise<Map<string, Landing>> {
    const landings = new Map<string, Landing>();
    const keeper = new LeaseKeeper(this.#services.leaseTtl, begun.length, this.#services.clock);
    const loads = begun.map((each) => {
      const onFill = (): void => this.#flights.seal(each.key.whole, each.flight);
      return new KeyLoad(this.#services, each, plan, keeper, onFill);
    });
    const own: KeyLoad[] = [];
    for (const chunk of chunksOf(loads, COMMANDS_AT_ONCE)) {
      const acquired = await Promise.allSettled(chunk.map((each) => each.acquire(patience)));
      for (const [index, each] of chunk.entries()) {
        const result = acquired[index];
        if (result?.status !== "fulfilled") continue;
        if (result.value.status === "leased") own.push(each);
        else if (result.value.status === "busy") landings.set(each.key.whole, result.value);
        else landings.set(each.key.whole, { ...result.value, isOutdated: false });
      }
      const failed = acquired.find((result) => result.status === "rejected");
      if (failed === undefined) continue;
      await this.#giveUp(own, begun, failed.reason);
      throw failed.reason;
    }
    if (own.length > 0) await this.#loadOwn(own, begun, plan, load, landings);
    return landings;
  }

  async #loadOwn(
    own: readonly KeyLoad[],
    begun: readonly KeyLoadSubject[],
    plan: LoadPlan,
    load: ManyLoader,
    landings: Map<string, Landing>,
  ): Promise<void> {
    const { tags, newDeadline } = this.#services;
    try {
      const ttl = plan.ttl === null ? null : plan.ttl + Math.max(plan.rules.stale, plan.rules.staleIfError);
      const tokens = await tags.ensure(plan.tags, plan.version, ttl, newDeadline());
      const { value, ...result } = await this.#run(own, begun, plan, load);
      const values = value as ReadonlyMap<string, unknown>;
      for (const chunk of chunksOf(own, COMMANDS_AT_ONCE)) {
        const loaded = chunk.map((each) => [each, toLoaded(values, each.key, result, plan, tokens)] as const);
        await this.#finish(loaded, plan, tokens, landings);
      }
    } catch (error) {
      // What the loader gave could not be stored: in the background only the event tells of it.
      if (!(error instanceof LoaderFailure) && !isStoreError(error)) {
        this.#services.monitor.emit("loadFailed", { key: own[0]?.key.given ?? "", error });
      }
      await this.#giveUp(own, begun, error);
      throw error;
    }
  }

  async #finish(
    loaded: readonly (readonly [KeyLoad, Loaded])[],
    plan: LoadPlan,
    tokens: Loaded["tags"],
    landings: Map<string, Landing>,
  ): Promise<void> {
    const finishing = Promise.allSettled(loaded.map(([each, value]) => each.finish(value)));
    // After the fills have begun: from then on nobody joins who might have come after an invalidation.
    const isRead = tokens !== undefined && loaded.some(([, value]) => isStorable(value));
    const [results, isInvalidated] = await Promise.all([finishing, isRead && this.#isInvalidated(tokens, plan)]);
    for (const [index, [{ key }]] of loaded.entries()) {
      const result = results[index];
      if (result?.status !== "fulfilled") continue;
      const { text, isOutdated } = result.value;
      const isOver = isOutdated === "if-invalidated" ? isInvalidated : isOutdated;
      landings.set(key.whole, { status: "loaded", text, isOutdated: isOver });
    }
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  /**
   * Whether a tag was invalidated after the load began: then the entry is dead, and so is what others wait
   * for.
   */
  async #isInvalidated(tokens: NonNullable<Loaded["tags"]>, plan: LoadPlan): Promise<boolean> {
    const { tags, newDeadline, isStoreAway } = this.#services;
    const now = await tags.read(Object.keys(tokens), plan.version, newDeadline());
    return !isStoreAway() && Object.entries(tokens).some(([tag, token]) => now.get(tag) !== token);
  }

  #run(
    own: readonly KeyLoad[],
    begun: readonly KeyLoadSubject[],
    plan: LoadPlan,
    load: ManyLoader,
  ): Promise<LoaderResult> {
    const { clock, monitor } = this.#services;
    const found = own.length === 1 ? begun.find(({ key }) => key === own[0]?.key)?.found : undefined;
    const stale = found?.status === "entry" ? found.value : undefined;
    const keys = own.map(({ key }) => key.given);
    return runLoader((context) => load(keys, context), { key: keys[0] ?? "", stale, plan, clock, monitor });
  }

  /**
   * After a failure others may load at once; but where an old entry can be given meanwhile, the lease stays
   * until its time is over, so that a source that is down is not asked by every request.
   */
  async #giveUp(own: readonly KeyLoad[], begun: readonly KeyLoadSubject[], error: unknown): Promise<void> {
    for (const each of own) each.stop();
    // A store that cannot be reached would only let the callers wait for longer. The lease ends by itself.
    if (isOutage(error)) return;
    const covered = new Set(begun.filter(({ found }) => found.status === "entry").map(({ key }) => key));
    const released = own.filter(({ key }) => !(error instanceof LoaderFailure && covered.has(key)));
    for (const chunk of chunksOf(released, COMMANDS_AT_ONCE)) {
      const results = await Promise.allSettled(chunk.map((each) => each.release()));
      for (const result of results) if (result.status === "rejected") tellStoreError(result.reason, this.#services);
    }
  }

  #parse(text: string | undefined, key: EntryKey): unknown {
    return text === undefined ? undefined : this.#services.codec.parse(text, key);
  }
}

function toWanted(key: EntryKey, found: Found, plan: LoadPlan, { clock, random }: LoadServices): Wanted {
  const isSpare = found.status === "entry" && freshnessOf(found.header, plan.rules, clock.now(), random) === "spare";
  return { key, found, spare: isSpare ? found : undefined };
}

function toLoaded(
  values: ReadonlyMap<string, unknown>,
  { given }: EntryKey,
  { took, ttl, isSkipped }: Omit<LoaderResult, "value">,
  plan: LoadPlan,
  tags: Loaded["tags"],
): Loaded {
  const value = values.get(given);
  const usual = value === null && plan.rules.negativeTtl !== undefined ? plan.rules.negativeTtl : plan.ttl;
  return { value, path: "value", took, ttl: ttl === undefined ? usual : ttl, tags, isSkipped };
}

/** The loader of one key as a loader of many: it is given one. */
function loadEach(load: Loader<unknown>): ManyLoader {
  return async ([key = ""], context) => new Map([[key, await load(context)]]);
}

/** @returns `undefined` when it takes longer. */
async function withinSoftTimeout<Result>(
  result: Promise<Result>,
  softTimeout: Milliseconds | undefined,
): Promise<Result | undefined> {
  if (softTimeout === undefined) return result;
  return settleWithin<Result, undefined>(result, softTimeout, (resolve) => resolve(undefined));
}

/** Callers get what their loader has thrown, not what was made of it here. */
function throwCause(error: unknown): never {
  throw error instanceof LoaderFailure ? error.cause : error;
}

function tellStoreError(error: unknown, { monitor }: LoadServices): void {
  if (isStoreError(error)) monitor.emit("storeError", { operation: "load", error });
}

function isStoreError(error: unknown): error is StoreConnectionError | StoreServiceError {
  return error instanceof StoreConnectionError || error instanceof StoreServiceError;
}
