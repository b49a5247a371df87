import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { CacheReentranceError } from "../../core/errors.ts";
import { Slots } from "../../core/slots.ts";
import { settleWithin } from "../../core/timers.ts";
import { COMMANDS_AT_ONCE } from "../../stores/chunks.ts";
import { CallerWait } from "./caller-wait.ts";
import type { Found, FoundEntry } from "../entry/entry-reader.ts";
import { freshnessOf } from "../entry/freshness.ts";
import type { LoadServices, Patience } from "./key-load.ts";
import type { EntryKey } from "../keys/keys.ts";
import { type Landing, LoadGroup, type ManyLoader, tellStoreError } from "./load-group.ts";
import type { Loader, LoadPlan } from "./load-options.ts";
import { LoadScope } from "./load-scope.ts";
import { LoaderFailure } from "./loader-run.ts";
import { Flight, SingleFlight } from "./single-flight.ts";

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

/** What a load has brought, serialized; `undefined` is no value. */
interface Loaded {
  readonly text: string | undefined;
}

/** One call: what it loads, and how long its caller waits. */
interface Call<Load = ManyLoader> {
  readonly plan: LoadPlan;
  readonly load: Load;
  /** Of the store steps up to the end of the first load. */
  readonly deadline: Deadline;
  /** `undefined` where the caller waits as long as it takes. */
  readonly wait: CallerWait | undefined;
}

/** Reads entries and loads what is missing: one load at a time for a key, of all processes. */
export class Loads {
  readonly #services: LoadServices;
  readonly #flights = new SingleFlight<Landing>();

  constructor(services: LoadServices) {
    this.#services = services;
  }

  /** The value of an entry; where there is none of use, what the loader gives, stored for the next. */
  getOrLoad(key: EntryKey, plan: LoadPlan, load: Loader<unknown>, deadline: Deadline): Promise<unknown> {
    // A hit is the usual case, and needs no more than this.
    if (!isBounded(plan)) return this.#getOrLoad(key, { plan, load, deadline, wait: undefined });
    return bounded(plan, key, (wait) => this.#getOrLoad(key, { plan, load, deadline, wait }));
  }

  /**
   * {@link getOrLoad} of several keys: one read, one load of what is missing.
   *
   * @returns In the order of the keys.
   */
  getOrLoadMany(keys: readonly EntryKey[], plan: LoadPlan, load: ManyLoader, deadline: Deadline): Promise<unknown[]> {
    const [first] = keys;
    if (first === undefined) return Promise.resolve([]);
    if (!isBounded(plan)) return this.#getOrLoadMany(keys, { plan, load, deadline, wait: undefined });
    return bounded(plan, first, (wait) => this.#getOrLoadMany(keys, { plan, load, deadline, wait }));
  }

  /** A write to these keys begins in this process, so what is being loaded for them now is out of date. */
  overrule(keys: readonly EntryKey[]): void {
    for (const { whole } of keys) this.#flights.overrule(whole);
  }

  overruleAll(): void {
    this.#flights.overruleAll();
  }

  async #getOrLoad(key: EntryKey, call: Call<Loader<unknown>>): Promise<unknown> {
    const { plan, deadline, wait } = call;
    const reading = this.#services.reader.read(key, plan, deadline);
    const found = wait === undefined ? await reading : await wait.for(reading);
    const given = this.#give(key, found, plan);
    if (given?.isDue === false) return given.value;
    const loading = { ...call, load: loadEach(call.load) };
    if (given === undefined) return this.#wait(toWanted(key, found, plan, this.#services), loading);
    this.#refresh([{ key, found, spare: undefined }], loading);
    return given.value;
  }

  async #getOrLoadMany(keys: readonly EntryKey[], call: Call): Promise<unknown[]> {
    const { plan, deadline, wait } = call;
    const reading = this.#services.reader.readMany(keys, plan, deadline);
    const found = wait === undefined ? await reading : await wait.for(reading);
    const due: Wanted[] = [];
    const missing: Wanted[] = [];
    const given = keys.map((key, index) => {
      const each = found[index] ?? { status: "missing" };
      const gift = this.#give(key, each, plan);
      if (gift === undefined) missing.push(toWanted(key, each, plan, this.#services));
      else if (gift.isDue) due.push({ key, found: each, spare: undefined });
      return gift;
    });
    this.#refresh(due, call);
    for (const { key } of missing) this.#expectOutside(key);
    const begun = this.#begin(missing, call, "leave");
    const slots = new Slots(COMMANDS_AT_ONCE);
    const inTurn: InTurn = (task) => slots.run(task);
    const loaded = missing.map((wanted) => this.#wait({ ...wanted, flight: begun.get(wanted.key) }, call, inTurn));
    const waiting = loaded[Symbol.iterator]();
    return Promise.all(given.map((gift) => (gift === undefined ? waiting.next().value : gift.value)));
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
  async #wait(wanted: Wanted, call: Call, inTurn = atOnce): Promise<unknown> {
    const { key, spare } = wanted;
    const { wait } = call;
    const loading = spare === undefined ? this.#land(wanted, call, inTurn) : this.#landInTime(wanted, call, inTurn);
    try {
      const landed = await (wait === undefined ? loading : wait.for(loading));
      if (landed !== undefined) return this.#parse(landed.text, key);
    } catch (error) {
      if (spare === undefined) throw throwable(error);
      if (!(error instanceof LoaderFailure) && wait?.isTimeout(error) !== true) throw error;
    }
    this.#services.monitor.emit("stale", { key: key.given });
    return spare?.value;
  }

  /** @returns `undefined` when another process is loading, or the load takes longer than `softTimeout`. */
  async #landInTime(wanted: Wanted, call: Call, inTurn: InTurn): Promise<Loaded | undefined> {
    const { isOwn, landing } = this.#join(wanted, call, "leave");
    const landed = await withinSoftTimeout(landing, call.plan.rules.softTimeout);
    if (landed?.status !== "loaded") return undefined;
    return isOwn || !landed.isOutdated ? landed : this.#land(wanted, call, inTurn);
  }

  /**
   * The value that is loaded, serialized, whoever loads it.
   *
   * @param inTurn Bounds how many keys of one call ask the store again and again while another process loads
   *   them.
   */
  async #land(wanted: Wanted, call: Call, inTurn: InTurn): Promise<Loaded> {
    const landed = await this.#landOnce(wanted, call);
    if (landed !== undefined) return landed;
    return inTurn(async () => {
      while (call.wait?.isOver !== true) {
        // What has passed was the time of another load.
        const again = await this.#landOnce(wanted, { ...call, deadline: this.#services.newDeadline() });
        if (again !== undefined) return again;
      }
      // The caller has its error already.
      return { text: undefined };
    });
  }

  async #landOnce(wanted: Wanted, call: Call): Promise<Loaded | undefined> {
    const { isOwn, landing } = this.#join(wanted, call, "wait");
    const landed = await landing;
    // A load that began in the background does not wait for another process, but who has joined it has to.
    // And who has joined one that was overruled by a delete may have come after that.
    return landed.status === "loaded" && (isOwn || !landed.isOutdated) ? landed : undefined;
  }

  /** Joins the load of a key, or begins it. */
  #join(
    wanted: Wanted,
    call: Call,
    patience: Patience,
  ): { readonly isOwn: boolean; readonly landing: Promise<Landing> } {
    const { key } = wanted;
    const asking = this.#expectOutside(key);
    const isRunning = this.#flights.isRunning(key.whole);
    if (!isRunning) this.#begin([wanted], call, patience);
    const running = this.#flights.running(key.whole);
    if (running === undefined) return { isOwn: true, landing: Promise.resolve({ status: "busy" }) };
    const { flight, result } = running;
    flight.join(call.wait);
    const landing = asking === undefined ? result : asking.waitFor(flight.scope, key, result);
    return { isOwn: !isRunning || flight === wanted.flight, landing };
  }

  /** The loader that asks for an entry, if one does. @throws {CacheReentranceError} When it loads that entry. */
  #expectOutside(key: EntryKey): LoadScope | undefined {
    const asking = LoadScope.current();
    if (asking?.isLoading(this.#services.place, key)) throw new CacheReentranceError(key.given);
    return asking;
  }

  /** Loads in the background. Failures are told by events. */
  #refresh(wanted: readonly Wanted[], call: Call): void {
    if (wanted.length === 0) return;
    this.#begin(wanted, { ...call, deadline: this.#services.newDeadline() }, "leave");
  }

  /** Begins the load of those keys that are not being loaded in this process. */
  #begin(wanted: readonly Wanted[], call: Call, patience: Patience): ReadonlyMap<EntryKey, Flight> {
    const flights = this.#flights;
    const free = wanted.filter(({ key }) => !flights.isRunning(key.whole));
    if (free.length === 0) return new Map();
    const { plan, load, deadline } = call;
    const keys = free.map(({ key }) => key);
    const scope = new LoadScope(this.#services.place, keys);
    const subjects = free.map(({ key, found }) => ({ key, found, flight: new Flight(scope) }));
    const seal = (key: string, flight: Flight): void => flights.seal(key, flight);
    const options = { subjects, plan, load, patience, scope, deadline, seal };
    const group = Promise.resolve().then(() => new LoadGroup(this.#services, options).run());
    for (const { key, flight } of subjects) {
      const landing = group.then((landings) => landings.get(key.whole) ?? { status: "busy" as const });
      // Whoever waits hears of the failure; where nobody does, the events have told.
      landing.catch((error: unknown) => tellStoreError(error, this.#services));
      flights.track(key.whole, flight, landing);
    }
    return new Map(subjects.map(({ key, flight }) => [key, flight]));
  }

  #parse(text: string | undefined, key: EntryKey): unknown {
    return text === undefined ? undefined : this.#services.codec.parse(text, key);
  }
}

/** Whether a hard timeout or a signal bounds the wait of a caller. */
function isBounded({ rules, signal }: LoadPlan): boolean {
  return rules.hardTimeout !== undefined || signal !== undefined;
}

/** Runs a call for as long as its caller waits. @throws The reason of a signal that has aborted before. */
async function bounded<Result>(
  { rules, signal }: LoadPlan,
  { given }: EntryKey,
  run: (wait: CallerWait) => Promise<Result>,
): Promise<Result> {
  signal?.throwIfAborted();
  const wait = new CallerWait({ hardTimeout: rules.hardTimeout, signal }, given);
  try {
    return await run(wait);
  } finally {
    wait.stop();
  }
}

function toWanted(key: EntryKey, found: Found, plan: LoadPlan, { clock, random }: LoadServices): Wanted {
  const isSpare = found.status === "entry" && freshnessOf(found.header, plan.rules, clock.now(), random) === "spare";
  return { key, found, spare: isSpare ? found : undefined };
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
function throwable(error: unknown): unknown {
  return error instanceof LoaderFailure ? error.cause : error;
}
