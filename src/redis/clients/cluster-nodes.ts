import type { Milliseconds } from "../../core/clock.ts";
import { settleWithin } from "../../core/timers.ts";
import { NOWHERE, type RedisArgument, type RedisReply, type ReplyForm } from "../commands.ts";
import { slotOf } from "../key-slot.ts";
import { BYTES } from "./node-redis.ts";

/** The part of a client of one node that is used. */
interface NodeClient {
  readonly isReady: boolean;
  sendCommand(args: readonly RedisArgument[], options?: object): Promise<unknown>;
}

/** A node of a cluster, which has a client once it was needed. */
interface ClusterNode {
  /** `host:port` */
  readonly address: string;
  readonly client?: NodeClient | undefined;
  /** While the client connects. */
  readonly connectPromise?: unknown;
}

/** The part of a node-redis cluster (`createCluster()` of `redis` or `@redis/client`, 5 or 6) that is used. */
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

/** A command was not sent, for there is no node for it. */
export class NoNodeError extends Error {}

/** The part of the client that is not public, by which it reads the slots again. */
interface SlotsOfCluster {
  rediscover?(startWith: undefined, excludedAddresses: ReadonlySet<string>): Promise<void>;
}

/**
 * How long commands to a node that is the wrong one wait while the client reads the slots: it may do so
 * without end.
 */
const MAX_REFRESH: Milliseconds = 250;

/** Which node of a given cluster client a command goes to. Nodes are named by their addresses. */
export class ClusterNodes {
  readonly #cluster: NodeRedisCluster;
  /** Options of each command, by the form of its reply. */
  readonly #options: Readonly<Record<ReplyForm, object>>;
  #turn = 0;
  /** A node whose connection the client may end, since it reads the slots again. */
  #doubted: { readonly address: string; readonly refreshed: Promise<void> } | undefined;
  /** Whether the client turned out to know too little of the cluster. */
  isOutdated = false;

  constructor(cluster: NodeRedisCluster, options: object) {
    this.#cluster = cluster;
    this.#options = { text: options, bytes: { ...options, ...BYTES } };
  }

  get masters(): readonly string[] {
    return this.#cluster.masters.map(({ address }) => address);
  }

  /** Whether the nodes are known, and one at least is connected or was not needed yet. */
  get isUsable(): boolean {
    return this.#cluster.isOpen && !this.isOutdated && this.#cluster.masters.some(isUsable);
  }

  /** The master that a key lies on; for `undefined`, each of those that are connected in turn. */
  of(key: RedisArgument | undefined): string {
    if (key !== undefined) return this.#cluster.slots[slotOf(key)]?.master.address ?? NOWHERE;
    const usable = this.#cluster.masters.filter(isUsable);
    return usable[this.#turn++ % usable.length]?.address ?? NOWHERE;
  }

  /** Waits for the connection to a node that was not needed before, or that the client may be about to end. */
  open(address: string): Promise<void> | undefined {
    if (this.#doubted?.address !== address) return this.#open(address);
    return this.#doubted.refreshed.then(() => this.#open(address));
  }

  /** Reads the slots again, if this version of the library can be asked to. */
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
      throw new NoNodeError(address === NOWHERE ? "no node of the cluster has the key" : "the node left the cluster");
    }
    const client = await this.#cluster.nodeClient(node);
    return (await client.sendCommand(args, options)) as RedisReply<string | Buffer>;
  }

  #open(address: string): Promise<void> | undefined {
    const node = this.#cluster.nodeByAddress.get(address);
    if (node === undefined || (node.client !== undefined && node.connectPromise === undefined)) return undefined;
    return Promise.resolve(this.#cluster.nodeClient(node)).then(() => {});
  }
}

function isUsable({ client, connectPromise }: ClusterNode): boolean {
  return client === undefined || client.isReady || connectPromise !== undefined;
}
