import type { Clock, Milliseconds } from "../../core/clock.ts";
import { settleWithin, startUnreferencedTimer } from "../../core/timers.ts";
import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "../commands.ts";
import { ATTEMPT_GAP } from "../connector.ts";
import { type RedisDriverNode, RedisNode } from "../node.ts";

/** A connection to one node. */
export interface NodeDriver {
  readonly isReady: boolean;
  connect(): Promise<void>;
  send(
    args: readonly RedisArgument[],
    key: RedisArgument | undefined,
    form: ReplyForm,
  ): Promise<RedisReply<string | Buffer>>;
  /** Sends nothing more, and ends the connection once outstanding commands have been answered. */
  drain(): Promise<void>;
  destroy(): void;
}

/** How connections to the nodes of a cluster are made: by settings, or as an application's client does. */
export interface NodeMaker {
  /** Addresses of nodes that report the others. */
  readonly seeds: readonly string[];
  /** Maximum time for the handshake with a node, and for its report of the slots. */
  readonly connectTimeout: Milliseconds;
  /** Waits until connections can be made. */
  open?(): Promise<void>;
  /**
   * Calls a function when no connections can be made any more.
   *
   * @returns A function that ends the wait.
   */
  onEnd?(listener: () => void): () => void;
  /**
   * Prepares connections to a node.
   *
   * @param name Its announced address.
   * @returns A function that makes one, which is not connected yet.
   */
  driversOf(name: string): () => NodeDriver;
  /** Makes the error of a command that is not sent. */
  refusal(): Error;
  explain(error: unknown): DriverFailure;
}

/** Options of {@link ClusterNode}. */
export interface ClusterNodeOptions {
  /** Its announced address. */
  readonly name: string;
  readonly maker: NodeMaker;
  readonly clock: Clock;
  /** Called when another node may have replaced it. */
  readonly onDoubt: () => void;
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
  readonly #makeDriver: () => NodeDriver;
  #driver: NodeDriver | undefined;
  #openedAt: Milliseconds = 0;
  #opening: Promise<void> | undefined;
  #failure: { readonly error: Error; readonly startedAt: Milliseconds } | undefined;
  readonly #retired = new Set<NodeDriver>();
  #isDestroyed = false;

  /** @throws What an application's function of addresses throws. */
  constructor(options: ClusterNodeOptions) {
    this.name = options.name;
    this.#options = options;
    this.#makeDriver = options.maker.driversOf(options.name);
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
    if (driver === undefined) return Promise.reject(this.#options.maker.refusal());
    return driver.send(args, key, form);
  }

  explain(error: unknown): DriverFailure {
    return this.#options.maker.explain(error);
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
    const { maker, clock } = this.#options;
    const driver = this.#makeDriver();
    // Keeps it within reach of destroy().
    this.#retired.add(driver);
    try {
      await settleWithin(driver.connect(), maker.connectTimeout, (_, reject) => reject(this.#lateError()));
      if (this.#isDestroyed) throw maker.refusal();
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
    return new Error(`no handshake with ${this.name} within ${this.#options.maker.connectTimeout} ms`);
  }
}
