import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "../commands.ts";
import { type RedisDriverNode, RedisNode } from "../node.ts";
import { type IoredisClient, optionsOf } from "./ioredis.ts";
import { explainIoredis, IoredisServer, type Mode } from "./ioredis-server.ts";

/** The used part of a duplicate, beside that of each client. */
export interface Duplicate extends IoredisClient {
  disconnect(): void;
  subscribe(channel: string): Promise<unknown>;
}

interface Internals {
  duplicate?(overrides: object): Duplicate;
  readonly condition?: { readonly select?: unknown } | undefined;
  readonly stream?: { destroy(): unknown } | undefined;
}

/** Returns whether a client can be duplicated. */
export function hasDuplicates(client: IoredisClient): boolean {
  return typeof (client as Internals).duplicate === "function";
}

/** Fields of a section of INFO. */
export type ServerInfo = Readonly<Record<string, string>>;

/**
 * A connection of Sojourn's own with the options of an application's client: address, TLS,
 * credentials and sentinels. It connects once: whatever is lost with it is not silently replaced.
 */
export class IoredisDuplicate implements RedisDriverNode {
  readonly name: string;
  /** The server as commands see it. */
  readonly node: RedisNode = new RedisNode(this);
  readonly client: Duplicate;
  readonly #server: IoredisServer;
  readonly #onEnd: () => void;

  /**
   * @param name Name of the node.
   * @param mode Mode in which commands are taken.
   * @param onEnd Called when the connection has ended, or has to.
   */
  constructor(given: IoredisClient, name: string, mode: Mode, onEnd: () => void) {
    const client = (given as Internals).duplicate?.(overridesFor(given, mode));
    if (client === undefined) throw new Error("the given client cannot be duplicated");
    this.name = name;
    this.client = client;
    this.#server = new IoredisServer(client, mode);
    this.#onEnd = onEnd;
    // Commands tell of errors; without a listener, the client writes them to the console.
    client.on("error", () => {});
    for (const event of ["close", "end"]) client.on(event, onEnd);
  }

  get isReady(): boolean {
    return this.#server.isReady;
  }

  connect(): Promise<void> {
    return this.#server.open();
  }

  send(args: readonly RedisArgument[], _key?: RedisArgument, form: ReplyForm = "text"): Promise<RedisReply> {
    // iovalkey knows the commands of a subscriber in lower case alone.
    const [name, ...rest] = args;
    return this.#server.send([String(name).toLowerCase(), ...rest], form) as Promise<RedisReply>;
  }

  /** Reads a section of INFO. */
  async info(section: string): Promise<ServerInfo> {
    const text = String(await this.send(["INFO", section]));
    const fields = [...text.matchAll(/^(\w+):(.*?)\r?$/gm)];
    return Object.fromEntries(fields.map(([, name = "", value = ""]) => [name, value] as const));
  }

  explain(error: unknown): DriverFailure {
    return explainIoredis(error);
  }

  /** Another connection may lead to another server. */
  distrust(): boolean {
    return false;
  }

  sever(): void {
    this.#onEnd();
  }

  destroy(): void {
    this.#server.giveUp();
    this.client.disconnect();
    // A client that disconnects waits for the server to close, up to `disconnectTimeout`.
    (this.client as Internals).stream?.destroy();
  }
}

function overridesFor(given: IoredisClient, mode: Mode): object {
  const { select } = (given as Internals).condition ?? {};
  const isBehindSentinels = Array.isArray(optionsOf(given).sentinels);
  return {
    // The database that the application has selected since it made the client.
    ...(typeof select === "number" ? { db: select } : {}),
    // A master that was replaced may keep its connections: the sentinels tell. One of two is enough.
    failoverDetector: isBehindSentinels && mode === "subscriber",
    keyPrefix: "",
    readOnly: false,
    lazyConnect: true,
    retryStrategy: null,
    reconnectOnError: null,
    maxRetriesPerRequest: null,
    commandTimeout: undefined,
    // ioredis 6 drops reports in RESP 3.
    protocol: 2,
    replyMapping: undefined,
  };
}
