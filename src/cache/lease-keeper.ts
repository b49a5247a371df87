import type { Milliseconds } from "../core/clock.ts";
import { chunksOf, COMMANDS_AT_ONCE } from "../stores/chunks.ts";

/** A load that holds a lease. */
interface Held {
  renew(leaseTtl: Milliseconds): Promise<void>;
}

/** Renews the leases of loads that have begun together, for as long as each of them takes. */
export class LeaseKeeper {
  readonly #leaseTtl: Milliseconds | null;
  readonly #held = new Set<Held>();
  #timer: NodeJS.Timeout | undefined;
  #isRenewing = false;

  /** @param leaseTtl How long a lease lasts that is not renewed; `null` where there are none. */
  constructor(leaseTtl: Milliseconds | null) {
    this.#leaseTtl = leaseTtl;
  }

  add(load: Held): void {
    this.#held.add(load);
    if (this.#leaseTtl === null || this.#timer !== undefined) return;
    this.#timer = setInterval(() => void this.#renewAll(), this.#leaseTtl / 3);
    this.#timer.unref();
  }

  delete(load: Held): void {
    this.#held.delete(load);
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #renewAll(): Promise<void> {
    const leaseTtl = this.#leaseTtl;
    if (this.#isRenewing || leaseTtl === null) return;
    this.#isRenewing = true;
    try {
      for (const chunk of chunksOf([...this.#held], COMMANDS_AT_ONCE)) {
        const held = chunk.filter((load) => this.#held.has(load));
        await Promise.all(held.map((load) => load.renew(leaseTtl)));
      }
    } finally {
      this.#isRenewing = false;
    }
  }
}
