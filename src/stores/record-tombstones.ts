import type { Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import { throwNotSent } from "./partial-failures.ts";
import type { CreateResult } from "./session-store.ts";
import type { SessionTombstones } from "./session-tombstones.ts";

/**
 * Where tombstones are kept: records under keys that are no session's. The methods are those of a session
 * store.
 */
export interface TombstoneRecords {
  read(key: string, deadline: Deadline): Promise<string | undefined>;
  create(key: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<CreateResult>;
  /** Stores a record in the place of another, or of none. */
  put(key: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<void>;
  delete(key: string, deadline: Deadline): Promise<boolean>;
}

/** Tombstones of an engine that keeps them as it keeps its records, apart from those. */
export class RecordTombstones implements SessionTombstones {
  readonly #records: TombstoneRecords;
  readonly #keyOf: (name: string) => string;

  /** @param keyOf Makes the key of a name: another one for every other name. */
  constructor(records: TombstoneRecords, keyOf: (name: string) => string) {
    this.#records = records;
    this.#keyOf = keyOf;
  }

  read(name: string, deadline: Deadline): Promise<string | undefined> {
    return this.#records.read(this.#keyOf(name), deadline);
  }

  async add(name: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<string | undefined> {
    const key = this.#keyOf(name);
    for (;;) {
      const { status } = await this.#records.create(key, text, ttl, deadline);
      if (status === "created") return undefined;
      const present = await this.#records.read(key, deadline).catch(throwNotSent);
      // It expired or was deleted in between: the name can have another.
      if (present !== undefined) return present;
    }
  }

  replace(name: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<void> {
    return this.#records.put(this.#keyOf(name), text, ttl, deadline);
  }

  async delete(name: string, deadline: Deadline): Promise<void> {
    await this.#records.delete(this.#keyOf(name), deadline);
  }
}
