import type { Clock, Milliseconds } from "../../core/clock.ts";
import { settleWithin } from "../../core/timers.ts";
import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "../commands.ts";
import { ATTEMPT_GAP } from "../connector.ts";
import type { TrackingListener } from "../driver.ts";
import { type RedisDriverNode, RedisNode } from "../node.ts";
import { type ClusterMember, NoNodeError, type NodePool, NOWHERE } from "./given-ioredis-cluster-node.ts";
import { IoredisTrackingDriver } from "./given-ioredis-tracking.ts";
import { explainIoredis } from "./ioredis-server.ts";

/** Maximum time that a node has for the handshakes of its two connections. */
const CONNECT_TIMEOUT: Milliseconds = 2000;

/**
 * A master of a given cluster client whose keys are tracked, over two connections with the options
 * of the client's own connection to it. They are opened when first needed, and again after a loss.
 */
export class TrackingIoredisClusterNode implements RedisDriverNode, ClusterMember {
  readonly name: string;
  readonly node: RedisNode = new RedisNode(this);
  readonly #pool: NodePool;
  readonly #clock: Clock;
  readonly #listener: TrackingListener;
  #pair: IoredisTrackingDriver | undefined;
  #opening: Promise<void> | undefined;
  #failure: { readonly error: Error; readonly startedAt: Milliseconds } | undefined;
  #isGivenUp = false;

  constructor(name: string, pool: NodePool, clock: Clock, listener: TrackingListener) {
    this.name = name;
    this.#pool = pool;
    this.#clock = clock;
    this.#listener = listener;
  }

  get isReady(): boolean {
    return this.#pair?.isReady === true;
  }

  get reporter(): RedisNode | undefined {
    return this.#pair?.reporterOf();
  }

  get ownedNodes(): readonly RedisNode[] {
    return this.reporter === undefined ? [this.node] : [this.node, this.reporter];
  }

  /** Opens the connections: one attempt at a time, with gaps. */
  open(): Promise<void> | undefined {
    if (this.isReady) return undefined;
    if (this.#opening !== undefined) return this.#opening;
    const now = this.#clock.monotonic();
    if (this.#failure !== undefined && now - this.#failure.startedAt < ATTEMPT_GAP)
      return Promise.reject(this.#failure.error);
    this.#opening = this.#attempt(now).finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  send(
    args: readonly RedisArgument[],
    _key: RedisArgument | undefined,
    form: ReplyForm,
  ): Promise<RedisReply<string | Buffer>> {
    return this.#pair?.send(args, form) ?? Promise.reject(new NoNodeError(this.name));
  }

  explain(error: unknown): DriverFailure {
    return error instanceof NoNodeError ? { kind: "refused", cause: error } : explainIoredis(error);
  }

  distrust(): boolean {
    this.#pool.doubt(this.name);
    return true;
  }

  sever(): void {
    this.#pair?.destroy();
    this.#pool.doubt(this.name);
  }

  giveUp(): void {
    this.#isGivenUp = true;
    this.#pair?.destroy();
  }

  async #attempt(startedAt: Milliseconds): Promise<void> {
    const client = this.name === NOWHERE || this.#isGivenUp ? undefined : this.#pool.clientOf(this.name);
    try {
      if (client === undefined) throw new NoNodeError(this.name);
      this.#pair = new IoredisTrackingDriver(client, this.#listener);
      await settleWithin(this.#pair.connect(), CONNECT_TIMEOUT, (_, reject) =>
        reject(new Error(`no handshake with ${this.name} within ${CONNECT_TIMEOUT} ms`)),
      );
      this.#failure = undefined;
    } catch (cause) {
      this.#pair?.destroy();
      const error = cause instanceof Error ? cause : new Error(String(cause));
      this.#failure = { error, startedAt };
      this.#pool.doubt(this.name);
      throw error;
    }
  }
}
