import type { Milliseconds } from "../../core/clock.ts";
import { settleWithin } from "../../core/timers.ts";
import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "../commands.ts";
import { type RedisDriverNode, RedisNode } from "../node.ts";
import { BYTES_OPTIONS, COMMAND_OPTIONS, explainByForm } from "./given-client.ts";

/** The used part of a client of one node. */
interface NodeClient {
  readonly isReady: boolean;
  sendCommand(args: readonly RedisArgument[], options?: object): Promise<unknown>;
}

/** A node of a cluster, with a client once it was needed. */
export interface LibraryNode {
  /** `host:port` */
  readonly address: string;
  readonly client?: NodeClient | undefined;
  /** While the client connects. */
  readonly connectPromise?: unknown;
}

/**
 * The used part of a node-redis cluster (`createCluster()` of `redis` or `@redis/client`, 5 or 6).
 */
export interface NodeRedisCluster {
  readonly isOpen: boolean;
  readonly slots: readonly ({ readonly master: LibraryNode } | undefined)[];
  readonly masters: readonly LibraryNode[];
  readonly nodeByAddress: ReadonlyMap<string, LibraryNode>;
  nodeClient(node: LibraryNode): NodeClient | Promise<NodeClient>;
  sendCommand(
    firstKey: RedisArgument | undefined,
    isReadonly: boolean | undefined,
    args: RedisArgument[],
    options?: object,
  ): Promise<unknown>;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** Address of no node, for a key that no node holds. */
export const NOWHERE = "";

/** A command was not sent, since there is no node for it. */
class NoNodeError extends Error {}

/** The private part of the client that reads the slots again. */
interface SlotsOfCluster {
  rediscover?(startWith: undefined, excludedAddresses: ReadonlySet<string>): Promise<void>;
}

/** Maximum wait of commands to a wrong node while the client reads the slots, maybe forever. */
const MAX_REFRESH: Milliseconds = 250;

/** A node of a given cluster client, which opens and closes its connection. */
export class GivenClusterNode implements RedisDriverNode {
  /** Its address, or {@link NOWHERE}. */
  readonly name: string;
  /** The node as commands see it. */
  readonly node: RedisNode = new RedisNode(this);
  readonly #cluster: NodeRedisCluster;
  readonly #onMissing: () => void;
  /** Settles when the slots were read again, until which the client may end the connection. */
  #refreshed: Promise<void> | undefined;

  /** @param onMissing Called when a command finds no node of this name in the cluster. */
  constructor(name: string, cluster: NodeRedisCluster, onMissing: () => void) {
    this.name = name;
    this.#cluster = cluster;
    this.#onMissing = onMissing;
  }

  /** Waits for the connection to a node that is new, or that the client may be about to end. */
  open(): Promise<void> | undefined {
    return this.#refreshed === undefined ? this.#connect() : this.#refreshed.then(() => this.#connect());
  }

  send(
    args: readonly RedisArgument[],
    key: RedisArgument | undefined,
    form: ReplyForm,
  ): Promise<RedisReply<string | Buffer>> {
    const options = form === "bytes" ? BYTES_OPTIONS : COMMAND_OPTIONS;
    const reply =
      key === undefined || this.name === NOWHERE
        ? this.#sendHere(args, options)
        : // The library only reads them.
          this.#cluster.sendCommand(key, false, args as RedisArgument[], options);
    return reply as Promise<RedisReply<string | Buffer>>;
  }

  explain(error: unknown): DriverFailure {
    return error instanceof NoNodeError ? { kind: "refused", cause: error } : explainByForm(error);
  }

  /** Reads the slots again, if this version of the library supports it. */
  distrust(): boolean {
    const { _slots: slots } = this.#cluster as { readonly _slots?: SlotsOfCluster };
    const reading = slots?.rediscover?.(undefined, new Set([this.name]));
    if (reading === undefined) return true;
    const refreshed = settleWithin<void, void>(reading, MAX_REFRESH, (resolve) => resolve())
      // The commands fail with the cause.
      .catch(() => {})
      .then(() => {
        if (this.#refreshed === refreshed) this.#refreshed = undefined;
      });
    this.#refreshed = refreshed;
    return true;
  }

  /** The application's client is not closed from here. */
  sever(): void {}

  async #sendHere(args: readonly RedisArgument[], options: object): Promise<unknown> {
    const node = this.#cluster.nodeByAddress.get(this.name);
    if (node === undefined) {
      this.#onMissing();
      throw new NoNodeError(
        this.name === NOWHERE ? "no node of the cluster has the key" : "the node left the cluster",
      );
    }
    const client = await this.#cluster.nodeClient(node);
    return client.sendCommand(args, options);
  }

  #connect(): Promise<void> | undefined {
    const node = this.#cluster.nodeByAddress.get(this.name);
    if (node === undefined || (node.client !== undefined && node.connectPromise === undefined))
      return undefined;
    return Promise.resolve(this.#cluster.nodeClient(node)).then(() => {});
  }
}
