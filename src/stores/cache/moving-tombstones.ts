import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { throwUnknown } from "../partial-failures.ts";
import type { SessionTombstones } from "../session-tombstones.ts";

/**
 * Tombstones of sessions that are being moved from another store into a cache: written in both.
 *
 * - A follower of a move runs beside instances that know only the other store, and others that
 *   write in both: the other store decides.
 * - A mover runs beside instances that write in both, and others that know only the cache: the
 *   cache decides. Tombstones only in the other store were written before the move began, and count
 *   too. So deleting in the cache alone does not end a tombstone written by a mover.
 */
export class MovingTombstones implements SessionTombstones {
  readonly #from: SessionTombstones;
  readonly #to: SessionTombstones;
  readonly #isUnderWay: boolean;

  constructor(from: SessionTombstones, to: SessionTombstones, isUnderWay: boolean) {
    this.#from = from;
    this.#to = to;
    this.#isUnderWay = isUnderWay;
  }

  async read(name: string, deadline: Deadline): Promise<string | undefined> {
    const moved = this.#isUnderWay ? await this.#to.read(name, deadline) : undefined;
    return moved ?? this.#from.read(name, deadline);
  }

  /** Both kinds begin in the other store, so one of a follower and a mover is first. */
  async add(name: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<string | undefined> {
    const before = await this.#from.add(name, text, ttl, deadline);
    if (before !== undefined && !this.#isUnderWay) return before;
    const candidate = before ?? text;
    // Also if another text is there: its writer may not have reached the cache yet.
    const held = await this.#to.add(name, candidate, ttl, deadline).catch(throwUnknown);
    if (held === undefined || held === candidate || !this.#isUnderWay) return before;
    await this.#from.replace(name, held, ttl, deadline).catch(throwUnknown);
    return held;
  }

  async replace(name: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<void> {
    await this.#from.replace(name, text, ttl, deadline);
    await this.#to.replace(name, text, ttl, deadline).catch(throwUnknown);
  }

  async delete(name: string, deadline: Deadline): Promise<void> {
    await this.#from.delete(name, deadline);
    await this.#to.delete(name, deadline).catch(throwUnknown);
  }
}
