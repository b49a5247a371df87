import type { Clock, Milliseconds } from "../../core/clock.ts";
import { settleWithin, startUnreferencedTimer } from "../../core/timers.ts";
import { type RedisArgument, type RedisReply, type ReplyForm, SOLE_NODE } from "../commands.ts";
import { ATTEMPT_GAP } from "../connector.ts";
import type { RedisEndpoint } from "../endpoint.ts";
import { type Library, NodeRedisDriver } from "./node-redis.ts";

/** Time that a connection which is given up has to answer outstanding commands. */
const RETIREMENT: Milliseconds = 10_000;

/** A connection to one node of a cluster, opened when first needed and reopened after a loss. */
export class ClusterNode {
  readonly #library: Library;
  readonly #endpoint: RedisEndpoint;
  readonly #clock: Clock;
  #driver: NodeRedisDriver | undefined;
  #openedAt: Milliseconds = 0;
  #opening: Promise<void> | undefined;
  #failure: { readonly error: Error; readonly startedAt: Milliseconds } | undefined;
  readonly #retired = new Set<NodeRedisDriver>();
  #isDestroyed = false;

  constructor(library: Library, endpoint: RedisEndpoint, clock: Clock) {
    this.#library = library;
    this.#endpoint = endpoint;
    this.#clock = clock;
  }

  get isReady(): boolean {
    return this.#driver?.isReady === true;
  }

  /** Whether the last attempt to connect failed. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Whether it was connected and no longer is. */
  get isLost(): boolean {
    return this.#driver !== undefined && !this.#driver.isReady;
  }

  /** Time since the connection was opened. */
  get age(): Milliseconds {
    return this.#clock.monotonic() - this.#openedAt;
  }

  /** Opens the connection: one attempt at a time, with gaps. Returns `undefined` if it is open. */
  open(): Promise<void> | undefined {
    if (this.isReady) return undefined;
    if (this.#opening !== undefined) return this.#opening;
    const now = this.#clock.monotonic();
    if (this.#failure !== undefined && now - this.#failure.startedAt < ATTEMPT_GAP) {
      return Promise.reject(this.#failure.error);
    }
    this.#opening = this.#connect(now).finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  send(args: readonly RedisArgument[], form: ReplyForm): Promise<RedisReply<string | Buffer>> {
    const driver = this.#driver;
    if (driver === undefined) return Promise.reject(new this.#library.ClientOfflineError());
    return driver.send(args, SOLE_NODE, undefined, form);
  }

  /** Closes the connection once its outstanding commands have been answered. */
  retire(): void {
    const driver = this.#driver;
    this.#driver = undefined;
    if (driver === undefined) return;
    this.#retired.add(driver);
    void driver.drain().then(() => this.#retired.delete(driver));
    startUnreferencedTimer(RETIREMENT, () => driver.destroy());
  }

  /** Ends the connection, and rejects its outstanding commands. */
  sever(): void {
    this.#driver?.destroy();
    for (const driver of this.#retired) driver.destroy();
    this.#retired.clear();
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.sever();
  }

  async #connect(startedAt: Milliseconds): Promise<void> {
    const { connectTimeout } = this.#endpoint;
    const driver = new NodeRedisDriver(this.#library, this.#endpoint);
    // Keeps it within reach of destroy().
    this.#retired.add(driver);
    try {
      await settleWithin(driver.connect(), connectTimeout, (_, reject) => reject(this.#lateError()));
      if (this.#isDestroyed) throw new this.#library.ClientClosedError();
      this.#driver = driver;
      this.#openedAt = this.#clock.monotonic();
      this.#failure = undefined;
    } catch (cause) {
      driver.destroy();
      const error = cause instanceof Error ? cause : new Error(String(cause));
      this.#failure = { error, startedAt };
      throw error;
    } finally {
      this.#retired.delete(driver);
    }
  }

  #lateError(): Error {
    const { address, connectTimeout } = this.#endpoint;
    const name = "host" in address ? `${address.host}:${address.port}` : address.path;
    return new Error(`no handshake with ${name} within ${connectTimeout} ms`);
  }
}
