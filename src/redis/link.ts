import type { Clock, Milliseconds } from "../core/clock.ts";
import type { DriverFailure, RedisArgument } from "./commands.ts";
import type { Redirection, RedisDriver } from "./driver.ts";
import type { RedisNode } from "./node.ts";

/** An open link to Redis: to one server, or to the nodes of a cluster. */
export class RedisLink {
  readonly #driver: RedisDriver;
  readonly #clock: Clock;
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
    return this.#driver.isReady && this.#driver.ownedNodes.some((node) => node.owesAnswers);
  }

  /** Names of the nodes that hold the keys. */
  get masters(): readonly string[] {
    return this.#driver.masters;
  }

  /** Returns the node on whose connection changes of the keys of a master are reported. */
  reporterOf(name: string): RedisNode {
    return this.#driver.reporterOf?.(name) ?? this.masterNamed(name);
  }

  /** Returns the node that holds a key; for `undefined`, any. */
  nodeFor(key: RedisArgument | undefined): RedisNode {
    return this.#driver.nodeFor(key);
  }

  /** Returns one of {@link masters}. If it has left the cluster, a node that refuses commands. */
  masterNamed(name: string): RedisNode {
    return this.#driver.masterNamed(name);
  }

  /** Returns the redirection in an error reply of a node, if any. */
  redirect({ cause }: DriverFailure, from: RedisNode): Redirection | undefined {
    return cause instanceof Error ? this.#driver.redirect?.(cause.message, from) : undefined;
  }

  /**
   * Whether deadlines pass without answers: either the node recovers, or {@link severStalled} ends
   * it.
   */
  get isSuspect(): boolean {
    return this.#driver.ownedNodes.some((node) => node.isSuspect);
  }

  /**
   * Ends connections to suspect nodes that have not answered for a time. To be called regularly.
   */
  severStalled(timeout: Milliseconds): void {
    this.#driver.watch?.();
    const now = this.#clock.monotonic();
    for (const node of this.#driver.ownedNodes) {
      if (node.hasStalled(timeout, now)) node.sever(timeout);
    }
  }

  destroy(): void {
    this.#driver.destroy();
  }
}
