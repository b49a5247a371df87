import {
  type DriverFailure,
  type Redirection,
  type RedisArgument,
  type RedisDriver,
  type RedisReply,
  type ReplyForm,
  SOLE_NODE,
} from "../commands.ts";
import { BYTES_OPTIONS, COMMAND_OPTIONS, explainByForm } from "./given-node-redis.ts";

/** The part of a client of one server, which a sentinel client has within it, that is used. */
interface ServerClient {
  sendCommand(args: readonly RedisArgument[], options?: object): Promise<unknown>;
}

/** The part of a node-redis sentinel client (`createSentinel()` of `redis` or `@redis/client`, 5 or 6) that is used. */
export interface NodeRedisSentinel {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  sendCommand(isReadonly: boolean | undefined, args: RedisArgument[], options?: object): Promise<unknown>;
  acquire(): Promise<unknown>;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** A method that is not public: it runs a function with the master's client, also a second time. */
const EXECUTE = "_execute";

interface Executor {
  [EXECUTE](isReadonly: boolean, run: (client: ServerClient) => Promise<unknown>): Promise<unknown>;
}

/** Whether something looks like a sentinel client of node-redis. */
export function isNodeRedisSentinel(value: unknown): value is NodeRedisSentinel {
  const client = value as Partial<NodeRedisSentinel> | null | undefined;
  return (
    typeof client?.isReady === "boolean" &&
    typeof client.sendCommand === "function" &&
    typeof client.acquire === "function" &&
    typeof (client as Partial<Executor>)[EXECUTE] === "function"
  );
}

/** What ends the wait for a client that is connecting. */
const CONNECT_EVENTS = ["ready", "end"];

/**
 * A driver over a sentinel client that the application made, connects and closes. It finds the master itself; commands that
 * come while it does so wait, up to their deadlines.
 */
export class GivenNodeRedisSentinelDriver implements RedisDriver {
  readonly isOwned = false;
  readonly nodes: readonly string[] = [SOLE_NODE];
  readonly #client: NodeRedisSentinel;
  #giveUp: (() => void) | undefined;

  constructor(client: NodeRedisSentinel) {
    this.#client = client;
  }

  get isReady(): boolean {
    return this.#client.isReady && this.#client.isOpen;
  }

  async connect(): Promise<void> {
    if (this.isReady) return;
    if (!this.#client.isOpen) throw new Error("the given sentinel client is not connected: call its connect() first");
    await this.#nextConnectEvent();
    if (!this.isReady) throw new Error("the given sentinel client could not connect");
  }

  nodeOf(): string {
    return SOLE_NODE;
  }

  open(): undefined {
    return undefined;
  }

  // The client waits for the next master, and runs a function again when the connection was lost meanwhile. What was sent is
  // not sent again, and what nobody waits for is not sent any more.
  async send(
    args: readonly RedisArgument[],
    _node: string,
    _key: string | undefined,
    form: ReplyForm,
    recipient?: { readonly isSettled: boolean },
  ): Promise<RedisReply<string | Buffer>> {
    const options = form === "bytes" ? BYTES_OPTIONS : COMMAND_OPTIONS;
    let lost: Error | undefined;
    const reply = await (this.#client as unknown as Executor)[EXECUTE](false, async (client) => {
      if (lost !== undefined) throw lost;
      if (recipient?.isSettled === true) throw new Error("The client is offline");
      try {
        return await client.sendCommand(args, options);
      } catch (error) {
        if (error instanceof Error && explainByForm(error).kind === "lost") lost = error;
        throw error;
      }
    });
    return reply as RedisReply<string | Buffer>;
  }

  explain(error: unknown): DriverFailure {
    return explainByForm(error);
  }

  redirect(): Redirection | undefined {
    return undefined;
  }

  /** The application's client is not closed from here, and looks for the master itself. */
  distrust(): boolean {
    return true;
  }

  sever(): void {}

  destroy(): void {
    this.#giveUp?.();
  }

  #nextConnectEvent(): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        for (const event of CONNECT_EVENTS) this.#client.off(event, finish);
        resolve();
      };
      for (const event of CONNECT_EVENTS) this.#client.on(event, finish);
      this.#giveUp = finish;
    });
  }
}
