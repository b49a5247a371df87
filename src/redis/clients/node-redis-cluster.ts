import { type Clock, type Milliseconds, systemClock } from "../../core/clock.ts";
import { settleWithin, startUnreferencedTimer } from "../../core/timers.ts";
import type { DriverFailure, RedisArgument } from "../commands.ts";
import type { Redirection, RedisDriver, RedisDriverFactory, TrackingListener } from "../driver.ts";
import { addressOf, parseAddress, type RedisClusterEndpoint, type RedisEndpoint } from "../endpoint.ts";
import { type RedisDriverNode, RedisNode } from "../node.ts";
import { askInTurn, shuffle } from "./ask-in-turn.ts";
import { ClusterNode, type NodeMaker } from "./cluster-node.ts";
import { ClusterTopology } from "./cluster-topology.ts";
import {
  explainByClass,
  importLibrary,
  type Library,
  loadLibrary,
  makeClientClass,
  NodeRedisDriver,
} from "./node-redis.ts";

/** Minimum time between questions for the slots. */
const REFRESH_GAP: Milliseconds = 250;

/**
 * Interval at which links that track keys ask for the slots while commands are outstanding: a node
 * that has lost a slot may report nothing.
 */
const WATCH_GAP: Milliseconds = 1000;

/** Time that a node without slots has to answer outstanding commands. */
const RETIREMENT: Milliseconds = 10_000;

/**
 * Drivers over clients of node-redis 6 (`@redis/client`), one a node.
 *
 * @param setting Path of the connection's settings, for messages.
 * @param load Loads the library.
 * @param listener Has the links track the keys which are read on them.
 */
export function nodeRedisClusterDriver(
  endpoint: RedisClusterEndpoint,
  setting: string,
  load: () => Promise<Library> = importLibrary,
  listener?: TrackingListener,
): RedisDriverFactory {
  const loadNamed = (): Promise<Library> => loadLibrary(load, setting);
  return Object.assign(
    async () =>
      new NodeRedisClusterDriver(makerOf(await loadNamed(), endpoint, listener), systemClock, listener),
    {
      load: async () => makeClientClass(await loadNamed()),
      tracking: (each: TrackingListener) => nodeRedisClusterDriver(endpoint, setting, load, each),
    },
  );
}

function makerOf(
  library: Library,
  endpoint: RedisClusterEndpoint,
  listener: TrackingListener | undefined,
): NodeMaker {
  return {
    seeds: endpoint.cluster.map(addressOf),
    connectTimeout: endpoint.connectTimeout,
    driversOf(name) {
      const ofNode = endpointOf(name, endpoint);
      return () => new NodeRedisDriver(library, ofNode, listener);
    },
    refusal: () => new library.ClientOfflineError(),
    explain: (error) => explainByClass(error, library),
  };
}

function endpointOf(name: string, endpoint: RedisClusterEndpoint): RedisEndpoint {
  const { cluster, nodeAddressMap, tls, connectTimeout, stallTimeout, username, password } = endpoint;
  const seed = cluster.find((each) => addressOf(each) === name);
  const { host, port } = seed ?? nodeAddressMap(name) ?? parseAddress(name);
  return { address: { host, port, tls }, database: 0, connectTimeout, stallTimeout, username, password };
}

/**
 * The link is open as soon as one node has reported the others, and stays open: each node has a
 * connection of its own, opened when a command needs it. A fault of one node fails its own
 * commands, at once.
 *
 * The library's own cluster client is not used: it waits forever for a node that cannot be
 * connected or is frozen, also when it asks for the slots, and takes a node that has left the
 * cluster for the cluster.
 */
export class NodeRedisClusterDriver implements RedisDriver {
  readonly #maker: NodeMaker;
  readonly #clock: Clock;
  readonly #listener: TrackingListener | undefined;
  readonly #nodes = new Map<string, ClusterNode>();
  /** Nodes without slots that may owe answers. */
  readonly #leaving = new Set<ClusterNode>();
  #topology: ClusterTopology | undefined;
  #refreshing: Promise<void> | undefined;
  #refreshedAt: Milliseconds = Number.NEGATIVE_INFINITY;
  #nextMaster = 0;
  readonly #leave: (() => void) | undefined;
  #isDestroyed = false;

  /** @param listener The one of the connections that the maker makes, if they track keys. */
  constructor(maker: NodeMaker, clock: Clock, listener?: TrackingListener) {
    this.#listener = listener;
    this.#maker = maker;
    this.#clock = clock;
    this.#leave = maker.onEnd?.(() => this.destroy());
  }

  get isReady(): boolean {
    return !this.#isDestroyed && this.#topology !== undefined;
  }

  get masters(): readonly string[] {
    return this.#topology?.masters ?? [];
  }

  get ownedNodes(): readonly RedisNode[] {
    return [...this.#nodes.values()].map(({ node }) => node);
  }

  async connect(): Promise<void> {
    await this.#maker.open?.();
    await this.#refresh();
  }

  nodeFor(key: RedisArgument | undefined): RedisNode {
    return this.#nodeAt(key === undefined ? this.#anyMaster() : this.#topology?.ownerOf(key));
  }

  masterNamed(name: string): RedisNode {
    return this.#nodeAt(this.masters.includes(name) ? name : undefined);
  }

  explain(error: unknown): DriverFailure {
    return this.#maker.explain(error);
  }

  redirect(reply: string, from: RedisNode): Redirection | undefined {
    const [, kind, slot, address = ""] = /^(MOVED|ASK) (\d+) (.*:\d+)$/.exec(reply) ?? [];
    if (kind === undefined || this.#topology === undefined) return undefined;
    // A node that does not know its own address leaves the host empty.
    const name = address.startsWith(":") ? parseAddress(from.name).host + address : address;
    if (kind === "ASK") return { node: this.#nodeAt(name), isAsking: true };
    this.#topology = this.#topology.with(Number(slot), name);
    this.#listener?.onLinkEnd();
    this.#refreshSoon(from.name);
    return { node: this.#nodeAt(name), isAsking: false };
  }

  /** Asks for the slots now and then, if keys are tracked. */
  watch(): void {
    const isDue = this.#clock.monotonic() - this.#refreshedAt >= WATCH_GAP;
    if (this.#listener !== undefined && isDue) this.#refreshSoon();
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#leave?.();
    for (const node of [...this.#nodes.values(), ...this.#leaving]) node.destroy();
  }

  /** Returns a connected master, else any. */
  #anyMaster(): string | undefined {
    const ready = this.masters.filter((name) => this.#nodes.get(name)?.isReady);
    const usable = ready.length > 0 ? ready : this.masters;
    return usable[this.#nextMaster++ % usable.length];
  }

  #nodeAt(name: string | undefined): RedisNode {
    if (name === undefined) {
      this.#refreshSoon();
      const message = "no node of the cluster has the key, or the node has left it";
      return new RedisNode(new RefusingNode(new Error(message)));
    }
    try {
      return this.#nodeNamed(name).node;
    } catch (error) {
      // Thrown by the application's `nodeAddressMap`.
      return new RedisNode(new RefusingNode(error instanceof Error ? error : new Error(String(error))));
    }
  }

  #nodeNamed(name: string): ClusterNode {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const node = new ClusterNode({
      name,
      maker: this.#maker,
      clock: this.#clock,
      onDoubt: () => this.#refreshSoon(name),
    });
    this.#nodes.set(name, node);
    return node;
  }

  /** Asks for the slots, unless they were asked for a moment ago. */
  #refreshSoon(doubted?: string): void {
    if (this.#isDestroyed || this.#clock.monotonic() - this.#refreshedAt < REFRESH_GAP) return;
    // The commands fail with the cause.
    this.#refresh(doubted).catch(() => {});
  }

  #refresh(doubted?: string): Promise<void> {
    if (this.#refreshing !== undefined) return this.#refreshing;
    this.#refreshedAt = this.#clock.monotonic();
    this.#refreshing = this.#askAround(doubted).finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  /** @param doubted A node that is asked last: it may have left the cluster. */
  async #askAround(doubted: string | undefined): Promise<void> {
    try {
      this.#settleOn(await askInTurn(this.#sources(doubted), (name) => this.#ask(name)));
    } catch (error) {
      throw this.#mostTelling((error as AggregateError).errors);
    }
  }

  /** Returns the nodes to ask, in this order: connected ones, those of the settings, and others. */
  #sources(doubted: string | undefined): string[] {
    const ready = this.masters.filter((name) => this.#nodes.get(name)?.isReady);
    const sources = new Set([...shuffle(ready), ...shuffle(this.#maker.seeds), ...shuffle(this.masters)]);
    if (doubted !== undefined && sources.delete(doubted)) sources.add(doubted);
    return [...sources];
  }

  async #ask(name: string): Promise<ClusterTopology> {
    if (this.#isDestroyed) throw this.#maker.refusal();
    const node = this.#nodeNamed(name);
    await node.connect();
    const { connectTimeout } = this.#maker;
    const reply = await settleWithin(
      node.send(["CLUSTER", "SLOTS"], undefined, "text"),
      connectTimeout,
      (_, reject) => reject(new Error(`${name} did not report the slots within ${connectTimeout} ms`)),
    );
    const topology = ClusterTopology.of(reply, parseAddress(name).host);
    if (topology.masters.length === 0)
      throw new Error(`${name} belongs to no cluster: it knows no master with slots`);
    return topology;
  }

  #settleOn(topology: ClusterTopology): void {
    if (this.#isDestroyed) return;
    if (this.#topology?.equals(topology) === false) this.#listener?.onLinkEnd();
    this.#topology = topology;
    for (const [name, node] of this.#nodes) {
      if (topology.masters.includes(name)) continue;
      this.#nodes.delete(name);
      node.retire();
      this.#leaving.add(node);
      startUnreferencedTimer(RETIREMENT, () => {
        this.#leaving.delete(node);
        node.destroy();
      });
    }
  }

  /** Prefers an error reply, such as that of a wrong password, to an unreachable node. */
  #mostTelling(errors: readonly unknown[]): unknown {
    return errors.find((error) => this.explain(error).kind === "reply") ?? errors[0];
  }
}

/** A node that cannot be opened, so that no command is sent to it. */
class RefusingNode implements RedisDriverNode {
  readonly name = "";
  readonly #error: Error;

  constructor(error: Error) {
    this.#error = error;
  }

  open(): Promise<void> {
    return Promise.reject(this.#error);
  }

  send(): Promise<never> {
    return Promise.reject(this.#error);
  }

  explain(error: unknown): DriverFailure {
    return { kind: "refused", cause: error };
  }

  distrust(): boolean {
    return true;
  }

  sever(): void {}
}
