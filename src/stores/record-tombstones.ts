import type { Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import { throwNotSent } from "./partial-failures.ts";
import type { CreateResult } from "./session-store.ts";
import type { SessionTombstones } from "./session-tombstones.ts";

/** Storage of tombstones: records under keys that are not session keys. */
export interface TombstoneRecords {
  read(key: string, deadline: Deadline): Promise<string | undefined>;
  create(key: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<CreateResult>;
  /** Stores a record, replacing an existing one. */
  put(key: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<void>;
  delete(key: string, deadline: Deadline): Promise<boolean>;
}

/** Tombstones of an engine that keeps them like its records, but apart from those. */
export class RecordTombstones implements SessionTombstones {
  readonly #records: TombstoneRecords;
  readonly #keyOf: (name: string) => string;

  /** @param keyOf Makes the key of a name, a different one for each name. */
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
      // Otherwise it expired or was deleted in between: the name is free again.
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
