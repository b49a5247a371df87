import { type Clock, type Milliseconds, systemClock } from "../../core/clock.ts";
import { settleWithin, startUnreferencedTimer } from "../../core/timers.ts";
import {
  type DriverFailure,
  NOWHERE,
  type Redirection,
  type RedisArgument,
  type RedisDriver,
  type RedisDriverFactory,
  type RedisReply,
  type ReplyForm,
} from "../commands.ts";
import { addressOf, parseAddress, type RedisClusterEndpoint, type RedisEndpoint } from "../endpoint.ts";
import { askInTurn, shuffle } from "./ask-in-turn.ts";
import { ClusterNode } from "./cluster-node.ts";
import { NoNodeError } from "./cluster-nodes.ts";
import { ClusterTopology } from "./cluster-topology.ts";
import { explainByClass, importLibrary, type Library, loadLibrary, makeClientClass } from "./node-redis.ts";

/**
 * Minimum time between questions for the slots, and minimum age of a connection that is given up
 * because of an answer.
 */
const REFRESH_GAP: Milliseconds = 250;

/** Time that a node without slots has to answer outstanding commands. */
const RETIREMENT: Milliseconds = 10_000;

/**
 * Drivers over clients of node-redis 6 (`@redis/client`), one a node.
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
  return Object.assign(async () => new NodeRedisClusterDriver(await loadNamed(), endpoint, systemClock), {
    load: async () => makeClientClass(await loadNamed()),
  });
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
class NodeRedisClusterDriver implements RedisDriver {
  readonly isOwned = true;
  readonly #library: Library;
  readonly #endpoint: RedisClusterEndpoint;
  readonly #clock: Clock;
  readonly #nodes = new Map<string, ClusterNode>();
  #topology: ClusterTopology | undefined;
  #refreshing: Promise<void> | undefined;
  #refreshedAt: Milliseconds = Number.NEGATIVE_INFINITY;
  #turn = 0;
  #isDestroyed = false;

  constructor(library: Library, endpoint: RedisClusterEndpoint, clock: Clock) {
    this.#library = library;
    this.#endpoint = endpoint;
    this.#clock = clock;
  }

  get isReady(): boolean {
    return !this.#isDestroyed && this.#topology !== undefined;
  }

  get nodes(): readonly string[] {
    return this.#topology?.masters ?? [];
  }

  connect(): Promise<void> {
    return this.#refresh();
  }

  nodeOf(key: RedisArgument | undefined): string {
    if (key !== undefined) return this.#topology?.ownerOf(key) ?? NOWHERE;
    const ready = this.nodes.filter((name) => this.#nodes.get(name)?.isReady);
    const usable = ready.length > 0 ? ready : this.nodes;
    return usable[this.#turn++ % usable.length] ?? NOWHERE;
  }

  open(name: string): Promise<void> | undefined {
    if (name === NOWHERE) {
      this.#refreshSoon();
      return Promise.reject(new NoNodeError("no node of the cluster has the key, or the node has left it"));
    }
    let node: ClusterNode;
    try {
      node = this.#nodeNamed(name);
    } catch (error) {
      // Thrown by the application's `nodeAddressMap`.
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
    if (node.isReady) return undefined;
    // Another node may have replaced it.
    if (node.hasFailed || node.isLost) this.#refreshSoon(name);
    const opening = node.open();
    opening?.catch(() => this.#refreshSoon(name));
    return opening;
  }

  send(
    args: readonly RedisArgument[],
    name: string,
    _key: RedisArgument | undefined,
    form: ReplyForm,
  ): Promise<RedisReply<string | Buffer>> {
    return this.#nodeNamed(name).send(args, form);
  }

  explain(error: unknown): DriverFailure {
    return error instanceof NoNodeError
      ? { kind: "refused", cause: error }
      : explainByClass(error, this.#library);
  }

  redirect(reply: string, from: string): Redirection | undefined {
    const [, kind, slot, address = ""] = /^(MOVED|ASK) (\d+) (.*:\d+)$/.exec(reply) ?? [];
    if (kind === undefined || this.#topology === undefined) return undefined;
    // A node that does not know its own address leaves the host empty.
    const node = address.startsWith(":") ? parseAddress(from).host + address : address;
    if (kind === "ASK") return { node, isAsking: true };
    this.#topology = this.#topology.with(Number(slot), node);
    this.#refreshSoon(from);
    return { node, isAsking: false };
  }

  distrust(name: string, code: string): boolean {
    const node = this.#nodes.get(name);
    // With CLUSTERDOWN, another connection to the same node is no better.
    if (node !== undefined && code !== "CLUSTERDOWN" && node.age >= REFRESH_GAP) node.retire();
    this.#refreshSoon(name);
    return true;
  }

  sever(name: string): void {
    this.#nodes.get(name)?.sever();
    this.#refreshSoon(name);
  }

  destroy(): void {
    this.#isDestroyed = true;
    for (const node of this.#nodes.values()) node.destroy();
  }

  #nodeNamed(name: string): ClusterNode {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const node = new ClusterNode(this.#library, this.#endpointOf(name), this.#clock);
    this.#nodes.set(name, node);
    return node;
  }

  #endpointOf(name: string): RedisEndpoint {
    const { nodeAddressMap, tls, connectTimeout, stallTimeout, username, password } = this.#endpoint;
    const seed = this.#endpoint.cluster.find((each) => addressOf(each) === name);
    const { host, port } = seed ?? nodeAddressMap(name) ?? parseAddress(name);
    return { address: { host, port, tls }, database: 0, connectTimeout, stallTimeout, username, password };
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
    const seeds = this.#endpoint.cluster.map(addressOf);
    const ready = this.nodes.filter((name) => this.#nodes.get(name)?.isReady);
    const sources = new Set([...shuffle(ready), ...shuffle(seeds), ...shuffle(this.nodes)]);
    if (doubted !== undefined && sources.delete(doubted)) sources.add(doubted);
    return [...sources];
  }

  async #ask(name: string): Promise<ClusterTopology> {
    if (this.#isDestroyed) throw new this.#library.ClientClosedError();
    const node = this.#nodeNamed(name);
    await node.open();
    const { connectTimeout } = this.#endpoint;
    const reply = await settleWithin(node.send(["CLUSTER", "SLOTS"], "text"), connectTimeout, (_, reject) =>
      reject(new Error(`${name} did not report the slots within ${connectTimeout} ms`)),
    );
    const topology = ClusterTopology.of(reply, parseAddress(name).host);
    if (topology.masters.length === 0)
      throw new Error(`${name} belongs to no cluster: it knows no master with slots`);
    return topology;
  }

  #settleOn(topology: ClusterTopology): void {
    if (this.#isDestroyed) return;
    this.#topology = topology;
    for (const [name, node] of this.#nodes) {
      if (topology.masters.includes(name)) continue;
      this.#nodes.delete(name);
      node.retire();
      startUnreferencedTimer(RETIREMENT, () => node.destroy());
    }
  }

  /** Prefers an error reply, such as that of a wrong password, to an unreachable node. */
  #mostTelling(errors: readonly unknown[]): unknown {
    return errors.find((error) => error instanceof this.#library.ErrorReply) ?? errors[0];
  }
}
