import type { DriverFailure, RedisArgument } from "./commands.ts";
import type { RedisNode } from "./node.ts";

/** Node to which a reply of a cluster redirects a command. */
export interface Redirection {
  readonly node: RedisNode;
  /** Whether it holds for this command only (ASK), while the slot is being migrated. */
  readonly isAsking: boolean;
}

/** Name of the node of a driver that leads to one server. */
export const SOLE_NODE = "server";

/**
 * One link to Redis through a client library: the small part of it that Sojourn needs. It leads to
 * one server, or to the masters of a cluster; each is a node.
 *
 * A driver does not send a command twice, limit its time or reopen a lost link:
 * {@link RedisConnection} does. The connections to single nodes of a cluster are the driver's.
 * Another library is another file in `clients/`.
 */
export interface RedisDriver {
  /** Whether commands can be sent now. On a cluster, to at least one node. */
  readonly isReady: boolean;
  /** Names of the nodes that hold the keys: `[SOLE_NODE]`, or the known masters of a cluster. */
  readonly masters: readonly string[];
  /**
   * Nodes whose connections Sojourn ends when they stall. None, if the application handed in its
   * own client.
   */
  readonly ownedNodes: readonly RedisNode[];
  /**
   * Returns the node on whose connection changes of a master's keys are reported, if it is not the
   * one that they are read on. Its answers come after the reports of earlier changes; those of the
   * master may come before.
   *
   * @param name One of {@link masters}, to which a command was sent before.
   */
  reporterOf?(name: string): RedisNode;
  /** Opens the link and shakes hands. Called once, before all else. */
  connect(): Promise<void>;
  /**
   * Returns the node that holds a key; for `undefined`, any. If no node holds the key, it is one
   * that refuses commands.
   */
  nodeFor(key: RedisArgument | undefined): RedisNode;
  /** Returns one of {@link masters}. If it has left the cluster, a node that refuses commands. */
  masterNamed(name: string): RedisNode;
  /** Called now and then while commands are outstanding, for drivers that need regular checks. */
  watch?(): void;
  /** Classifies an error with which {@link connect} was rejected. */
  explain(error: unknown): DriverFailure;
  /**
   * Reads the redirection from an error reply of a node (MOVED, ASK). Left out if there is one
   * server, or if the client library follows redirections itself.
   *
   * @returns `undefined` for other replies.
   */
  redirect?(reply: string, from: RedisNode): Redirection | undefined;
  /** Ends the link, or an attempt to open one, and rejects outstanding commands. Repeatable. */
  destroy(): void;
}

/** Listener of links that track the keys which are read on them (Redis's `CLIENT TRACKING`). */
export interface TrackingListener {
  /**
   * Called once after a key was read, when it has changed, was deleted or has expired.
   *
   * @param key `undefined`: all keys may have changed.
   */
  onChange(key: string | undefined): void;
  /**
   * Called when a link, or that to a node of a cluster, has ended or is being replaced, and when
   * slots have moved: changes of keys that were read before are not reported any more.
   */
  onLinkEnd(): void;
}

/** Makes a driver that is not connected yet. It may load the client library, hence the promise. */
export interface RedisDriverFactory {
  (): Promise<RedisDriver>;
  /**
   * Loads the client library beforehand: on a busy machine it can take a command's whole deadline.
   */
  readonly load?: () => Promise<void>;
  /**
   * Whether the answer to a read comes after the reports of earlier changes. With `false` they
   * arrive on a connection of their own, that of the driver's `reporterOf`. @defaultValue `true`
   */
  readonly hasOneOrder?: boolean;
  /** Returns a factory for links that track keys. Left out if they cannot. */
  readonly tracking?: (listener: TrackingListener) => RedisDriverFactory;
}
