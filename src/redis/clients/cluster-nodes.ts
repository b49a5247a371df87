import type { Milliseconds } from "../../core/clock.ts";
import { settleWithin } from "../../core/timers.ts";
import { NOWHERE, type RedisArgument, type RedisReply, type ReplyForm } from "../commands.ts";
import { slotOf } from "../key-slot.ts";
import { BYTES } from "./node-redis.ts";

/** The used part of a client of one node. */
interface NodeClient {
  readonly isReady: boolean;
  sendCommand(args: readonly RedisArgument[], options?: object): Promise<unknown>;
}

/** A node of a cluster, with a client once it was needed. */
interface ClusterNode {
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
  readonly slots: readonly ({ readonly master: ClusterNode } | undefined)[];
  readonly masters: readonly ClusterNode[];
  readonly nodeByAddress: ReadonlyMap<string, ClusterNode>;
  nodeClient(node: ClusterNode): NodeClient | Promise<NodeClient>;
  sendCommand(
    firstKey: RedisArgument | undefined,
    isReadonly: boolean | undefined,
    args: RedisArgument[],
    options?: object,
  ): Promise<unknown>;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** A command was not sent, since there is no node for it. */
export class NoNodeError extends Error {}

/** The private part of the client that reads the slots again. */
interface SlotsOfCluster {
  rediscover?(startWith: undefined, excludedAddresses: ReadonlySet<string>): Promise<void>;
}

/** Maximum wait of commands to a wrong node while the client reads the slots, maybe forever. */
const MAX_REFRESH: Milliseconds = 250;

/**
 * Chooses the node of a given cluster client for each command. Nodes are named by their addresses.
 */
export class ClusterNodes {
  readonly #cluster: NodeRedisCluster;
  /** Options of each command, by the form of its reply. */
  readonly #options: Readonly<Record<ReplyForm, object>>;
  #turn = 0;
  /** Node whose connection the client may end, since it is reading the slots again. */
  #doubted: { readonly address: string; readonly refreshed: Promise<void> } | undefined;
  /** Whether the client's view of the cluster proved outdated. */
  isOutdated = false;

  constructor(cluster: NodeRedisCluster, options: object) {
    this.#cluster = cluster;
    this.#options = { text: options, bytes: { ...options, ...BYTES } };
  }

  get masters(): readonly string[] {
    return this.#cluster.masters.map(({ address }) => address);
  }

  /** Whether the nodes are known, and at least one is connected or was not needed yet. */
  get isUsable(): boolean {
    return this.#cluster.isOpen && !this.isOutdated && this.#cluster.masters.some(isUsable);
  }

  /** Returns the master that holds a key; for `undefined`, the connected ones in turn. */
  of(key: RedisArgument | undefined): string {
    if (key !== undefined) return this.#cluster.slots[slotOf(key)]?.master.address ?? NOWHERE;
    const usable = this.#cluster.masters.filter(isUsable);
    return usable[this.#turn++ % usable.length]?.address ?? NOWHERE;
  }

  /** Waits for the connection to a node that is new, or that the client may be about to end. */
  open(address: string): Promise<void> | undefined {
    if (this.#doubted?.address !== address) return this.#open(address);
    return this.#doubted.refreshed.then(() => this.#open(address));
  }

  /** Reads the slots again, if this version of the library supports it. */
  refresh(excluded: string): void {
    const { _slots: slots } = this.#cluster as { readonly _slots?: SlotsOfCluster };
    const reading = slots?.rediscover?.(undefined, new Set([excluded]));
    if (reading === undefined) return;
    const refreshed = settleWithin<void, void>(reading, MAX_REFRESH, (resolve) => resolve())
      // The commands fail with the cause.
      .catch(() => {})
      .then(() => {
        if (this.#doubted?.refreshed === refreshed) this.#doubted = undefined;
      });
    this.#doubted = { address: excluded, refreshed };
  }

  async send(
    args: readonly RedisArgument[],
    address: string,
    key: RedisArgument | undefined,
    form: ReplyForm,
  ): Promise<RedisReply<string | Buffer>> {
    const options = this.#options[form];
    if (key !== undefined && address !== NOWHERE) {
      // The library only reads them.
      const reply = await this.#cluster.sendCommand(key, false, args as RedisArgument[], options);
      return reply as RedisReply<string | Buffer>;
    }
    const node = this.#cluster.nodeByAddress.get(address);
    if (node === undefined) {
      this.isOutdated = true;
      throw new NoNodeError(
        address === NOWHERE ? "no node of the cluster has the key" : "the node left the cluster",
      );
    }
    const client = await this.#cluster.nodeClient(node);
    return (await client.sendCommand(args, options)) as RedisReply<string | Buffer>;
  }

  #open(address: string): Promise<void> | undefined {
    const node = this.#cluster.nodeByAddress.get(address);
    if (node === undefined || (node.client !== undefined && node.connectPromise === undefined))
      return undefined;
    return Promise.resolve(this.#cluster.nodeClient(node)).then(() => {});
  }
}

function isUsable({ client, connectPromise }: ClusterNode): boolean {
  return client === undefined || client.isReady || connectPromise !== undefined;
}
