import { setTimeout as sleep } from "node:timers/promises";

import type { Milliseconds } from "../../core/clock.ts";
import { LONGEST_TIMER } from "../../core/timers.ts";
import type {
  DriverFailure,
  RedisArgument,
  RedisDriver,
  RedisDriverFactory,
  RedisReply,
  ReplyForm,
} from "../commands.ts";
import type { RedisClusterEndpoint } from "../endpoint.ts";
import { ClusterNodes, NoNodeError } from "./cluster-nodes.ts";
import {
  connectionOptions,
  importLibrary,
  isFullQueue,
  type Library,
  loadLibrary,
  makeClientClass,
  NO_TIMEOUT,
  SHARED_CLASSES,
} from "./node-redis.ts";

type Cluster = ReturnType<Library["createCluster"]>;
type Client = NonNullable<Cluster["masters"][number]["client"]>;

/** How long after one node the next is asked for the others: the first may be frozen. */
const SEED_GAP: Milliseconds = 50;

/** How long a node may be away until the others are asked for its successor. */
const TOPOLOGY_REFRESH: Milliseconds = 250;

/**
 * Drivers over a cluster client of node-redis 6 (`@redis/client`).
 *
 * @param setting Path of the connection's settings, for messages.
 * @param load Loads the library.
 */
export function nodeRedisClusterDriver(
  endpoint: RedisClusterEndpoint,
  setting: string,
  load: () => Promise<Library> = importLibrary,
): RedisDriverFactory {
  const loadNamed = (): Promise<Library> => loadLibrary(load, setting);
  return Object.assign(async () => new NodeRedisClusterDriver(await loadNamed(), endpoint), {
    load: async () => makeClasses(await loadNamed()),
  });
}

function makeClasses(library: Library): void {
  makeClientClass(library);
  library.createCluster({ ...SHARED_CLASSES, RESP: 3, rootNodes: [] });
}

/**
 * The link is open as soon as one node has told of the others. These are connected when they are first needed, and
 * the library reconnects them; a command to a node that was lost fails at once meanwhile.
 */
class NodeRedisClusterDriver implements RedisDriver {
  readonly isOwned = true;
  readonly #library: Library;
  readonly #endpoint: RedisClusterEndpoint;
  /** One for each node that was asked; all but the first that was answered are destroyed. */
  readonly #clusters: Cluster[] = [];
  #cluster: Cluster | undefined;
  #nodes: ClusterNodes | undefined;
  #isDestroyed = false;

  constructor(library: Library, endpoint: RedisClusterEndpoint) {
    this.#library = library;
    this.#endpoint = endpoint;
  }

  get isReady(): boolean {
    return !this.#isDestroyed && this.#nodes?.isUsable === true;
  }

  get nodes(): readonly string[] {
    return this.#nodes?.masters ?? [];
  }

  // The library asks the nodes of its settings one after the other, and without end when one is frozen.
  async connect(): Promise<void> {
    const seeds = shuffle(this.#endpoint.cluster);
    const discoveries = seeds.map((seed, index) => this.#discover(seed, index * SEED_GAP));
    try {
      await Promise.any(discoveries);
    } catch (error) {
      throw this.#mostTelling((error as AggregateError).errors);
    }
  }

  nodeOf(key: string | undefined): string {
    return this.#known().of(key);
  }

  async send(
    args: readonly RedisArgument[],
    node: string,
    key: string | undefined,
    form: ReplyForm,
  ): Promise<RedisReply<string | Buffer>> {
    return this.#known().send(args, node, key, form);
  }

  // Every error of node-redis has the name "Error": only the classes tell them apart.
  explain(error: unknown): DriverFailure {
    const { ErrorReply, ClientOfflineError, ClientClosedError, MaxCommandRedirectionsError } = this.#library;
    const { RootNodesUnavailableError } = this.#library;
    if (error instanceof ErrorReply) return { kind: "reply", cause: error };
    // The last two come after a node has answered that the key is not there.
    const refusals = [ClientOfflineError, ClientClosedError, MaxCommandRedirectionsError, RootNodesUnavailableError];
    const isRefusal = error instanceof NoNodeError || refusals.some((each) => error instanceof each);
    if (isFullQueue(error)) return { kind: "full", cause: error };
    return { kind: isRefusal ? "refused" : "lost", cause: error };
  }

  sever(node: string): void {
    const client = this.#cluster?.nodeByAddress.get(node)?.client;
    if (client !== undefined) destroyClient(client);
  }

  destroy(): void {
    this.#isDestroyed = true;
    for (const cluster of this.#clusters.splice(0)) destroyCluster(cluster);
  }

  async #discover(seed: RedisClusterEndpoint["cluster"][number], delay: Milliseconds): Promise<void> {
    if (delay > 0) await sleep(delay);
    if (this.#isDestroyed || this.#cluster !== undefined) return;
    const cluster = this.#library.createCluster(clusterOptions(this.#endpoint, seed));
    this.#clusters.push(cluster);
    let cause: unknown;
    // Each command that is affected is rejected as well, and an "error" without a listener ends the process.
    cluster.on("error", (error: unknown) => void (cause ??= error));
    try {
      await cluster.connect();
    } catch (error) {
      throw cause ?? error;
    }
    if (!this.#isDestroyed) this.#settleOn(cluster);
  }

  #settleOn(cluster: Cluster): void {
    if (this.#cluster !== undefined) return;
    this.#cluster = cluster;
    this.#nodes = new ClusterNodes(cluster, NO_TIMEOUT);
    for (const other of this.#clusters.splice(0)) {
      if (other !== cluster) destroyCluster(other);
    }
    this.#clusters.push(cluster);
  }

  /** An error reply, such as that of a wrong password, tells more than that another node is not there. */
  #mostTelling(errors: readonly unknown[]): unknown {
    return errors.find((error) => error instanceof this.#library.ErrorReply) ?? errors[0];
  }

  #known(): ClusterNodes {
    if (this.#nodes === undefined) throw new NoNodeError("the nodes of the cluster are not known yet");
    return this.#nodes;
  }
}

function destroyCluster(cluster: Cluster): void {
  for (const { client } of cluster.nodeByAddress.values()) {
    if (client !== undefined) destroyClient(client);
  }
  cluster.destroy();
}

// destroy() cannot reach a socket that is still connecting: it would shake hands for nobody.
function destroyClient(client: Client): void {
  client.once("connect", () => client.destroy());
  client.destroy();
}

function shuffle<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .toSorted((left, right) => left.order - right.order)
    .map(({ item }) => item);
}

function clusterOptions(
  endpoint: RedisClusterEndpoint,
  seed: RedisClusterEndpoint["cluster"][number],
): Parameters<Library["createCluster"]>[0] {
  const { tls } = endpoint;
  const connectTimeout = Math.min(endpoint.connectTimeout, LONGEST_TIMER);
  const security = tls === undefined ? ({ tls: false } as const) : ({ ...tls, tls: true } as const);
  const socket = { ...security, connectTimeout };
  return {
    ...SHARED_CLASSES,
    RESP: 3,
    // Only the connection that asks for the nodes: connectTimeout ends before the handshake, and destroy() does not
    // reach it.
    rootNodes: [{ socket: { ...socket, ...seed, socketTimeout: connectTimeout } }],
    defaults: { ...connectionOptions(endpoint), socket: { ...socket, reconnectStrategy: reconnectDelay } },
    commandOptions: NO_TIMEOUT,
    // A node that is away must not hold up the others.
    minimizeConnections: true,
    topologyRefreshOnReconnectionAttemptStrategy: TOPOLOGY_REFRESH,
  };
}

function reconnectDelay(retries: number): Milliseconds {
  return Math.min(50 * 2 ** retries, 1000) + Math.random() * 50;
}
