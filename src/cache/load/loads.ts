import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { CacheReentranceError } from "../../core/errors.ts";
import { Semaphore } from "../../core/semaphore.ts";
import { settleWithin } from "../../core/timers.ts";
import { COMMANDS_AT_ONCE } from "../../stores/chunks.ts";
import type { Found, FoundEntry } from "../entry/entry-reader.ts";
import { type Freshness, freshnessOf } from "../entry/freshness.ts";
import type { EntryKey } from "../keys/keys.ts";
import { CallerWait } from "./caller-wait.ts";
import type { LoadServices, OnBusy } from "./key-load.ts";
import { type LoadOutcome, LoadGroup, type ManyLoader, tellStoreError } from "./load-group.ts";
import type { Loader, LoadPlan } from "./load-options.ts";
import { LoadScope } from "./load-scope.ts";
import { LoaderFailure } from "./loader-run.ts";
import { Flight, SingleFlight } from "./single-flight.ts";

/** Runs a task when its turn has come. */
type InTurn = <Result>(task: () => Promise<Result>) => Promise<Result>;

const atOnce: InTurn = (task) => task();

/** A key whose entry is to be loaded, and the result of its read. */
interface LoadTarget {
  readonly key: EntryKey;
  readonly found: Found;
  /** The old entry, which may be returned if the load fails. */
  readonly fallback: FoundEntry | undefined;
  /** The load that was started for the key. */
  readonly flight?: Flight | undefined;
}

/** A value that is given to the caller at once, and whether its entry is to be loaded again. */
interface Served {
  readonly value: unknown;
  readonly isDue: boolean;
}

/** Serialized result of a load; `undefined` is no value. */
interface Loaded {
  readonly text: string | undefined;
}

/** One call: its loader, and the wait of its caller. */
interface Call<Load = ManyLoader> {
  readonly plan: LoadPlan;
  readonly load: Load;
  /** Deadline of the store steps up to the end of the first load. */
  readonly deadline: Deadline;
  /** `undefined` if the wait has no bound. */
  readonly wait: CallerWait | undefined;
}

/** Reads entries and loads missing ones: one load of a key at a time, across all processes. */
export class Loads {
  readonly #services: LoadServices;
  readonly #flights = new SingleFlight<LoadOutcome>();

  constructor(services: LoadServices) {
    this.#services = services;
  }

  /**
   * Returns the value of an entry; if none is usable, loads and stores it.
   *
   * @param begun Deadline of a call that has already waited. @defaultValue a new one
   * @returns A promise, unless the store has the entry at hand.
   */
  getOrLoad(key: EntryKey, plan: LoadPlan, load: Loader<unknown>, begun?: Deadline): unknown {
    const { reader, newDeadline } = this.#services;
    const call = (wait?: CallerWait): Call<Loader<unknown>> => {
      return { plan, load, deadline: begun ?? newDeadline(), wait };
    };
    // A hit is the usual case, and needs no more than this.
    if (isBounded(plan)) return bounded(plan, key, (wait) => this.#getOrLoad(key, call(wait)));
    const found = reader.readSync(key, plan);
    if (found === undefined) return this.#getOrLoad(key, call());
    const served = this.#serve(key, found, plan);
    return served?.isDue === false ? served.value : this.#load(key, found, served, call());
  }

  /**
   * {@link getOrLoad} of several keys: one read, one load of the missing ones.
   *
   * @returns The values, in the order of the keys.
   */
  getOrLoadMany(
    keys: readonly EntryKey[],
    plan: LoadPlan,
    load: ManyLoader,
    deadline: Deadline,
  ): Promise<unknown[]> {
    const [first] = keys;
    if (first === undefined) return Promise.resolve([]);
    if (!isBounded(plan)) return this.#getOrLoadMany(keys, { plan, load, deadline, wait: undefined });
    return bounded(plan, first, (wait) => this.#getOrLoadMany(keys, { plan, load, deadline, wait }));
  }

  /** Marks the running loads of these keys as outdated, since a write begins in this process. */
  supersede(keys: readonly EntryKey[]): void {
    for (const { storageKey } of keys) this.#flights.supersede(storageKey);
  }

  supersedeAll(): void {
    this.#flights.supersedeAll();
  }

  async #getOrLoad(key: EntryKey, call: Call<Loader<unknown>>): Promise<unknown> {
    const { plan, deadline, wait } = call;
    const reading = this.#services.reader.read(key, plan, deadline);
    const found = wait === undefined ? await reading : await wait.for(reading);
    const served = this.#serve(key, found, plan);
    return served?.isDue === false ? served.value : this.#load(key, found, served, call);
  }

  /** Loads an entry that is not fresh: in the background, where its value was served. */
  #load(key: EntryKey, found: Found, served: Served | undefined, call: Call<Loader<unknown>>): unknown {
    const loading = { ...call, load: loadEach(call.load) };
    if (served === undefined) return this.#wait(this.#targetOf(key, found, call.plan), loading);
    this.#refresh([{ key, found, fallback: undefined }], loading);
    return served.value;
  }

  async #getOrLoadMany(keys: readonly EntryKey[], call: Call): Promise<unknown[]> {
    const { plan, deadline, wait } = call;
    const reading = this.#services.reader.readMany(keys, plan, deadline);
    const found = wait === undefined ? await reading : await wait.for(reading);
    const due: LoadTarget[] = [];
    const missing: LoadTarget[] = [];
    const given = keys.map((key, index) => {
      const each = found[index] ?? { status: "missing" };
      const served = this.#serve(key, each, plan);
      if (served === undefined) missing.push(this.#targetOf(key, each, plan));
      else if (served.isDue) due.push({ key, found: each, fallback: undefined });
      return served;
    });
    this.#refresh(due, call);
    for (const { key } of missing) this.#expectOutside(key);
    const begun = this.#begin(missing, call, "skip");
    const slots = new Semaphore(COMMANDS_AT_ONCE);
    const inTurn: InTurn = (task) => slots.run(task);
    const loaded = missing.map((target) =>
      this.#wait({ ...target, flight: begun.get(target.key) }, call, inTurn),
    );
    const waiting = loaded[Symbol.iterator]();
    return Promise.all(given.map((served) => (served === undefined ? waiting.next().value : served.value)));
  }

  /** Returns the value that can be served at once. */
  #serve({ key }: EntryKey, found: Found, plan: LoadPlan): Served | undefined {
    const { monitor } = this.#services;
    const freshness = this.#freshnessOf(found, plan);
    if (found.status !== "entry" || freshness === "stale-if-error" || freshness === "expired") {
      monitor.emit("miss", { key });
      return undefined;
    }
    if (freshness === "stale") monitor.emit("stale", { key });
    else monitor.hit(key);
    return { value: found.value, isDue: freshness !== "fresh" };
  }

  #freshnessOf(found: Found, { rules }: LoadPlan): Freshness {
    if (found.status !== "entry") return "expired";
    if (found.header === undefined) return "fresh";
    const { clock, random } = this.#services;
    return freshnessOf(found.header, rules, clock.now(), random);
  }

  #targetOf(key: EntryKey, found: Found, plan: LoadPlan): LoadTarget {
    const isFallback = this.#freshnessOf(found, plan) === "stale-if-error";
    return { key, found, fallback: isFallback && found.status === "entry" ? found : undefined };
  }

  /** Waits for a load; where the old entry may be served instead, only as long as needed. */
  async #wait(target: LoadTarget, call: Call, inTurn = atOnce): Promise<unknown> {
    const { key, fallback } = target;
    const { wait } = call;
    const loading =
      fallback === undefined
        ? this.#awaitLoad(target, call, inTurn)
        : this.#awaitInTime(target, call, inTurn);
    try {
      const outcome = await (wait === undefined ? loading : wait.for(loading));
      if (outcome !== undefined) return this.#parse(outcome.text, key);
    } catch (error) {
      if (fallback === undefined) throw throwable(error);
      if (!(error instanceof LoaderFailure) && wait?.isTimeout(error) !== true) throw error;
    }
    this.#services.monitor.emit("stale", { key: key.key });
    return fallback?.value;
  }

  /**
   * @returns `undefined` when another process is loading, or the load takes longer than
   *   `softTimeout`.
   */
  async #awaitInTime(target: LoadTarget, call: Call, inTurn: InTurn): Promise<Loaded | undefined> {
    const { isOwn, outcome } = this.#join(target, call, "skip");
    const loaded = await withinSoftTimeout(outcome, call.plan.rules.softTimeout);
    if (loaded?.status !== "loaded") return undefined;
    return isOwn || !loaded.isOutdated ? loaded : this.#awaitLoad(target, call, inTurn);
  }

  /**
   * Returns the loaded value, serialized, whichever caller loads it.
   *
   * @param inTurn Bounds how many keys of one call poll the store while another process loads them.
   */
  async #awaitLoad(target: LoadTarget, call: Call, inTurn: InTurn): Promise<Loaded> {
    const outcome = await this.#awaitOnce(target, call);
    if (outcome !== undefined) return outcome;
    return inTurn(async () => {
      while (call.wait?.isOver !== true) {
        // The time that has passed belongs to another load.
        const again = await this.#awaitOnce(target, { ...call, deadline: this.#services.newDeadline() });
        if (again !== undefined) return again;
      }
      // The caller has its error already.
      return { text: undefined };
    });
  }

  async #awaitOnce(target: LoadTarget, call: Call): Promise<Loaded | undefined> {
    const { isOwn, outcome } = this.#join(target, call, "wait");
    const loaded = await outcome;
    // A load that began in the background does not wait for another process, but a caller that
    // joined it has to. And a caller that joined a load superseded by a delete may have come after
    // the delete.
    return loaded.status === "loaded" && (isOwn || !loaded.isOutdated) ? loaded : undefined;
  }

  /** Joins the load of a key, or starts it. */
  #join(
    target: LoadTarget,
    call: Call,
    onBusy: OnBusy,
  ): { readonly isOwn: boolean; readonly outcome: Promise<LoadOutcome> } {
    const { key } = target;
    const asking = this.#expectOutside(key);
    const isRunning = this.#flights.isRunning(key.storageKey);
    if (!isRunning) this.#begin([target], call, onBusy);
    const running = this.#flights.running(key.storageKey);
    if (running === undefined) return { isOwn: true, outcome: Promise.resolve({ status: "busy" }) };
    const { flight, result } = running;
    flight.join(call.wait);
    const outcome = asking === undefined ? result : asking.waitFor(flight.scope, key, result);
    return { isOwn: !isRunning || flight === target.flight, outcome };
  }

  /**
   * Returns the loader that requests an entry, if any.
   *
   * @throws {CacheReentranceError} When it loads that entry.
   */
  #expectOutside(key: EntryKey): LoadScope | undefined {
    const asking = LoadScope.current();
    if (asking?.isLoading(this.#services.place, key)) throw new CacheReentranceError(key.key);
    return asking;
  }

  /** Loads in the background. Events report failures. */
  #refresh(targets: readonly LoadTarget[], call: Call): void {
    if (targets.length === 0) return;
    this.#begin(targets, { ...call, deadline: this.#services.newDeadline() }, "skip");
  }

  /** Starts the load of the keys that are not being loaded in this process. */
  #begin(targets: readonly LoadTarget[], call: Call, onBusy: OnBusy): ReadonlyMap<EntryKey, Flight> {
    const flights = this.#flights;
    const free = targets.filter(({ key }) => !flights.isRunning(key.storageKey));
    if (free.length === 0) return new Map();
    const { plan, load, deadline } = call;
    const keys = free.map(({ key }) => key);
    const scope = new LoadScope(this.#services.place, keys);
    const subjects = free.map(({ key, found }) => ({ key, found, flight: new Flight(scope) }));
    const seal = (key: string, flight: Flight): void => flights.seal(key, flight);
    const options = { subjects, plan, load, onBusy, scope, deadline, seal };
    const group = Promise.resolve().then(() => new LoadGroup(this.#services, options).run());
    for (const { key, flight } of subjects) {
      const outcome = group.then((outcomes) => outcomes.get(key.storageKey) ?? { status: "busy" as const });
      // Waiting callers get the failure; without any, the events have reported it.
      outcome.catch((error: unknown) => tellStoreError(error, this.#services));
      flights.track(key.storageKey, flight, outcome);
    }
    return new Map(subjects.map(({ key, flight }) => [key, flight]));
  }

  #parse(text: string | undefined, key: EntryKey): unknown {
    return text === undefined ? undefined : this.#services.codec.parse(text, key);
  }
}

/** Returns whether a hard timeout or a signal bounds the caller's wait. */
function isBounded({ rules, signal }: LoadPlan): boolean {
  return rules.hardTimeout !== undefined || signal !== undefined;
}

/** Runs a call while its caller waits. @throws The reason of a signal that has aborted before. */
async function bounded<Result>(
  { rules, signal }: LoadPlan,
  { key }: EntryKey,
  run: (wait: CallerWait) => Promise<Result>,
): Promise<Result> {
  signal?.throwIfAborted();
  const wait = new CallerWait({ hardTimeout: rules.hardTimeout, signal }, key);
  try {
    return await run(wait);
  } finally {
    wait.stop();
  }
}

/** Turns the loader of one key into a loader of many. */
function loadEach(load: Loader<unknown>): ManyLoader {
  return async ([key = ""], context) => new Map([[key, await load(context)]]);
}

/** @returns `undefined` after `softTimeout`. */
async function withinSoftTimeout<Result>(
  result: Promise<Result>,
  softTimeout: Milliseconds | undefined,
): Promise<Result | undefined> {
  if (softTimeout === undefined) return result;
  return settleWithin<Result, undefined>(result, softTimeout, (resolve) => resolve(undefined));
}

/** Returns the original error of a loader, without the wrapper. */
function throwable(error: unknown): unknown {
  return error instanceof LoaderFailure ? error.cause : error;
}
