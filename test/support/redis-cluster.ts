import { setTimeout as sleep } from "node:timers/promises";

import { slotOf } from "../../src/redis/key-slot.ts";
import { RedisServer, type RedisServerOptions } from "./redis-server.ts";

const SLOTS = 16_384;

/** Masters of a real Redis Cluster of the test's own, without replicas; slots are dealt out in equal ranges. */
export class RedisCluster {
  readonly nodes: readonly RedisServer[];

  private constructor(nodes: readonly RedisServer[]) {
    this.nodes = nodes;
  }

  /** @param options As for a single server; all nodes have them. */
  static async start(count = 3, options: RedisServerOptions = {}): Promise<RedisCluster> {
    const config = [
      "cluster-enabled yes",
      // A node that is frozen for a test must not make the others refuse their keys.
      "cluster-require-full-coverage no",
      "cluster-node-timeout 60000",
      ...(options.config ?? []),
    ];
    const nodes = await Promise.all(Array.from({ length: count }, () => startNode({ ...options, config })));
    const cluster = new RedisCluster(nodes);
    await cluster.#join();
    return cluster;
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
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  async #join(): Promise<void> {
    const [first] = this.nodes as [RedisServer];
    await Promise.all(
      this.nodes.map(async (node, index) => {
        const range = this.#rangeOf(index);
        await node.command("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
        await node.command("CLUSTER", "ADDSLOTSRANGE", String(range.first), String(range.last));
      }),
    );
    for (const node of this.nodes.slice(1)) {
      await node.command("CLUSTER", "MEET", "127.0.0.1", String(first.port), String(first.port + BUS_OFFSET));
    }
    while (!(await this.#isWhole())) await sleep(20);
  }

  /** Whether every node knows of every slot. */
  async #isWhole(): Promise<boolean> {
    const infos = await this.onEach("CLUSTER", "INFO");
    return infos.every((info) => {
      const text = String(info);
      return text.includes("cluster_state:ok") && text.includes(`cluster_slots_assigned:${SLOTS}`);
    });
  }

  #rangeOf(index: number): { first: number; last: number } {
    const size = Math.ceil(SLOTS / this.nodes.length);
    return { first: index * size, last: Math.min((index + 1) * size, SLOTS) - 1 };
  }
}

/** Where the nodes talk among themselves, unless it is beyond the last port. */
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
