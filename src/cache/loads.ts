import type { Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import { CacheCorruptError } from "../core/errors.ts";
import type { Events } from "../core/events.ts";
import { writeJson } from "../json/index.ts";
import type { CacheStore, SetCondition } from "../stores/cache-store.ts";
import type { CacheEvents } from "./cache-events.ts";
import type { EntryKey } from "./keys.ts";
import { type Flight, SingleFlight } from "./single-flight.ts";
import { endsAtOnce } from "./timeouts.ts";
import { readValue } from "./values.ts";

/** What {@link Loads} works with. */
export interface LoadServices {
  readonly store: CacheStore;
  readonly events: Events<CacheEvents>;
  /** Makes the deadline of one store operation. */
  readonly newDeadline: () => Deadline;
}

/** What to do about an entry that is missing. */
export interface Load {
  /** `undefined` is handed to the callers and not stored. */
  readonly load: () => unknown;
  readonly ttl: Milliseconds | null;
}

type Found =
  | { readonly status: "found"; readonly value: unknown; readonly text: string }
  | { readonly status: "missing" }
  /** Something is there that is not JSON. */
  | { readonly status: "corrupt" };

/** Reads entries and loads the missing ones: one load at a time for a key, in this process. */
export class Loads {
  readonly #services: LoadServices;
  /** As text, from which each caller gets a value of its own. */
  readonly #flights = new SingleFlight<string | undefined>();

  constructor(services: LoadServices) {
    this.#services = services;
  }

  /** The value of an entry; where there is none, what the load gives, stored for the next. */
  async getOrLoad(key: EntryKey, load: Load): Promise<unknown> {
    const found = await this.#find(key);
    if (found.status === "found") return found.value;
    // What cannot be read has to be overwritten. Else another process may have been first, and its value counts.
    const condition = found.status === "corrupt" ? "always" : "if-absent";
    const text = await this.#flights.run(key.whole, (flight) => this.#load(key, load, condition, flight));
    return text === undefined ? undefined : readValue(text, key);
  }

  /** A write to these keys begins in this process, so what is being loaded for them now is out of date. */
  overrule(keys: readonly EntryKey[]): void {
    for (const { whole } of keys) this.#flights.overrule(whole);
  }

  overruleAll(): void {
    this.#flights.overruleAll();
  }

  async #load(
    key: EntryKey,
    { load, ttl }: Load,
    condition: SetCondition,
    flight: Flight,
  ): Promise<string | undefined> {
    const value = await load();
    if (value === undefined) return undefined;
    const text = writeJson(value, "value");
    if (!flight.isOverruled && (endsAtOnce(ttl) || (await this.#store(key, text, ttl, condition)))) return text;
    return this.#newer(key, text);
  }

  async #store(
    { whole }: EntryKey,
    value: string,
    ttl: Milliseconds | null,
    condition: SetCondition,
  ): Promise<boolean> {
    const { store, newDeadline } = this.#services;
    const [isStored = false] = await store.setMany([{ key: whole, value, ttl }], condition, newDeadline());
    return isStored;
  }

  /** What was written while the load ran; what was loaded when that was deleted, or has gone again. */
  async #newer(key: EntryKey, loaded: string): Promise<string> {
    const found = await this.#find(key);
    return found.status === "found" ? found.text : loaded;
  }

  async #find(key: EntryKey): Promise<Found> {
    const { store, events, newDeadline } = this.#services;
    const [text] = await store.getMany([key.whole], newDeadline());
    if (text === undefined) return { status: "missing" };
    try {
      return { status: "found", value: readValue(text, key), text };
    } catch (error) {
      if (!(error instanceof CacheCorruptError)) throw error;
      events.emit("corrupt", { key: key.given, problem: error.problem });
      return { status: "corrupt" };
    }
  }
}
