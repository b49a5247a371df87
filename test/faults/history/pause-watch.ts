import { setTimeout as pause } from "node:timers/promises";
import type { Pause } from "./history.ts";

/** Milliseconds that all processes of one machine count alike. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const TICK = 10;
/** Shorter delays are the timer's own. */
const LEAST = 25;

/**
 * Notes when the event loop stood still: the process got no CPU, or was busy. `monitorEventLoopDelay` knows
 * how long such pauses are, but not when they were.
 */
export class PauseWatch {
  readonly pauses: Pause[] = [];
  readonly #timer: NodeJS.Timeout;
  #last: number = monotonic();

  constructor(processNumber: number) {
    this.#timer = setInterval(() => {
      const now = monotonic();
      const from = this.#last + TICK;
      if (now - from > LEAST) this.pauses.push({ process: processNumber, from, to: now });
      this.#last = now;
    }, TICK);
  }

  /** Also waits for the end of a pause that has not been noted yet. */
  async stop(): Promise<void> {
    await pause(2 * TICK);
    clearInterval(this.#timer);
  }
}
