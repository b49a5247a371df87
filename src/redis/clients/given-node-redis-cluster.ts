import type {
  DriverFailure,
  Redirection,
  RedisArgument,
  RedisDriver,
  RedisReply,
  ReplyForm,
} from "../commands.ts";
import { ClusterNodes, NoNodeError, type NodeRedisCluster } from "./cluster-nodes.ts";
import { COMMAND_OPTIONS, explainByForm, GivenConnection, warnOfOfflineQueue } from "./given-client.ts";

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
  readonly isOwned = false;
  readonly #cluster: NodeRedisCluster;
  readonly #nodes: ClusterNodes;
  readonly #connection: GivenConnection;

  constructor(cluster: NodeRedisCluster) {
    this.#cluster = cluster;
    this.#nodes = new ClusterNodes(cluster, COMMAND_OPTIONS);
    this.#connection = new GivenConnection(cluster, "cluster client", ["connect", "disconnect"]);
  }

  get isReady(): boolean {
    return this.#nodes.isUsable;
  }

  get nodes(): readonly string[] {
    return this.#nodes.masters;
  }

  connect(): Promise<void> {
    const hasTried = (): boolean => this.#cluster.masters.length > 0;
    return this.#connection.open(() => this.isReady, hasTried);
  }

  nodeOf(key: RedisArgument | undefined): string {
    return this.#nodes.of(key);
  }

  open(node: string): Promise<void> | undefined {
    return this.#nodes.open(node);
  }

  send(
    args: readonly RedisArgument[],
    node: string,
    key: RedisArgument | undefined,
    form: ReplyForm,
  ): Promise<RedisReply<string | Buffer>> {
    return this.#nodes.send(args, node, key, form);
  }

  explain(error: unknown): DriverFailure {
    return error instanceof NoNodeError ? { kind: "refused", cause: error } : explainByForm(error);
  }

  /** The client follows keys itself. */
  redirect(): Redirection | undefined {
    return undefined;
  }

  distrust(node: string): boolean {
    this.#nodes.refresh(node);
    return true;
  }

  sever(): void {}

  destroy(): void {
    this.#connection.giveUp();
  }
}

/** Warns about settings of a given cluster client that weaken Sojourn's guarantees. */
export function checkGivenCluster(cluster: NodeRedisCluster, setting: string): void {
  const { _options: options } = cluster as { _options?: { defaults?: { disableOfflineQueue?: boolean } } };
  if (options?.defaults?.disableOfflineQueue === true) return;
  warnOfOfflineQueue(setting, "`defaults: { disableOfflineQueue: true }`");
}
