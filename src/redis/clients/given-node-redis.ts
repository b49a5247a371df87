import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "../commands.ts";
import { type RedisDriver, SOLE_NODE } from "../driver.ts";
import { type RedisDriverNode, RedisNode } from "../node.ts";
import {
  BYTES_OPTIONS,
  COMMAND_OPTIONS,
  explainByForm,
  type GivenClient,
  GivenConnection,
  warnOfOfflineQueue,
} from "./given-client.ts";

/** An application's client of one server. */
export interface GivenServerClient extends GivenClient {
  readonly isReady: boolean;
}

/** Sends a command. `recipient` knows whether its caller still waits. */
export type GivenSend = (
  args: readonly RedisArgument[],
  options: object,
  recipient: { readonly isSettled: boolean } | undefined,
) => Promise<unknown>;

/**
 * The used part of a node-redis client (`createClient()` of `redis` or `@redis/client`, 5 or 6).
 */
export interface NodeRedisClient extends GivenServerClient {
  readonly options?: { readonly disableOfflineQueue?: boolean | undefined } | undefined;
  sendCommand(args: readonly RedisArgument[], options?: object): Promise<unknown>;
  ref(): void;
}

/** Returns whether a value looks like a node-redis client of one server (no cluster or pool). */
export function isNodeRedisClient(value: unknown): value is NodeRedisClient {
  const client = value as Partial<NodeRedisClient> | null | undefined;
  return (
    typeof client?.isReady === "boolean" &&
    typeof client.sendCommand === "function" &&
    typeof client.ref === "function"
  );
}

/**
 * A driver over a client that the application makes, connects and closes. It is never closed from
 * here, not even when it stalls: its commands then end by their deadlines alone.
 */
export class GivenNodeRedisDriver implements RedisDriver, RedisDriverNode {
  readonly name: string = SOLE_NODE;
  readonly masters: readonly string[] = [SOLE_NODE];
  readonly ownedNodes: readonly RedisNode[] = [];
  readonly #node = new RedisNode(this);
  readonly #client: GivenServerClient;
  readonly #connection: GivenConnection;
  readonly #send: GivenSend;

  /**
   * @param send Sends a command with the client.
   * @param name Kind of client, for messages.
   * @param connectEvents Events that end the wait for a client that is connecting.
   */
  constructor(client: GivenServerClient, send: GivenSend, name: string, connectEvents: readonly string[]) {
    this.#client = client;
    this.#send = send;
    this.#connection = new GivenConnection(client, name, connectEvents);
  }

  get isReady(): boolean {
    return this.#client.isReady && this.#client.isOpen;
  }

  connect(): Promise<void> {
    return this.#connection.open(() => this.isReady);
  }

  nodeFor(): RedisNode {
    return this.#node;
  }

  masterNamed(): RedisNode {
    return this.#node;
  }

  async send(
    args: readonly RedisArgument[],
    _key: RedisArgument | undefined,
    form: ReplyForm,
    recipient?: { readonly isSettled: boolean },
  ): Promise<RedisReply<string | Buffer>> {
    const options = form === "bytes" ? BYTES_OPTIONS : COMMAND_OPTIONS;
    return (await this.#send(args, options, recipient)) as RedisReply<string | Buffer>;
  }

  explain(error: unknown): DriverFailure {
    return explainByForm(error);
  }

  /**
   * The application's client is not closed from here. Sentinel clients find the master themselves.
   */
  distrust(): boolean {
    return true;
  }

  sever(): void {}

  destroy(): void {
    this.#connection.giveUp();
  }
}

/** A driver over a client of one server. */
export function givenNodeRedisDriver(client: NodeRedisClient): RedisDriver {
  const send: GivenSend = (args, options) => client.sendCommand(args, options);
  return new GivenNodeRedisDriver(client, send, "client", ["ready", "error", "end", "terminated"]);
}

/** Warns about settings of a given client that weaken Sojourn's guarantees. */
export function checkGivenClient(client: NodeRedisClient, setting: string): void {
  if (client.options?.disableOfflineQueue !== true)
    warnOfOfflineQueue(setting, "`disableOfflineQueue: true`");
}
