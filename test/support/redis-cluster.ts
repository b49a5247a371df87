import { setTimeout as sleep } from "node:timers/promises";

import { slotOf } from "../../src/redis/key-slot.ts";
import type { ClusterBus } from "./cluster-bus.ts";
import { RedisServer, type RedisServerOptions } from "./redis-server.ts";

const SLOTS = 16_384;

export interface RedisClusterOptions extends RedisServerOptions {
  /** Whether each master has a replica. @defaultValue `false` */
  readonly hasReplicas?: boolean;
  /** After how long a node that does not answer is replaced, in milliseconds. @defaultValue 60000 */
  readonly nodeTimeout?: number;
  /** Further lines of the redis.conf of one node. */
  readonly configOf?: (index: number) => readonly string[];
  /** Network between the nodes. @defaultValue a direct one */
  readonly bus?: ClusterBus | undefined;
}

/** A real Redis Cluster of the test's own; slots are dealt out to the masters in equal ranges. */
export class RedisCluster {
  /** The masters, unless one has been replaced. */
  readonly nodes: readonly RedisServer[];
  /** The replicas of each master in turn. */
  readonly replicas: readonly RedisServer[];

  private constructor(nodes: readonly RedisServer[], replicas: readonly RedisServer[]) {
    this.nodes = nodes;
    this.replicas = replicas;
  }

  /** @param options As for a single server; all nodes have them. */
  static async start(count = 3, options: RedisClusterOptions = {}): Promise<RedisCluster> {
    const { hasReplicas = false, nodeTimeout = 60_000, configOf = () => [], bus } = options;
    const config = [
      "cluster-enabled yes",
      // A node that is frozen for a test must not make the others refuse their keys.
      "cluster-require-full-coverage no",
      `cluster-node-timeout ${nodeTimeout}`,
      "repl-diskless-sync-delay 0",
      ...(options.config ?? []),
    ];
    const servers = await Promise.all(
      Array.from({ length: hasReplicas ? 2 * count : count }, (_, index) =>
        startNode({
          ...options,
          config: [
            ...config,
            ...configOf(index),
            ...(bus === undefined ? [] : [`cluster-announce-bus-port ${bus.ports[index]}`]),
          ],
        }),
      ),
    );
    bus?.leadTo(servers.map(({ port }) => port + BUS_OFFSET));
    const cluster = new RedisCluster(servers.slice(0, count), servers.slice(count));
    await cluster.#join(bus?.ports[0]);
    await Promise.all(cluster.replicas.map((replica, index) => cluster.#follow(replica, index)));
    return cluster;
  }

  /** Every node that is not stopped. */
  get all(): readonly RedisServer[] {
    return [...this.nodes, ...this.replicas];
  }

  /** `redis://` URLs of its nodes. */
  get urls(): string[] {
    return this.nodes.map(({ url }) => url);
  }

  /** The node that a key lies on, unless slots were moved. */
  nodeOf(key: string): RedisServer {
    const index = this.nodes.findIndex((_, each) => slotOf(key) <= this.#rangeOf(each).last);
    return this.nodes[index] as RedisServer;
  }

  /** Sends a command to every node. */
  async onEach(...args: string[]): Promise<unknown[]> {
    return Promise.all(this.nodes.map((node) => node.command(...args)));
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((node) => node.stop()));
  }

  /**
   * Lets a master leave as `redis-cli --cluster del-node` does, once its slots have gone to another one. It
   * keeps running, and belongs to no cluster then. Its keys are lost.
   */
  async remove(leaving: RedisServer, heir: RedisServer): Promise<void> {
    const { first, last } = this.#rangeOf(this.nodes.indexOf(leaving));
    const slots = Array.from({ length: last - first + 1 }, (_, at) => String(first + at));
    await leaving.command("FLUSHALL");
    await this.assign(slots, heir, [
      heir,
      leaving,
      ...this.nodes.filter((node) => node !== heir && node !== leaving),
    ]);
    await this.forget(leaving);
  }

  /** Lets a master without slots leave, as {@link remove} does. */
  async forget(leaving: RedisServer): Promise<void> {
    const id = String(await leaving.command("CLUSTER", "MYID"));
    const heirId = String(await this.nodes.find((node) => node !== leaving)?.command("CLUSTER", "MYID"));
    const orphan = this.replicas[this.nodes.indexOf(leaving)];
    if (orphan !== undefined) await orphan.command("CLUSTER", "REPLICATE", heirId);
    const others = this.all.filter((node) => node !== leaving);
    await Promise.all(others.map((node) => node.command("CLUSTER", "FORGET", id)));
    await leaving.command("CLUSTER", "RESET", "SOFT");
  }

  /** Moves a slot with its keys, as `redis-cli --cluster reshard` does. */
  async moveSlot(slot: number, from: RedisServer, to: RedisServer): Promise<void> {
    await this.#announceMove(slot, from, to);
    for (let keys = await keysIn(slot, from); keys.length > 0; keys = await keysIn(slot, from)) {
      await migrate(keys, from, to);
    }
    await this.assign([String(slot)], to, [
      to,
      from,
      ...this.nodes.filter((node) => node !== from && node !== to),
    ]);
  }

  /** Begins to move a slot, and moves every other one of its keys. */
  async beginMove(slot: number, from: RedisServer, to: RedisServer): Promise<void> {
    await this.#announceMove(slot, from, to);
    const keys = (await keysIn(slot, from)).filter((_, index) => index % 2 === 0);
    if (keys.length > 0) await migrate(keys, from, to);
  }

  async #announceMove(slot: number, from: RedisServer, to: RedisServer): Promise<void> {
    const [fromId, toId] = await Promise.all([from, to].map((node) => node.command("CLUSTER", "MYID")));
    await to.command("CLUSTER", "SETSLOT", String(slot), "IMPORTING", String(fromId));
    await from.command("CLUSTER", "SETSLOT", String(slot), "MIGRATING", String(toId));
  }

  /** Gives slots to a node, and tells the nodes in their order. */
  async assign(
    slots: readonly string[],
    owner: RedisServer,
    told: readonly RedisServer[] = this.nodes,
  ): Promise<void> {
    const id = String(await owner.command("CLUSTER", "MYID"));
    for (const node of told) {
      await Promise.all(slots.map((slot) => node.command("CLUSTER", "SETSLOT", slot, "NODE", id))).catch(
        unlessReplica,
      );
    }
  }

  async #join(busOfFirst?: number): Promise<void> {
    const [first] = this.nodes as [RedisServer];
    await Promise.all(
      this.nodes.map(async (node, index) => {
        const range = this.#rangeOf(index);
        await node.command("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
        await node.command("CLUSTER", "ADDSLOTSRANGE", String(range.first), String(range.last));
      }),
    );
    for (const node of this.all.slice(1)) {
      const bus = busOfFirst ?? first.port + BUS_OFFSET;
      await node.command("CLUSTER", "MEET", "127.0.0.1", String(first.port), String(bus));
    }
    while (!(await this.#isWhole())) await sleep(20);
  }

  /** Whether every node knows of every slot. */
  async #isWhole(): Promise<boolean> {
    const infos = await Promise.all(this.all.map((node) => node.command("CLUSTER", "INFO")));
    return infos.every((info) => {
      const text = String(info);
      return (
        text.includes("cluster_state:ok") &&
        text.includes(`cluster_slots_assigned:${SLOTS}`) &&
        text.includes(`known_nodes:${this.all.length}`)
      );
    });
  }

  async #follow(replica: RedisServer, index: number): Promise<void> {
    const id = String(await this.nodes[index]?.command("CLUSTER", "MYID"));
    await replica.command("CLUSTER", "REPLICATE", id);
    while (!String(await replica.command("INFO", "replication")).includes("master_link_status:up"))
      await sleep(50);
    for (const node of this.all) {
      while (((await node.command("CLUSTER", "REPLICAS", id)) as unknown[]).length === 0) await sleep(50);
    }
  }

  #rangeOf(index: number): { first: number; last: number } {
    const size = Math.ceil(SLOTS / this.nodes.length);
    return { first: index * size, last: Math.min((index + 1) * size, SLOTS) - 1 };
  }
}

/** A master that has given its last slot away has become a replica of its heir, and knows of it. */
function unlessReplica(error: unknown): void {
  if (!String(error).includes("SETSLOT only with masters")) throw error;
}

async function keysIn(slot: number, node: RedisServer): Promise<Buffer[]> {
  return (await node.commandInBytes("CLUSTER", "GETKEYSINSLOT", String(slot), "100")) as Buffer[];
}

async function migrate(keys: readonly Buffer[], from: RedisServer, to: RedisServer): Promise<void> {
  await from.command("MIGRATE", "127.0.0.1", String(to.port), "", "0", "5000", "REPLACE", "KEYS", ...keys);
}

/** The port on which the nodes talk among themselves, unless it is beyond the last port. */
const BUS_OFFSET = 10_000;

async function startNode(options: RedisServerOptions): Promise<RedisServer> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await RedisServer.start(options);
    } catch (error) {
      // A free port may have a bus port that is taken.
      if (attempt === 5) throw error;
    }
  }
}
