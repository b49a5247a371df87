import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "../commands.ts";
import { type RedisDriver, type RedisDriverFactory, SOLE_NODE, type TrackingListener } from "../driver.ts";
import { type RedisDriverNode, RedisNode } from "../node.ts";
import { onEndOf } from "./ends-of-clients.ts";
import { BYTES_OPTIONS, COMMAND_OPTIONS, explainByForm } from "./given-client.ts";
import { givenNodeRedisDriver, type NodeRedisClient } from "./given-node-redis.ts";
import { reportChanges } from "./node-redis.ts";

/** The used part of a duplicate, beside that of each client. */
interface Duplicate extends NodeRedisClient {
  connect(): Promise<unknown>;
  destroy(): void;
}

interface Internals {
  readonly options?: { readonly socket?: object; readonly database?: number } | undefined;
  duplicate?(overrides: object): Duplicate;
}

/** Drivers over a client of one server that the application makes, connects and closes. */
export function givenNodeRedisFactory(client: NodeRedisClient): RedisDriverFactory {
  const driver = (): Promise<RedisDriver> => Promise.resolve(givenNodeRedisDriver(client));
  if (typeof (client as Internals).duplicate !== "function") return driver;
  const tracking = (listener: TrackingListener): RedisDriverFactory => {
    return () => Promise.resolve(new GivenNodeRedisTrackingDriver(client, listener));
  };
  return Object.assign(driver, { tracking });
}

/**
 * A link that tracks the keys which are read on it, over a connection of Sojourn's own with the
 * options of an application's client, in RESP 3: answers and reports arrive in one order.
 */
class GivenNodeRedisTrackingDriver implements RedisDriver, RedisDriverNode {
  readonly name: string = SOLE_NODE;
  readonly masters: readonly string[] = [SOLE_NODE];
  readonly #node = new RedisNode(this);
  readonly ownedNodes: readonly RedisNode[] = [this.#node];
  readonly #given: NodeRedisClient;
  readonly #listener: TrackingListener;
  #client: Duplicate | undefined;
  #endTracking: (() => void) | undefined;
  readonly #leave: () => void;
  #isConnecting = false;
  #isOpen = false;
  #isDestroyed = false;

  constructor(given: NodeRedisClient, listener: TrackingListener) {
    this.#given = given;
    this.#listener = listener;
    // A client that the application closes needs no links any more.
    this.#leave = onEndOf(given, this.#end);
  }

  get isReady(): boolean {
    return this.#isOpen && this.#given.isOpen && this.#client?.isReady === true;
  }

  async connect(): Promise<void> {
    if (!this.#given.isOpen) throw new Error("the given client is not connected: call its connect() first");
    const client = (this.#given as Internals).duplicate?.(await overridesFor(this.#given));
    if (client === undefined || this.#isDestroyed) throw new Error("the link was closed");
    this.#client = client;
    // An "error" without a listener ends the process.
    client.on("error", () => {});
    this.#endTracking = reportChanges(client, this.#listener);
    client.on("connect", () => {
      this.#isConnecting = false;
      if (this.#isDestroyed) destroy(client);
    });
    this.#isConnecting = true;
    try {
      await client.connect();
    } finally {
      this.#isConnecting = false;
      if (this.#isDestroyed) destroy(client);
    }
    await this.#checkTracking();
    this.#isOpen = !this.#isDestroyed;
  }

  nodeFor(): RedisNode {
    return this.#node;
  }

  masterNamed(): RedisNode {
    return this.#node;
  }

  async send(
    args: readonly RedisArgument[],
    _key?: RedisArgument,
    form: ReplyForm = "text",
  ): Promise<RedisReply<string | Buffer>> {
    if (this.#client === undefined) throw new Error("The client is closed");
    const options = form === "bytes" ? BYTES_OPTIONS : COMMAND_OPTIONS;
    return (await this.#client.sendCommand(args, options)) as RedisReply<string | Buffer>;
  }

  explain(error: unknown): DriverFailure {
    return explainByForm(error);
  }

  /** Another connection may lead to another server. */
  distrust(): boolean {
    return false;
  }

  sever(): void {
    this.#end();
  }

  destroy(): void {
    this.#end();
  }

  /** Versions of the library before 5.9 do not know the option, and would never report. */
  async #checkTracking(): Promise<void> {
    const info = JSON.stringify(await this.send(["CLIENT", "TRACKINGINFO"]));
    if (!info.includes('"on"')) throw new Error("NOTRACKING the client does not know emitInvalidate");
  }

  readonly #end = (): void => {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#isOpen = false;
    this.#leave();
    // It cannot reach a socket that is still connecting.
    if (this.#client !== undefined && !this.#isConnecting) destroy(this.#client);
    (this.#endTracking ?? ((): void => this.#listener.onLinkEnd()))();
  };
}

function destroy(client: Duplicate): void {
  try {
    client.destroy();
  } catch (error) {
    // Version 5 refuses if it is closed.
    if (client.isOpen) throw error;
  }
}

async function overridesFor(given: NodeRedisClient): Promise<object> {
  const { options = {} } = given as Internals;
  return {
    RESP: 3,
    emitInvalidate: true,
    clientSideCache: undefined,
    // The database that the application has selected since it made the client.
    database: await databaseOf(given, options.database),
    disableOfflineQueue: true,
    maintNotifications: "disabled",
    socket: { ...options.socket, reconnectStrategy: false },
  };
}

async function databaseOf(given: NodeRedisClient, fallback = 0): Promise<number> {
  try {
    const info = String(await given.sendCommand(["CLIENT", "INFO"], COMMAND_OPTIONS));
    return Number(/ db=(\d+) /.exec(info)?.[1] ?? fallback);
  } catch {
    // An ACL may deny it; without a SELECT of the application's own it is that of its options.
    return fallback;
  }
}
