import type { Clock, Milliseconds } from "../core/clock.ts";
import type { DriverFailure, RedisArgument, RedisDriver, Redirection } from "./commands.ts";
import { RedisNode } from "./node.ts";

/** An open link to Redis: to one server, or to the nodes of a cluster. */
export class RedisLink {
  readonly #driver: RedisDriver;
  readonly #clock: Clock;
  readonly #nodes = new Map<string, RedisNode>();
  readonly #openedAt: Milliseconds;

  constructor(driver: RedisDriver, clock: Clock) {
    this.#driver = driver;
    this.#clock = clock;
    this.#openedAt = clock.monotonic();
  }

  /** Whether commands can be sent on it. */
  get isReady(): boolean {
    return this.#driver.isReady;
  }

  /** How long it has been open. */
  get age(): Milliseconds {
    return this.#clock.monotonic() - this.#openedAt;
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
  nodeOf(key: RedisArgument | undefined): RedisNode {
    return this.node(this.#driver.nodeOf(key));
  }

  /** Where an error reply of a node sends a command, if anywhere. */
  redirect({ cause }: DriverFailure, node: RedisNode): Redirection | undefined {
    return cause instanceof Error ? this.#driver.redirect(cause.message, node.name) : undefined;
  }

  /** Heeds an error reply that says that a node is the wrong one now. Returns whether the link is still good. */
  distrust(node: string, code: string): boolean {
    return this.#driver.distrust(node, code);
  }

  /** Whether deadlines pass without answers: then either the node recovers, or {@link severStalled} ends it. */
  get isSuspect(): boolean {
    return this.#driver.isOwned && [...this.#nodes.values()].some((node) => node.isSuspect);
  }

  /**
   * Looks after the link: ends the connections to suspect nodes that have not answered for a time. To be
   * called regularly.
   */
  severStalled(timeout: Milliseconds): void {
    this.#driver.watch?.();
    for (const node of this.#nodes.values()) {
      if (node.hasStalled(timeout) && this.#driver.isOwned) node.sever(timeout);
    }
  }

  destroy(): void {
    this.#driver.destroy();
  }
}
