import type { Clock, Milliseconds } from "../core/clock.ts";
import { ImproperlyConfigured } from "../core/errors.ts";
import { settleWithin } from "../core/timers.ts";
import type { DriverFailure } from "./commands.ts";
import type { RedisDriver, RedisDriverFactory } from "./driver.ts";
import { RedisLink } from "./link.ts";

type Ending =
  | { readonly link: RedisLink; readonly failure?: never }
  | { readonly link?: never; readonly failure: DriverFailure | ImproperlyConfigured };

/** An attempt to open a link: its start on the monotonic clock, and its result. */
export type Attempt = Ending & { readonly startedAt: Milliseconds };

/** Options of {@link RedisConnector}. */
export interface RedisConnectorOptions {
  readonly driver: RedisDriverFactory;
  /** Maximum time to open a link, the handshake included. */
  readonly connectTimeout: Milliseconds;
  readonly clock: Clock;
}

/** Minimum time between the starts of two attempts, if the first one failed. */
export const ATTEMPT_GAP: Milliseconds = 50;

/** Opens links: one attempt at a time, on demand, and with gaps to a server that refuses them. */
export class RedisConnector {
  readonly #options: RedisConnectorOptions;
  #running: Promise<Attempt> | undefined;
  #driver: RedisDriver | undefined;
  #lastFailed: Attempt | undefined;
  #isClosed = false;

  constructor(options: RedisConnectorOptions) {
    this.#options = options;
  }

  /**
   * Returns the current attempt, else one that failed a moment ago, else a new one. Never rejects.
   */
  connect(): Promise<Attempt> {
    if (this.#running !== undefined) return this.#running;
    const now = this.#options.clock.monotonic();
    if (this.#lastFailed !== undefined && now - this.#lastFailed.startedAt < ATTEMPT_GAP) {
      return Promise.resolve(this.#lastFailed);
    }
    this.#running = this.#attempt(now);
    return this.#running;
  }

  /** Aborts the current attempt. */
  close(): void {
    this.#isClosed = true;
    this.#driver?.destroy();
  }

  async #attempt(startedAt: Milliseconds): Promise<Attempt> {
    const attempt = { ...(await this.#openLink()), startedAt };
    if (this.#isClosed) attempt.link?.destroy();
    this.#running = undefined;
    this.#driver = undefined;
    this.#lastFailed = attempt.link === undefined ? attempt : undefined;
    return attempt;
  }

  async #openLink(): Promise<Ending> {
    const { driver: newDriver, connectTimeout, clock } = this.#options;
    let driver: RedisDriver | undefined;
    try {
      driver = await newDriver();
      this.#driver = driver;
      await settleWithin(driver.connect(), connectTimeout, (_, reject) =>
        reject(new Error(`no handshake within ${connectTimeout} ms`)),
      );
      return { link: new RedisLink(driver, clock) };
    } catch (error) {
      driver?.destroy();
      if (error instanceof ImproperlyConfigured) return { failure: error };
      return { failure: driver?.explain(error) ?? { kind: "refused", cause: error } };
    }
  }
}
