import type { Clock, Milliseconds } from "../core/clock.ts";
import type { RedisDriver } from "./commands.ts";
import { RedisNode } from "./node.ts";

/** An open link to Redis: to one server, or to the nodes of a cluster. */
export class RedisLink {
  readonly #driver: RedisDriver;
  readonly #clock: Clock;
  readonly #nodes = new Map<string, RedisNode>();
  #hasStalled = false;

  constructor(driver: RedisDriver, clock: Clock) {
    this.#driver = driver;
    this.#clock = clock;
  }

  /** Whether commands can be sent on it. A link of which a node has stalled takes no more, also for the others. */
  get isReady(): boolean {
    return !this.#hasStalled && this.#driver.isReady;
  }

  /** Whether what was sent may still be answered. */
  get owesAnswers(): boolean {
    return this.#driver.isReady && [...this.#nodes.values()].some((node) => node.owesAnswers);
  }

  /** Names of the nodes that hold the keys. */
  get nodes(): readonly string[] {
    return this.#driver.nodes;
  }

  node(name: string): RedisNode {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const node = new RedisNode(name, this.#driver, this.#clock);
    this.#nodes.set(name, node);
    return node;
  }

  /** The node that a key lies on; for `undefined`, any. */
  nodeOf(key: string | undefined): RedisNode {
    return this.node(this.#driver.nodeOf(key));
  }

  /** Whether deadlines pass without answers: then either the node recovers, or {@link severStalled} ends it. */
  get isSuspect(): boolean {
    return !this.#hasStalled && this.#driver.isOwned && [...this.#nodes.values()].some((node) => node.isSuspect);
  }

  /** Ends the connections to suspect nodes that have not answered for a time. To be called regularly. */
  severStalled(timeout: Milliseconds): void {
    const isLeftAlone = this.#hasStalled || !this.#driver.isOwned;
    for (const node of this.#nodes.values()) {
      if (!node.hasStalled(timeout) || isLeftAlone) continue;
      this.#hasStalled = true;
      node.sever(timeout);
    }
  }

  destroy(): void {
    this.#driver.destroy();
  }
}
