import type { ConnectionOptions } from "node:tls";

import type * as NodeRedis from "@redis/client";

import { ImproperlyConfigured } from "../../core/errors.ts";
import { isMissingPackage, leaveToCaller } from "../../core/optional-packages.ts";
import { MAX_TIMER } from "../../core/timers.ts";
import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "../commands.ts";
import { type RedisDriver, type RedisDriverFactory, SOLE_NODE, type TrackingListener } from "../driver.ts";
import type { RedisEndpoint } from "../endpoint.ts";
import { type RedisDriverNode, RedisNode } from "../node.ts";

export type Library = typeof NodeRedis;
type Client = ReturnType<Library["createClient"]>;

/** Maximum number of outstanding commands on one link. A server with more is far behind already. */
const MAX_QUEUE = 5000;

/**
 * Drivers over node-redis 6 (`@redis/client`).
 *
 * @param setting Path of the connection's settings, for messages.
 * @param load Loads the library.
 * @param listener Has the links track the keys which are read on them.
 */
export function nodeRedisDriver(
  endpoint: RedisEndpoint,
  setting: string,
  load: () => Promise<Library> = importLibrary,
  listener?: TrackingListener,
): RedisDriverFactory {
  const loadNamed = (): Promise<Library> => loadLibrary(load, setting);
  return Object.assign(async () => new NodeRedisDriver(await loadNamed(), endpoint, listener), {
    load: async () => makeClientClass(await loadNamed()),
    tracking: (each: TrackingListener) => nodeRedisDriver(endpoint, setting, load, each),
  });
}

export function importLibrary(): Promise<Library> {
  return import("@redis/client").catch(leaveToCaller);
}

/** @throws {ImproperlyConfigured} If it is not installed. */
export async function loadLibrary(load: () => Promise<Library>, setting: string): Promise<Library> {
  try {
    return await load();
  } catch (cause) {
    if (!isMissingPackage(cause)) throw cause;
    const message = "the Redis client is not installed. Install it with: npm install @redis/client";
    throw new ImproperlyConfigured(setting, message, { cause });
  }
}

/** A driver over a client of one server, which is its only node. */
export class NodeRedisDriver implements RedisDriver, RedisDriverNode {
  readonly name: string = SOLE_NODE;
  readonly masters: readonly string[] = [SOLE_NODE];
  readonly #node = new RedisNode(this);
  readonly ownedNodes: readonly RedisNode[] = [this.#node];
  readonly #library: Library;
  readonly #client: Client;
  readonly #endTracking: (() => void) | undefined;
  #isDestroyed = false;

  constructor(library: Library, endpoint: RedisEndpoint, listener?: TrackingListener) {
    this.#library = library;
    // The option has the client turn tracking on when it connects.
    const tracking = listener === undefined ? {} : { emitInvalidate: true };
    this.#client = library.createClient({ ...clientOptions(endpoint), ...tracking });
    this.#endTracking = listener && reportChanges(this.#client, listener);
    // Affected commands are rejected as well, and an "error" without a listener ends the process.
    this.#client.on("error", () => {});
    // destroy() cannot reach a socket that is still connecting: its handshake would serve nothing.
    this.#client.on("connect", () => {
      if (this.#isDestroyed) this.#client.destroy();
    });
  }

  get isReady(): boolean {
    return this.#client.isReady && this.#client.isOpen;
  }

  async connect(): Promise<void> {
    await this.#client.connect();
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
    return this.#client.sendCommand(args, form === "bytes" ? BYTES : undefined);
  }

  explain(error: unknown): DriverFailure {
    return explainByClass(error, this.#library);
  }

  /** Another connection may lead to another server. */
  distrust(): boolean {
    return false;
  }

  sever(): void {
    this.destroy();
  }

  /** Sends nothing more, and ends the connection once outstanding commands have been answered. */
  async drain(): Promise<void> {
    this.#endTracking?.();
    if (this.isReady) await this.#client.close();
    else this.destroy();
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#client.destroy();
    this.#endTracking?.();
  }
}

/** The used part of a client that emits the changes of what it has read. */
interface ReportingClient {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

/**
 * The client goes on after some errors, such as a reply that it could not parse: each may have lost
 * reports, and later ones still come.
 *
 * @returns A function to be called when the client is destroyed, which is no event of its own.
 */
export function reportChanges(client: ReportingClient, listener: TrackingListener): () => void {
  const end = (): void => listener.onLinkEnd();
  client.on("invalidate", (key) => {
    // `null` is a change of all.
    listener.onChange(typeof key === "string" || Buffer.isBuffer(key) ? key.toString() : undefined);
  });
  for (const event of ["error", "end", "terminated"]) client.on(event, end);
  return end;
}

/** Every error of node-redis has the name "Error": only the classes distinguish them. */
export function explainByClass(error: unknown, library: Library): DriverFailure {
  const { ErrorReply, ClientOfflineError, ClientClosedError } = library;
  if (error instanceof ErrorReply) return { kind: "reply", cause: error };
  if (isFullQueue(error)) return { kind: "full", cause: error };
  const isRefusal = error instanceof ClientOfflineError || error instanceof ClientClosedError;
  return { kind: isRefusal ? "refused" : "lost", cause: error };
}

/** A plain `Error` in node-redis (`commands-queue.js`), so only its message identifies it. */
export function isFullQueue(error: unknown): boolean {
  return error instanceof Error && error.message === "The queue is full";
}

/**
 * The default of 5 s costs one AbortSignal a command (measured: 3.5 times less throughput) and ends
 * when the command is written. RedisConnection keeps the deadlines.
 */
export const NO_TIMEOUT = { timeout: 0 };

/** Options of a command whose reply is read as bytes, in addition to the client's. */
export const BYTES: { readonly typeMapping: { readonly 36: typeof Buffer } } = {
  // RESP_TYPES.BLOB_STRING of the library, which is loaded later: the code of `$`, with which the
  // protocol marks it.
  typeMapping: { 36: Buffer },
};

/**
 * The library makes its classes again when the JSON of the options differs from that of the last
 * client (measured: 50 to 250 ms, which block the process), though only their RESP, modules and
 * scripts matter. So the options of all clients made here have the same JSON.
 */
export const SHARED_CLASSES: { readonly toJSON: () => string } = { toJSON: () => "sojourn" };

/**
 * Has the library make its class beforehand; otherwise the first client makes it within the
 * deadline of a command.
 */
export function makeClientClass(library: Library): void {
  library.createClient({ ...SHARED_CLASSES, RESP: 3 });
}

interface ConnectionOptionsOfClient {
  readonly username?: string;
  readonly password?: string;
  readonly disableOfflineQueue: true;
  readonly commandsQueueMaxLength: number;
  readonly maintNotifications: "disabled";
}

/** Options of a client of one server, which may be a node of a cluster. */
export function connectionOptions({
  username,
  password,
}: Pick<RedisEndpoint, "username" | "password">): ConnectionOptionsOfClient {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_QUEUE,
    maintNotifications: "disabled",
  };
}

function clientOptions(endpoint: RedisEndpoint): NonNullable<Parameters<Library["createClient"]>[0]> {
  const { database, connectTimeout } = endpoint;
  return {
    ...SHARED_CLASSES,
    RESP: 3,
    database,
    ...connectionOptions(endpoint),
    commandOptions: NO_TIMEOUT,
    socket: {
      ...socketAddress(endpoint),
      connectTimeout: Math.min(connectTimeout, MAX_TIMER),
      reconnectStrategy: false,
    },
  };
}

type SocketAddress =
  | { path: string; tls: false }
  | { host: string; port: number; tls: false }
  | ({ host: string; port: number; tls: true } & ConnectionOptions);

function socketAddress({ address }: RedisEndpoint): SocketAddress {
  if ("path" in address) return { path: address.path, tls: false };
  const { host, port, tls } = address;
  return tls === undefined ? { host, port, tls: false } : { ...tls, host, port, tls: true };
}
