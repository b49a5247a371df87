import {
  type DriverFailure,
  type Redirection,
  type RedisArgument,
  type RedisDriver,
  type RedisReply,
  type ReplyForm,
  SOLE_NODE,
} from "../commands.ts";
import { BYTES, isFullQueue } from "./node-redis.ts";

/** The part of a node-redis client (`createClient()` of `redis` or `@redis/client`, 5 or 6) that is used. */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  readonly options?: { readonly disableOfflineQueue?: boolean | undefined } | undefined;
  sendCommand(args: readonly RedisArgument[], options?: object): Promise<unknown>;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  ref(): void;
}

/** Whether something looks like a node-redis client of one server; a cluster, a pool or a sentinel does not. */
export function isNodeRedisClient(value: unknown): value is NodeRedisClient {
  const client = value as Partial<NodeRedisClient> | null | undefined;
  return (
    typeof client?.isReady === "boolean" && typeof client.sendCommand === "function" && typeof client.ref === "function"
  );
}

// The client's own settings may say otherwise: its time-out would cost an AbortSignal a command, and its mapping of
// types could turn texts into Buffers.
export const COMMAND_OPTIONS = { timeout: 0, typeMapping: {} };
export const BYTES_OPTIONS: object = { ...COMMAND_OPTIONS, ...BYTES };

/** What ends the wait for a client that is connecting. */
const CONNECT_EVENTS = ["ready", "error", "end", "terminated"];

/**
 * A driver over a client that the application made, connects and closes. It is never closed from here, also not when
 * it stalls: its commands then end by their deadlines alone.
 */
export class GivenNodeRedisDriver implements RedisDriver {
  readonly isOwned = false;
  readonly nodes: readonly string[] = [SOLE_NODE];
  readonly #client: NodeRedisClient;
  #giveUp: (() => void) | undefined;

  constructor(client: NodeRedisClient) {
    this.#client = client;
  }

  get isReady(): boolean {
    return this.#client.isReady && this.#client.isOpen;
  }

  async connect(): Promise<void> {
    if (this.isReady) return;
    if (!this.#client.isOpen) throw new Error("the given client is not connected: call its connect() first");
    await this.#nextConnectEvent();
    if (!this.isReady) throw new Error("the given client could not connect");
  }

  nodeOf(): string {
    return SOLE_NODE;
  }

  open(): undefined {
    return undefined;
  }

  async send(
    args: readonly RedisArgument[],
    _node: string,
    _key: string | undefined,
    form: ReplyForm,
  ): Promise<RedisReply<string | Buffer>> {
    const options = form === "bytes" ? BYTES_OPTIONS : COMMAND_OPTIONS;
    return (await this.#client.sendCommand(args, options)) as RedisReply<string | Buffer>;
  }

  explain(error: unknown): DriverFailure {
    return explainByForm(error);
  }

  redirect(): Redirection | undefined {
    return undefined;
  }

  /** The application's client is not closed from here. */
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

/**
 * Classifies an error of a given client. It may come from another copy of the library than ours, so its classes are
 * not known here: error replies are told by their form, a code in capitals.
 */
export function explainByForm(error: unknown): DriverFailure {
  if (!(error instanceof Error)) return { kind: "lost", cause: error };
  if (/^[A-Z][A-Z0-9_]+( |$)/.test(error.message)) return { kind: "reply", cause: error };
  if (isFullQueue(error)) return { kind: "full", cause: error };
  const isRefusal = /^The client is (offline|closed)$/.test(error.message);
  return { kind: isRefusal ? "refused" : "lost", cause: error };
}

/** Warns of settings of a given client that weaken what Sojourn promises. */
export function checkGivenClient(client: NodeRedisClient, setting: string): void {
  if (client.options?.disableOfflineQueue !== true) warnOfOfflineQueue(setting, "`disableOfflineQueue: true`");
}

/** @param remedy The option that ends it. */
export function warnOfOfflineQueue(setting: string, remedy: string): void {
  process.emitWarning(
    `${setting}: the given client keeps commands while it is offline and sends them when it is back, maybe long after ` +
      `their deadline. Create it with ${remedy}.`,
    { type: "SojournWarning", code: "SOJOURN_REDIS_OFFLINE_QUEUE" },
  );
}
