import { type Clock, type Milliseconds, systemClock } from "../../core/clock.ts";
import { settleWithin } from "../../core/timers.ts";
import type { DriverFailure, RedisArgument } from "../commands.ts";
import type { Redirection, RedisDriver, RedisDriverFactory, TrackingListener } from "../driver.ts";
import { addressOf, parseAddress, type RedisAddress } from "../endpoint.ts";
import type { RedisNode } from "../node.ts";
import { askInTurn, shuffle } from "./ask-in-turn.ts";
import { ClusterTopology } from "./cluster-topology.ts";
import {
  type ClusterMember,
  GivenIoredisClusterNode,
  type NodePool,
  NOWHERE,
} from "./given-ioredis-cluster-node.ts";
import { TrackingIoredisClusterNode } from "./given-ioredis-tracking-node.ts";
import { type IoredisClient, type IoredisCluster, optionsOf } from "./ioredis.ts";
import { explainIoredis } from "./ioredis-server.ts";

/** Minimum time between questions for the slots. */
const REFRESH_GAP: Milliseconds = 250;

/** Interval at which the slots are asked for while a node lets deadlines pass. */
const SUSPECT_GAP: Milliseconds = 1000;

/** The same for links that track keys: a node that has lost a slot may report nothing. */
const WATCH_GAP: Milliseconds = 1000;

/** Maximum time that a node has to report the slots. */
const ANSWER_TIMEOUT: Milliseconds = 1000;

/** The private part of the client that adds the connection of a node. */
interface Pool {
  readonly connectionPool?: { findOrCreate?(node: RedisAddress): unknown };
}

/** Drivers over a cluster client of ioredis that the application makes and closes. */
export function givenIoredisClusterDriver(cluster: IoredisCluster): RedisDriverFactory {
  const driver = (listener?: TrackingListener) => (): Promise<RedisDriver> =>
    Promise.resolve(new GivenIoredisClusterDriver(cluster, systemClock, listener));
  const tracking = (listener: TrackingListener): RedisDriverFactory =>
    Object.assign(driver(listener), { hasOneOrder: false });
  return Object.assign(driver(), { tracking });
}

/**
 * A driver over a cluster client of ioredis that the application makes and closes. It uses the
 * client's connections to the nodes; slots and redirections are followed here.
 *
 * The client itself sends commands again after a lost connection, and up to 16 times after a
 * redirection, and takes a node that has left the cluster for the cluster. It is never closed from
 * here, not even when a node stalls: commands then end by their deadlines alone.
 */
export class GivenIoredisClusterDriver implements RedisDriver, NodePool {
  readonly #cluster: IoredisCluster;
  readonly #clock: Clock;
  readonly #listener: TrackingListener | undefined;
  readonly #nodes = new Map<string, ClusterMember>();
  #topology: ClusterTopology | undefined;
  #refreshing: Promise<void> | undefined;
  #refreshedAt: Milliseconds = Number.NEGATIVE_INFINITY;
  #nextMaster = 0;
  #giveUp: (() => void) | undefined;

  /** @param listener Has the nodes track keys, over connections of their own. */
  constructor(cluster: IoredisCluster, clock: Clock = systemClock, listener?: TrackingListener) {
    this.#listener = listener;
    this.#cluster = cluster;
    this.#clock = clock;
  }

  get isReady(): boolean {
    return this.#isConnected && this.#topology !== undefined;
  }

  /** The application's connections are not closed from here. */
  get ownedNodes(): readonly RedisNode[] {
    return [...this.#nodes.values()].flatMap(({ ownedNodes }) => ownedNodes);
  }

  get masters(): readonly string[] {
    return this.#topology?.masters.map((name) => this.#mapped(name)) ?? [];
  }

  /** Waits until the client is connected. One that was made with `lazyConnect` connects now. */
  async connect(): Promise<void> {
    if (!this.#isConnected) await this.#connectClient();
    await this.#refresh();
  }

  /** Returns the master that holds a key; for `undefined`, the connected ones in turn. */
  nodeFor(key: RedisArgument | undefined): RedisNode {
    const owner = key === undefined ? undefined : this.#topology?.ownerOf(key);
    if (key !== undefined) return this.#nodeAt(owner && this.#mapped(owner)).node;
    const ready = this.masters.filter((name) => this.#nodes.get(name)?.isReady);
    const usable = ready.length > 0 ? ready : this.masters;
    return this.#nodeAt(usable[this.#nextMaster++ % usable.length]).node;
  }

  masterNamed(name: string): RedisNode {
    return this.#nodeAt(this.masters.includes(name) ? name : undefined).node;
  }

  reporterOf(name: string): RedisNode {
    const { node, reporter = node } = this.#nodeAt(this.masters.includes(name) ? name : undefined);
    return reporter;
  }

  explain(error: unknown): DriverFailure {
    return explainIoredis(error);
  }

  redirect(reply: string, from: RedisNode): Redirection | undefined {
    const [, kind, slot, address = ""] = /^(MOVED|ASK) (\d+) (.*:\d+)$/.exec(reply) ?? [];
    if (kind === undefined) return undefined;
    // A node that does not know its own address leaves the host empty.
    const name = address.startsWith(":") ? parseAddress(from.name).host + address : address;
    if (kind === "MOVED") {
      this.#topology = this.#topology?.with(Number(slot), name);
      this.#listener?.onLinkEnd();
      this.doubt(from.name);
    }
    return { node: this.#nodeAt(this.#mapped(name)).node, isAsking: kind === "ASK" };
  }

  /** A node that does not answer may have been replaced; where keys are tracked, any may have been. */
  watch(): void {
    const sinceRefresh = this.#clock.monotonic() - this.#refreshedAt;
    if (this.#listener !== undefined && sinceRefresh >= WATCH_GAP) return this.doubt();
    if (sinceRefresh < SUSPECT_GAP) return;
    const suspect = [...this.#nodes.values()].find(({ node }) => node.isSuspect);
    if (suspect !== undefined) this.doubt(suspect.node.name);
  }

  clientOf(name: string): IoredisClient | undefined {
    const find = (): IoredisClient | undefined =>
      this.#cluster.nodes("all").find((client) => addressOfClient(client) === name);
    const known = find();
    const isMaster = known !== undefined && optionsOf(known).readOnly !== true;
    if (isMaster || !this.#isConnected) return known;
    // A node that was a replica, whose connection was lost, or that had no slots yet.
    (this.#cluster as Pool).connectionPool?.findOrCreate?.(parseAddress(name));
    return find();
  }

  doubt(name?: string): void {
    if (!this.#isConnected || this.#clock.monotonic() - this.#refreshedAt < REFRESH_GAP) return;
    // The commands fail with the cause.
    this.#refresh(name).catch(() => {});
  }

  destroy(): void {
    this.#giveUp?.();
    for (const node of this.#nodes.values()) node.giveUp();
  }

  get #isConnected(): boolean {
    return this.#cluster.status === "ready";
  }

  #nodeAt(name = NOWHERE): ClusterMember {
    let node = this.#nodes.get(name);
    if (node === undefined) this.#nodes.set(name, (node = this.#newNode(name)));
    return node;
  }

  #newNode(name: string): ClusterMember {
    if (this.#listener === undefined) return new GivenIoredisClusterNode(name, this);
    return new TrackingIoredisClusterNode(name, this, this.#clock, this.#listener);
  }

  #settleOn(topology: ClusterTopology): void {
    const isChanged = this.#topology?.equals(topology) === false;
    this.#topology = topology;
    if (this.#listener === undefined) return;
    if (isChanged) this.#listener.onLinkEnd();
    for (const [name, node] of this.#nodes) {
      if (this.masters.includes(name)) continue;
      this.#nodes.delete(name);
      node.giveUp();
    }
  }

  /** Applies the client's `natMap` to an announced address. */
  #mapped(announced: string): string {
    const natMap = optionsOf(this.#cluster).natMap;
    if (natMap === undefined || natMap === null) return announced;
    const mapped = typeof natMap === "function" ? natMap(announced) : natMap[announced];
    return mapped === undefined || mapped === null ? announced : addressOf(mapped);
  }

  #refresh(doubted?: string): Promise<void> {
    if (this.#refreshing !== undefined) return this.#refreshing;
    this.#refreshedAt = this.#clock.monotonic();
    this.#refreshing = this.#askAround(doubted).finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  /** @param doubted A node that is asked last: it may have left the cluster. */
  async #askAround(doubted: string | undefined): Promise<void> {
    const known = this.#cluster.nodes("all").map(addressOfClient);
    const sources = new Set([...shuffle(this.masters), ...shuffle(known)]);
    if (doubted !== undefined && sources.delete(doubted)) sources.add(doubted);
    try {
      this.#settleOn(await askInTurn([...sources], (name) => this.#ask(name)));
    } catch (error) {
      const errors = (error as AggregateError).errors as unknown[];
      // An error reply tells more than an unreachable node.
      const telling = errors.find((each) => explainIoredis(each).kind === "reply") ?? errors[0];
      throw telling instanceof Error ? telling : new Error("the cluster client knows no node");
    }
  }

  async #ask(name: string): Promise<ClusterTopology> {
    const node = this.#nodeAt(name);
    await node.open();
    const slots = node.send(["CLUSTER", "SLOTS"], undefined, "text");
    const reply = await settleWithin(slots, ANSWER_TIMEOUT, (_, reject) =>
      reject(new Error(`${name} did not report the slots within ${ANSWER_TIMEOUT} ms`)),
    );
    const topology = ClusterTopology.of(reply, parseAddress(name).host);
    if (topology.masters.length === 0) throw new Error(`${name} belongs to no cluster: it knows no master`);
    return topology;
  }

  async #connectClient(): Promise<void> {
    if (this.#cluster.status === "end")
      throw new Error(
        "the given client is closed: either its application did so, or its clusterRetryStrategy gave up",
      );
    const ending = this.#nextEnding();
    // The events tell.
    if (this.#cluster.status === "wait") this.#cluster.connect().catch(() => {});
    await ending;
    if (!this.#isConnected) throw new Error("the given cluster client could not connect");
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
  return addressOf(client.options as RedisAddress);
}
