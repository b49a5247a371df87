import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "../commands.ts";
import { type RedisDriver, type RedisDriverFactory, SOLE_NODE, type TrackingListener } from "../driver.ts";
import { type RedisDriverNode, RedisNode } from "../node.ts";
import { onEndOf } from "./ends-of-clients.ts";
import { BYTES_OPTIONS, COMMAND_OPTIONS, explainByForm } from "./given-client.ts";
import { givenNodeRedisDriver, type NodeRedisClient } from "./given-node-redis.ts";
import { reportChanges } from "./node-redis.ts";

/** The used part of a duplicate, beside that of each client. */
export interface Duplicate extends NodeRedisClient {
  connect(): Promise<unknown>;
  destroy(): void;
  close(): Promise<void>;
}

/** The used part of a client of one server, whose options a duplicate has. */
export interface Template {
  readonly options?: { readonly socket?: object; readonly database?: number } | undefined;
  sendCommand(args: readonly RedisArgument[], options?: object): Promise<unknown>;
  duplicate(overrides: object): Duplicate;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** An application's client, as a link with its options needs it. */
export interface TrackedClient {
  readonly isOpen: boolean;
  /** Whether its server may be a replica, as during a failover, which is refused. */
  readonly mayBeReplica: boolean;
  /**
   * Calls a function when the application has closed it.
   *
   * @returns A function that ends the wait.
   */
  onEnd(listener: () => void): () => void;
  /**
   * Makes a client that is not connected yet.
   *
   * @param onMove Called when the application's client leads to another server, from now on.
   * @returns The client, and a function that ends the wait.
   */
  duplicate(onMove: () => void): Promise<{ readonly client: Duplicate; readonly leave?: () => void }>;
}

/** Drivers over a client of one server that the application makes, connects and closes. */
export function givenNodeRedisFactory(client: NodeRedisClient): RedisDriverFactory {
  const driver = (): Promise<RedisDriver> => Promise.resolve(givenNodeRedisDriver(client));
  if (typeof (client as Partial<Template>).duplicate !== "function") return driver;
  const template = client as NodeRedisClient & Template;
  const given: TrackedClient = {
    get isOpen() {
      return client.isOpen;
    },
    mayBeReplica: false,
    onEnd: (listener) => onEndOf(client, listener),
    duplicate: async () => ({ client: duplicateOf(template, { database: await databaseOf(template) }) }),
  };
  return Object.assign(driver, { tracking: trackingFactory(given) });
}

/** Makes the factories of links that track keys, with the options of an application's client. */
export function trackingFactory(given: TrackedClient): (listener: TrackingListener) => RedisDriverFactory {
  return (listener) => () => Promise.resolve(new GivenNodeRedisTrackingDriver(given, listener));
}

/**
 * A link that tracks the keys which are read on it, over a connection of Sojourn's own with the
 * options of an application's client, in RESP 3: answers and reports arrive in one order.
 */
export class GivenNodeRedisTrackingDriver implements RedisDriver, RedisDriverNode {
  readonly name: string = SOLE_NODE;
  readonly masters: readonly string[] = [SOLE_NODE];
  readonly #node = new RedisNode(this);
  readonly ownedNodes: readonly RedisNode[] = [this.#node];
  readonly #given: TrackedClient;
  readonly #listener: TrackingListener;
  #client: Duplicate | undefined;
  #endTracking: (() => void) | undefined;
  readonly #leave: () => void;
  #leaveMoves: (() => void) | undefined;
  #isConnecting = false;
  #isOpen = false;
  #isDestroyed = false;

  constructor(given: TrackedClient, listener: TrackingListener) {
    this.#given = given;
    this.#listener = listener;
    // A client that the application closes needs no links any more.
    this.#leave = given.onEnd(this.#end);
  }

  get isReady(): boolean {
    return this.#isOpen && this.#given.isOpen && this.#client?.isReady === true;
  }

  async connect(): Promise<void> {
    if (!this.#given.isOpen) throw new Error("the given client is not connected: call its connect() first");
    const { client, leave } = await this.#given.duplicate(this.#end);
    this.#leaveMoves = leave;
    if (this.#isDestroyed) {
      leave?.();
      destroy(client);
      throw new Error("the link was closed");
    }
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
    await Promise.all([this.#checkTracking(), this.#checkRole()]);
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

  /** Sends nothing more, and ends the connection once outstanding commands have been answered. */
  async drain(): Promise<void> {
    this.#endTracking?.();
    if (this.isReady) await this.#client?.close();
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

  /** A server that may not say (ACL) counts as a master: its READONLY would show soon. */
  async #checkRole(): Promise<void> {
    if (!this.#given.mayBeReplica) return;
    const role = await this.send(["ROLE"]).catch((error: unknown) => {
      if (this.explain(error).kind !== "reply") throw error;
    });
    if (Array.isArray(role) && role[0] !== "master")
      throw new Error("the sentinels lead to a replica: a failover is under way");
  }

  readonly #end = (): void => {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#isOpen = false;
    this.#leave();
    this.#leaveMoves?.();
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

/** Differences of a duplicate. */
interface DuplicateOptions {
  readonly database: number;
  /** Address of another server. */
  readonly address?: object;
  readonly readonly?: boolean;
}

/** Duplicates a client of one server. */
export function duplicateOf(template: Template, { address, ...others }: DuplicateOptions): Duplicate {
  return template.duplicate({
    RESP: 3,
    emitInvalidate: true,
    clientSideCache: undefined,
    disableOfflineQueue: true,
    maintNotifications: "disabled",
    socket: { ...template.options?.socket, ...address, reconnectStrategy: false },
    ...others,
  });
}

/** Returns the database that the application has selected since it made a client. */
export async function databaseOf(given: Template): Promise<number> {
  const { database = 0 } = given.options ?? {};
  try {
    const info = String(await given.sendCommand(["CLIENT", "INFO"], COMMAND_OPTIONS));
    return Number(/ db=(\d+) /.exec(info)?.[1] ?? database);
  } catch {
    // An ACL may deny it; without a SELECT of the application's own it is that of its options.
    return database;
  }
}
