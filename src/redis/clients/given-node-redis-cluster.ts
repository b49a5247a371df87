import type { DriverFailure, RedisArgument } from "../commands.ts";
import type { RedisDriver } from "../driver.ts";
import { slotOf } from "../key-slot.ts";
import type { RedisNode } from "../node.ts";
import { explainByForm, GivenConnection, warnOfOfflineQueue } from "./given-client.ts";
import { GivenClusterNode, type LibraryNode, type NodeRedisCluster, NOWHERE } from "./given-cluster-node.ts";

/** Returns whether a value looks like a cluster client of node-redis. */
export function isNodeRedisCluster(value: unknown): value is NodeRedisCluster {
  const cluster = value as Partial<NodeRedisCluster> | null | undefined;
  return (
    typeof cluster?.isOpen === "boolean" &&
    typeof cluster.sendCommand === "function" &&
    typeof cluster.nodeClient === "function" &&
    Array.isArray(cluster.masters)
  );
}

/**
 * A driver over a cluster client that the application makes, connects and closes. It is never
 * closed from here, not even when a node stalls: commands then end by their deadlines alone.
 */
export class GivenNodeRedisClusterDriver implements RedisDriver {
  readonly ownedNodes: readonly RedisNode[] = [];
  readonly #cluster: NodeRedisCluster;
  readonly #nodes = new Map<string, GivenClusterNode>();
  readonly #connection: GivenConnection;
  #nextMaster = 0;
  /** Whether the client's view of the cluster proved outdated. */
  #isOutdated = false;

  constructor(cluster: NodeRedisCluster) {
    this.#cluster = cluster;
    this.#connection = new GivenConnection(cluster, "cluster client", ["connect", "disconnect"]);
  }

  /** Whether the nodes are known, and at least one is connected or was not needed yet. */
  get isReady(): boolean {
    return this.#cluster.isOpen && !this.#isOutdated && this.#cluster.masters.some(isUsable);
  }

  get masters(): readonly string[] {
    return this.#cluster.masters.map(({ address }) => address);
  }

  connect(): Promise<void> {
    const hasTried = (): boolean => this.#cluster.masters.length > 0;
    return this.#connection.open(() => this.isReady, hasTried);
  }

  /** Returns the master that holds a key; for `undefined`, the connected ones in turn. */
  nodeFor(key: RedisArgument | undefined): RedisNode {
    if (key !== undefined) return this.#nodeAt(this.#cluster.slots[slotOf(key)]?.master.address);
    const usable = this.#cluster.masters.filter(isUsable);
    return this.#nodeAt(usable[this.#nextMaster++ % usable.length]?.address);
  }

  masterNamed(name: string): RedisNode {
    return this.#nodeAt(this.masters.includes(name) ? name : NOWHERE);
  }

  explain(error: unknown): DriverFailure {
    return explainByForm(error);
  }

  destroy(): void {
    this.#connection.giveUp();
  }

  #nodeAt(address = NOWHERE): RedisNode {
    const known = this.#nodes.get(address);
    if (known !== undefined) return known.node;
    const made = new GivenClusterNode(address, this.#cluster, () => (this.#isOutdated = true));
    this.#nodes.set(address, made);
    return made.node;
  }
}

function isUsable({ client, connectPromise }: LibraryNode): boolean {
  return client === undefined || client.isReady || connectPromise !== undefined;
}

/** Warns about settings of a given cluster client that weaken Sojourn's guarantees. */
export function checkGivenCluster(cluster: NodeRedisCluster, setting: string): void {
  const { _options: options } = cluster as { _options?: { defaults?: { disableOfflineQueue?: boolean } } };
  if (options?.defaults?.disableOfflineQueue === true) return;
  warnOfOfflineQueue(setting, "`defaults: { disableOfflineQueue: true }`");
}
