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

  /** Time since it was opened. */
  get age(): Milliseconds {
    return this.#clock.monotonic() - this.#openedAt;
  }

  /** Whether answers may still arrive. */
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

  /** Returns the node that holds a key; for `undefined`, any. */
  nodeOf(key: RedisArgument | undefined): RedisNode {
    return this.node(this.#driver.nodeOf(key));
  }

  /** Returns the redirection in an error reply of a node, if any. */
  redirect({ cause }: DriverFailure, node: RedisNode): Redirection | undefined {
    return cause instanceof Error ? this.#driver.redirect(cause.message, node.name) : undefined;
  }

  /**
   * Handles an error reply that says that a node is now the wrong one. Returns whether the link is
   * still good.
   */
  distrust(node: string, code: string): boolean {
    return this.#driver.distrust(node, code);
  }

  /**
   * Whether deadlines pass without answers: either the node recovers, or {@link severStalled} ends
   * it.
   */
  get isSuspect(): boolean {
    return this.#driver.isOwned && [...this.#nodes.values()].some((node) => node.isSuspect);
  }

  /**
   * Ends connections to suspect nodes that have not answered for a time. To be called regularly.
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
