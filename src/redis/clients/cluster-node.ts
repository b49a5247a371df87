import type { Clock, Milliseconds } from "../../core/clock.ts";
import { settleWithin, startUnreferencedTimer } from "../../core/timers.ts";
import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "../commands.ts";
import { ATTEMPT_GAP } from "../connector.ts";
import type { TrackingListener } from "../driver.ts";
import type { RedisEndpoint } from "../endpoint.ts";
import { type RedisDriverNode, RedisNode } from "../node.ts";
import { explainByClass, type Library, NodeRedisDriver } from "./node-redis.ts";

/** Options of {@link ClusterNode}. */
export interface ClusterNodeOptions {
  /** Its announced address. */
  readonly name: string;
  readonly library: Library;
  readonly endpoint: RedisEndpoint;
  readonly clock: Clock;
  /** Called when another node may have replaced it. */
  readonly onDoubt: () => void;
  /** Has the connections track the keys which are read on them. */
  readonly listener: TrackingListener | undefined;
}

/** Minimum age of a connection that is given up because of an answer. */
const MIN_AGE: Milliseconds = 250;

/** Time that a connection which is given up has to answer outstanding commands. */
const RETIREMENT: Milliseconds = 10_000;

/** A connection to one node of a cluster, opened when first needed and reopened after a loss. */
export class ClusterNode implements RedisDriverNode {
  readonly name: string;
  /** The node as commands see it. */
  readonly node: RedisNode = new RedisNode(this);
  readonly #options: ClusterNodeOptions;
  #driver: NodeRedisDriver | undefined;
  #openedAt: Milliseconds = 0;
  #opening: Promise<void> | undefined;
  #failure: { readonly error: Error; readonly startedAt: Milliseconds } | undefined;
  readonly #retired = new Set<NodeRedisDriver>();
  #isDestroyed = false;

  constructor(options: ClusterNodeOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get isReady(): boolean {
    return this.#driver?.isReady === true;
  }

  /** Opens the connection for a command. */
  open(): Promise<void> | undefined {
    if (this.isReady) return undefined;
    const { onDoubt } = this.#options;
    // The last attempt failed, or the connection was lost.
    if (this.#failure !== undefined || this.#driver !== undefined) onDoubt();
    const opening = this.connect();
    opening?.catch(onDoubt);
    return opening;
  }

  /** Opens the connection: one attempt at a time, with gaps. Returns `undefined` if it is open. */
  connect(): Promise<void> | undefined {
    if (this.isReady) return undefined;
    if (this.#opening !== undefined) return this.#opening;
    const now = this.#options.clock.monotonic();
    if (this.#failure !== undefined && now - this.#failure.startedAt < ATTEMPT_GAP) {
      return Promise.reject(this.#failure.error);
    }
    this.#opening = this.#attempt(now).finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  send(
    args: readonly RedisArgument[],
    key: RedisArgument | undefined,
    form: ReplyForm,
  ): Promise<RedisReply<string | Buffer>> {
    const driver = this.#driver;
    if (driver === undefined) return Promise.reject(new this.#options.library.ClientOfflineError());
    return driver.send(args, key, form);
  }

  explain(error: unknown): DriverFailure {
    return explainByClass(error, this.#options.library);
  }

  distrust(code: string): boolean {
    const { clock, onDoubt } = this.#options;
    // With CLUSTERDOWN, another connection to the same node is no better.
    if (code !== "CLUSTERDOWN" && clock.monotonic() - this.#openedAt >= MIN_AGE) this.retire();
    onDoubt();
    return true;
  }

  sever(): void {
    this.#end();
    this.#options.onDoubt();
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

  destroy(): void {
    this.#isDestroyed = true;
    this.#end();
  }

  #end(): void {
    this.#driver?.destroy();
    for (const driver of this.#retired) driver.destroy();
    this.#retired.clear();
  }

  async #attempt(startedAt: Milliseconds): Promise<void> {
    const { library, endpoint, clock, listener } = this.#options;
    const driver = new NodeRedisDriver(library, endpoint, listener);
    // Keeps it within reach of destroy().
    this.#retired.add(driver);
    try {
      await settleWithin(driver.connect(), endpoint.connectTimeout, (_, reject) => reject(this.#lateError()));
      if (this.#isDestroyed) throw new library.ClientClosedError();
      this.#driver = driver;
      this.#openedAt = clock.monotonic();
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
    const { address, connectTimeout } = this.#options.endpoint;
    const name = "host" in address ? `${address.host}:${address.port}` : address.path;
    return new Error(`no handshake with ${name} within ${connectTimeout} ms`);
  }
}
