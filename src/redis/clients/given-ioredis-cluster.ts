import { type Clock, type Milliseconds, systemClock } from "../../core/clock.ts";
import type { DriverFailure, RedisArgument } from "../commands.ts";
import type { Redirection, RedisDriver } from "../driver.ts";
import { parseAddress, type RedisAddress } from "../endpoint.ts";
import { slotOf } from "../key-slot.ts";
import type { RedisNode } from "../node.ts";
import { GivenIoredisClusterNode, type NodePool, NOWHERE } from "./given-ioredis-cluster-node.ts";
import { type IoredisClient, type IoredisCluster, optionsOf } from "./ioredis.ts";
import { explainIoredis } from "./ioredis-server.ts";

/** Minimum time between questions for the slots. Each costs the client a connection. */
const REFRESH_GAP: Milliseconds = 250;

/** Interval at which the slots are asked for while a node lets deadlines pass. */
const SUSPECT_GAP: Milliseconds = 1000;

/** The private part of the client that adds the connection of a node. */
interface Pool {
  readonly connectionPool?: { findOrCreate?(node: RedisAddress): unknown };
}

/**
 * A driver over a cluster client of ioredis that the application makes and closes. Commands go to
 * the nodes' own connections, and redirections are followed here: the cluster client would send
 * commands again after a lost connection, and up to 16 times after a redirection. It is never closed
 * from here, not even when a node stalls: commands then end by their deadlines alone.
 */
export class GivenIoredisClusterDriver implements RedisDriver, NodePool {
  readonly ownedNodes: readonly RedisNode[] = [];
  readonly #cluster: IoredisCluster;
  readonly #clock: Clock;
  readonly #nodes = new Map<string, GivenIoredisClusterNode>();
  #refreshedAt: Milliseconds = Number.NEGATIVE_INFINITY;
  #nextMaster = 0;
  #giveUp: (() => void) | undefined;

  constructor(cluster: IoredisCluster, clock: Clock = systemClock) {
    this.#cluster = cluster;
    this.#clock = clock;
  }

  get isReady(): boolean {
    return this.#cluster.status === "ready";
  }

  get masters(): readonly string[] {
    const names = new Set(this.#cluster.slots.map((nodes) => nodes?.[0]));
    return [...names].filter((name) => name !== undefined);
  }

  /** Waits until the client knows the slots. One that was made with `lazyConnect` connects now. */
  async connect(): Promise<void> {
    if (this.isReady) return;
    if (this.#cluster.status === "end")
      throw new Error(
        "the given client is closed: either its application did so, or its clusterRetryStrategy gave up",
      );
    const ending = this.#nextEnding();
    // The events tell.
    if (this.#cluster.status === "wait") this.#cluster.connect().catch(() => {});
    await ending;
    if (!this.isReady) throw new Error("the given cluster client could not connect");
  }

  /** Returns the master that holds a key; for `undefined`, the connected ones in turn. */
  nodeFor(key: RedisArgument | undefined): RedisNode {
    if (key !== undefined) return this.#nodeAt(this.#cluster.slots[slotOf(key)]?.[0]).node;
    const known = this.#cluster.nodes("master");
    const ready = known.filter(({ status }) => status === "ready");
    const usable = ready.length > 0 ? ready : known;
    const chosen = usable[this.#nextMaster++ % usable.length];
    return this.#nodeAt(chosen && addressOfClient(chosen)).node;
  }

  masterNamed(name: string): RedisNode {
    const isMaster = this.#cluster.slots.some((nodes) => nodes?.[0] === name);
    return this.#nodeAt(isMaster ? name : NOWHERE).node;
  }

  explain(error: unknown): DriverFailure {
    return explainIoredis(error);
  }

  redirect(reply: string, from: RedisNode): Redirection | undefined {
    const [, kind, address = ""] = /^(MOVED|ASK) \d+ (.*:\d+)$/.exec(reply) ?? [];
    if (kind === undefined) return undefined;
    // A node that does not know its own address leaves the host empty.
    const announced = address.startsWith(":") ? parseAddress(from.name).host + address : address;
    const { host, port } = this.#mapped(announced);
    if (kind === "MOVED") this.doubt();
    return { node: this.#nodeAt(`${host}:${port}`).node, isAsking: kind === "ASK" };
  }

  /** A node that does not answer may have been replaced, and the client does not notice. */
  watch(): void {
    if (this.#clock.monotonic() - this.#refreshedAt < SUSPECT_GAP) return;
    if ([...this.#nodes.values()].some(({ node }) => node.isSuspect)) this.doubt();
  }

  clientOf(name: string): IoredisClient | undefined {
    const find = (): IoredisClient | undefined =>
      this.#cluster.nodes("all").find((client) => addressOfClient(client) === name);
    const known = find();
    if (known !== undefined || !this.isReady) return known;
    // A node whose connection was lost, or that has no slots yet.
    (this.#cluster as Pool).connectionPool?.findOrCreate?.(parseAddress(name));
    return find();
  }

  doubt(): void {
    const now = this.#clock.monotonic();
    if (!this.isReady || now - this.#refreshedAt < REFRESH_GAP) return;
    this.#refreshedAt = now;
    this.#cluster.refreshSlotsCache();
  }

  destroy(): void {
    this.#giveUp?.();
    for (const node of this.#nodes.values()) node.giveUp();
  }

  #nodeAt(name = NOWHERE): GivenIoredisClusterNode {
    let node = this.#nodes.get(name);
    if (node === undefined) this.#nodes.set(name, (node = new GivenIoredisClusterNode(name, this)));
    return node;
  }

  /** Applies the client's `natMap`. */
  #mapped(announced: string): RedisAddress {
    const { natMap } = optionsOf(this.#cluster);
    const mapped: unknown =
      typeof natMap === "function"
        ? (natMap as (address: string) => unknown)(announced)
        : (natMap as Record<string, unknown> | null | undefined)?.[announced];
    return (mapped as RedisAddress | null | undefined) ?? parseAddress(announced);
  }

  #nextEnding(): Promise<void> {
    return new Promise((resolve) => {
      const events = ["ready", "close", "end"];
      const finish = (): void => {
        for (const event of events) this.#cluster.off(event, finish);
        resolve();
      };
      for (const event of events) this.#cluster.on(event, finish);
      this.#giveUp = finish;
    });
  }
}

function addressOfClient(client: IoredisClient): string {
  const { host, port } = client.options as RedisAddress;
  return `${host}:${port}`;
}
