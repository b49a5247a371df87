import { type Milliseconds, systemClock } from "../../core/clock.ts";
import type { RedisDriver, RedisDriverFactory, TrackingListener } from "../driver.ts";
import { parseAddress, type RedisAddress } from "../endpoint.ts";
import type { NodeMaker } from "./cluster-node.ts";
import { onEndOf } from "./ends-of-clients.ts";
import { explainByForm, GivenConnection } from "./given-client.ts";
import type { LibraryNode, NodeRedisCluster } from "./given-cluster-node.ts";
import { GivenNodeRedisClusterDriver } from "./given-node-redis-cluster.ts";
import {
  type Duplicate,
  duplicateOf,
  GivenNodeRedisTrackingDriver,
  type Template,
  type TrackedClient,
} from "./given-node-redis-tracking.ts";
import { NodeRedisClusterDriver } from "./node-redis-cluster.ts";

/** Maximum time that a node has for the handshake, and to report the slots. */
const CONNECT_TIMEOUT: Milliseconds = 2000;

/** Options of the client, under a name that versions 5 and 6 have. */
interface Internals {
  readonly _options?: { readonly nodeAddressMap?: NodeAddressMap | undefined } | undefined;
}

type NodeAddressMap =
  | Readonly<Record<string, RedisAddress>>
  | ((address: string) => RedisAddress | undefined);

/** Drivers over a cluster client that the application makes, connects and closes. */
export function givenNodeRedisClusterFactory(cluster: NodeRedisCluster): RedisDriverFactory {
  const driver = (): Promise<RedisDriver> => Promise.resolve(new GivenNodeRedisClusterDriver(cluster));
  const tracking = (listener: TrackingListener): RedisDriverFactory => {
    return () =>
      Promise.resolve(new NodeRedisClusterDriver(makerOf(cluster, listener), systemClock, listener));
  };
  return Object.assign(driver, { tracking });
}

/**
 * Makes connections of Sojourn's own to the nodes, with the options of the cluster client's own.
 * Slots and redirections are followed as on a cluster that is described by settings, since a client
 * that waits to be told of a moved slot would leave its values in memory.
 */
function makerOf(cluster: NodeRedisCluster, listener: TrackingListener): NodeMaker {
  const connection = new GivenConnection(cluster, "cluster client", ["connect", "disconnect"]);
  return {
    get seeds() {
      return cluster.masters.map(({ address }) => address);
    },
    connectTimeout: CONNECT_TIMEOUT,
    open: () => connection.open(() => cluster.isOpen && cluster.masters.length > 0),
    onEnd(onEnded) {
      const leave = onEndOf(cluster, onEnded, "disconnect");
      return () => {
        leave();
        connection.giveUp();
      };
    },
    driversOf: (name) => () =>
      new GivenNodeRedisTrackingDriver(new TrackedClusterNode(cluster, name), listener),
    refusal: () => new Error("The client is offline"),
    explain: explainByForm,
  };
}

/** A node of a cluster client. */
class TrackedClusterNode implements TrackedClient {
  /** A node that has become a replica answers with MOVED. */
  readonly mayBeReplica = false;
  readonly #cluster: NodeRedisCluster;
  readonly #name: string;

  constructor(cluster: NodeRedisCluster, name: string) {
    this.#cluster = cluster;
    this.#name = name;
  }

  get isOpen(): boolean {
    return this.#cluster.isOpen;
  }

  /** The driver of the cluster ends those of its nodes. */
  onEnd(): () => void {
    return () => {};
  }

  /** The client of any node will do: all have the same options, but for the address. */
  async duplicate(): Promise<{ readonly client: Duplicate }> {
    const nodes = this.#cluster.nodeByAddress;
    const own = nodes.get(this.#name);
    if (own?.client !== undefined) return { client: duplicateOf(templateIn(own.client), MASTER) };
    const others = [...nodes.values()];
    const open = others.find(({ client }) => client !== undefined)?.client;
    // With `minimizeConnections` the client may have connected to none yet.
    const client = open ?? (await this.#connected(own ?? others[0]));
    return { client: duplicateOf(templateIn(client), { ...MASTER, address: this.#address() }) };
  }

  #connected(node: LibraryNode | undefined): Promise<object> | object {
    if (node === undefined) throw new Error("the cluster client knows no node");
    return this.#cluster.nodeClient(node);
  }

  #address(): RedisAddress {
    const { _options: { nodeAddressMap } = {} } = this.#cluster as Internals;
    const mapped =
      typeof nodeAddressMap === "function" ? nodeAddressMap(this.#name) : nodeAddressMap?.[this.#name];
    return mapped ?? parseAddress(this.#name);
  }
}

/** A client that was made for a replica would read there, after another failover. */
const MASTER = { database: 0, readonly: false };

function templateIn(client: object): Template {
  return client as Template;
}
