import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "../commands.ts";
import { type RedisDriver, SOLE_NODE } from "../driver.ts";
import { type RedisDriverNode, RedisNode } from "../node.ts";
import type { IoredisClient } from "./ioredis.ts";
import { explainIoredis, IoredisServer } from "./ioredis-server.ts";

/**
 * A driver over a client of ioredis that the application makes and closes, for one server or behind
 * sentinels. It is never closed from here, not even when it stalls: its commands then end by their
 * deadlines alone.
 */
export class GivenIoredisDriver implements RedisDriver, RedisDriverNode {
  readonly name: string = SOLE_NODE;
  readonly masters: readonly string[] = [SOLE_NODE];
  readonly ownedNodes: readonly RedisNode[] = [];
  readonly #node = new RedisNode(this);
  readonly #server: IoredisServer;

  constructor(client: IoredisClient) {
    this.#server = new IoredisServer(client);
  }

  get isReady(): boolean {
    return this.#server.isReady;
  }

  connect(): Promise<void> {
    return this.#server.open();
  }

  nodeFor(): RedisNode {
    return this.#node;
  }

  masterNamed(): RedisNode {
    return this.#node;
  }

  send(
    args: readonly RedisArgument[],
    _key: RedisArgument | undefined,
    form: ReplyForm,
  ): Promise<RedisReply<string | Buffer>> {
    return this.#server.send(args, form);
  }

  explain(error: unknown): DriverFailure {
    return explainIoredis(error);
  }

  /** The application's client is not closed from here. */
  distrust(): boolean {
    return true;
  }

  sever(): void {}

  destroy(): void {
    this.#server.giveUp();
  }
}
