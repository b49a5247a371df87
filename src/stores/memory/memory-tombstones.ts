import { LRUCache } from "lru-cache";
import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { SessionTombstones } from "../session-tombstones.ts";
import { checkDeadline } from "./check-deadline.ts";

interface Tombstone {
  readonly text: string;
  readonly expiresAt: EpochMilliseconds;
}

// Some 200 bytes each: 20 MB at most.
const MAX_TOMBSTONES = 100_000;

// With `max`, lru-cache makes its lists at once: 31 ms and 3 MB for a store that may never have a
// tombstone.
const BOUND = { maxSize: MAX_TOMBSTONES, sizeCalculation: () => 1 };

/**
 * Tombstones in the memory of this process. Beyond 100 000, the least recently used one is dropped.
 */
export class MemoryTombstones implements SessionTombstones {
  readonly #clock: Clock;
  readonly #tombstones = new LRUCache<string, Tombstone>(BOUND);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async read(name: string, deadline: Deadline): Promise<string | undefined> {
    checkDeadline(deadline);
    return this.#live(name);
  }

  async add(name: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<string | undefined> {
    checkDeadline(deadline);
    const present = this.#live(name);
    if (present === undefined) this.#put(name, text, ttl);
    return present;
  }

  async replace(name: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<void> {
    checkDeadline(deadline);
    this.#put(name, text, ttl);
  }

  async delete(name: string, deadline: Deadline): Promise<void> {
    checkDeadline(deadline);
    this.#tombstones.delete(name);
  }

  #put(name: string, text: string, ttl: Milliseconds): void {
    this.#tombstones.set(name, { text, expiresAt: this.#clock.now() + ttl });
  }

  #live(name: string): string | undefined {
    const tombstone = this.#tombstones.get(name);
    return tombstone !== undefined && this.#clock.now() < tombstone.expiresAt ? tombstone.text : undefined;
  }
}
