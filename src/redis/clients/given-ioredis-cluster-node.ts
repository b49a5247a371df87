import { setImmediate } from "node:timers/promises";

import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "../commands.ts";
import { type RedisDriverNode, RedisNode } from "../node.ts";
import type { IoredisClient } from "./ioredis.ts";
import { explainIoredis, IoredisServer } from "./ioredis-server.ts";

/** Address of no node, for a key that no node holds. */
export const NOWHERE = "";

/** The cluster client as one of its nodes needs it. */
export interface NodePool {
  /** Returns the client of a node, which may not be connected; `undefined` if there is none. */
  clientOf(name: string): IoredisClient | undefined;
  /** Called when another node may have replaced one. */
  doubt(name: string): void;
}

/** A master as its cluster's driver sees it. */
export interface ClusterMember {
  /** The node as commands see it. */
  readonly node: RedisNode;
  readonly isReady: boolean;
  /** Nodes whose connections Sojourn ends when they stall. */
  readonly ownedNodes: readonly RedisNode[];
  /** Node on whose connection changes are reported. */
  readonly reporter?: RedisNode | undefined;
  open(): Promise<void> | undefined;
  send(
    args: readonly RedisArgument[],
    key: RedisArgument | undefined,
    form: ReplyForm,
  ): Promise<RedisReply<string | Buffer>>;
  /** Ends the wait for a connection, and connections of Sojourn's own. */
  giveUp(): void;
}

/**
 * A master of a given cluster client. Commands are sent on its own connection: the cluster client
 * would send them again after a lost connection.
 */
export class GivenIoredisClusterNode implements RedisDriverNode, ClusterMember {
  /** Its address, or {@link NOWHERE}. */
  readonly name: string;
  /** The node as commands see it. */
  readonly node: RedisNode = new RedisNode(this);
  readonly ownedNodes: readonly RedisNode[] = [];
  readonly #pool: NodePool;
  #client: IoredisClient | undefined;
  #server: IoredisServer | undefined;
  #opening: Promise<void> | undefined;

  constructor(name: string, pool: NodePool) {
    this.name = name;
    this.#pool = pool;
  }

  get isReady(): boolean {
    return this.#server?.isReady === true;
  }

  /** Opens the connection, if it was not needed yet or was lost. Commands share an attempt. */
  open(): Promise<void> | undefined {
    if (this.#current()?.isReady === true) return undefined;
    this.#opening ??= this.#connect().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  send(
    args: readonly RedisArgument[],
    _key: RedisArgument | undefined,
    form: ReplyForm,
  ): Promise<RedisReply<string | Buffer>> {
    return this.#current()?.send(args, form) ?? Promise.reject(new NoNodeError(this.name));
  }

  explain(error: unknown): DriverFailure {
    return error instanceof NoNodeError ? { kind: "refused", cause: error } : explainIoredis(error);
  }

  distrust(): boolean {
    this.#pool.doubt(this.name);
    return true;
  }

  /** The application's client is not closed from here. */
  sever(): void {}

  /** Ends the wait for a connection. */
  giveUp(): void {
    this.#server?.giveUp();
  }

  async #connect(): Promise<void> {
    const server = this.#current();
    try {
      await this.#open(server);
    } catch (error) {
      if (server?.wasUsed !== true) throw error;
      // A connection was lost: the pool is about to replace it.
      await setImmediate();
      await this.#open(this.#current());
    }
  }

  async #open(server: IoredisServer | undefined): Promise<void> {
    try {
      if (server === undefined) throw new NoNodeError(this.name);
      await server.open();
    } catch (error) {
      this.#pool.doubt(this.name);
      throw error;
    }
  }

  /** The client replaces the connection of a node that it has lost. */
  #current(): IoredisServer | undefined {
    const known = this.#client;
    if (this.#server?.isReady === true) return this.#server;
    const client = this.name === NOWHERE ? undefined : this.#pool.clientOf(this.name);
    if (client !== known) {
      this.#client = client;
      this.#server = client && new IoredisServer(client);
    }
    return this.#server;
  }
}

/** A command was not sent, since there is no node for it. */
export class NoNodeError extends Error {
  constructor(name: string) {
    super(name === NOWHERE ? "no node of the cluster has the key" : "the node left the cluster");
  }
}
