import { ImproperlyConfigured } from "../../core/errors.ts";
import type { RedisAddress } from "../endpoint.ts";

/**
 * The used part of a client of ioredis 5 or 6, or of iovalkey, for one server or behind sentinels:
 * `new Redis(…)`.
 */
export interface IoredisClient {
  readonly isCluster: boolean;
  readonly status: string;
  readonly mode: string;
  readonly options: object;
  connect(): Promise<unknown>;
  sendCommand(command: never): unknown;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** The used part of a cluster client of ioredis 5 or 6, or of iovalkey: `new Cluster(…)`. */
export interface IoredisCluster {
  readonly isCluster: boolean;
  readonly status: string;
  readonly options: object;
  connect(): Promise<unknown>;
  nodes(role: "all"): readonly IoredisClient[];
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** Returns whether a value looks like a client of ioredis for one server, or behind sentinels. */
export function isIoredisClient(value: unknown): value is IoredisClient {
  return looksLikeIoredis(value) && value.isCluster === false && typeof value.sendCommand === "function";
}

/** Returns whether a value looks like a cluster client of ioredis. */
export function isIoredisCluster(value: unknown): value is IoredisCluster {
  const cluster = value as Partial<IoredisCluster>;
  return looksLikeIoredis(value) && value.isCluster === true && typeof cluster.nodes === "function";
}

function looksLikeIoredis(value: unknown): value is Partial<IoredisClient> & { readonly status: string } {
  const client = value as Partial<IoredisClient> | null | undefined;
  return (
    typeof client?.status === "string" &&
    typeof client.connect === "function" &&
    typeof client.on === "function" &&
    typeof client.options === "object"
  );
}

/** Real addresses of nodes by their announced ones, `host:port`. */
type NatMap =
  | Readonly<Record<string, RedisAddress | undefined>>
  | ((address: string) => RedisAddress | null | undefined);

/** The options that are looked at. Those of a cluster's nodes are in `redisOptions`. */
interface IoredisOptions {
  readonly keyPrefix?: string | Buffer | null;
  readonly role?: unknown;
  readonly readOnly?: unknown;
  readonly sentinels?: unknown;
  readonly redisOptions?: IoredisOptions;
  readonly natMap?: NatMap | null;
}

/** Returns the options of a client that are looked at. */
export function optionsOf({ options }: { readonly options: object }): IoredisOptions {
  return options;
}

/**
 * Checks that a client can be used.
 *
 * @throws {ImproperlyConfigured} With the option that has to change.
 */
export function checkIoredis(client: IoredisClient | IoredisCluster, setting: string): void {
  const refuse = (problem: string): never => {
    throw new ImproperlyConfigured(`${setting}.client`, problem);
  };
  const options = optionsOf(client);
  for (const { keyPrefix } of [options, options.redisOptions ?? {}]) {
    if ((keyPrefix?.length ?? 0) > 0) {
      refuse(
        "expected a client without `keyPrefix`, since Sojourn's keys have prefixes of their own: set `projectName` and " +
          '`keyPrefix` of caches, and give client.duplicate({ keyPrefix: "" }) or another client.',
      );
    }
  }
  if (!("mode" in client)) return;
  if (options.role === "slave" || options.readOnly === true) {
    refuse(
      'expected a client of the master, got one for reading from replicas (`readOnly`, or `role: "slave"`).',
    );
  }
  if (client.mode !== "normal") refuse(describeMode(client.mode));
  if (commandClassOf(client) === undefined)
    refuse("expected a client of ioredis 5 or 6, or iovalkey, got one that makes no commands of its own.");
}

/** Returns what is wrong with a client that takes no commands. */
export function describeMode(mode: string): string {
  return `the client is in ${mode} mode, in which it takes no commands: give another one, such as its duplicate().`;
}

/** The used part of a command of ioredis. */
export interface LibraryCommand {
  readonly promise: Promise<unknown>;
  reject(error: Error): void;
  toWritable(socket: object): string | Buffer;
  transformReply(reply: unknown): unknown;
  setTimeout(milliseconds: number): void;
}

/** The class of a client's commands. */
export type LibraryCommandClass = new (name: string, args: readonly unknown[]) => LibraryCommand;

/**
 * Returns the class of a client's commands; `undefined` if it makes none. The library's mixins hide
 * its static properties, so a command is made that goes nowhere.
 */
export function commandClassOf(client: IoredisClient): LibraryCommandClass | undefined {
  let made: object | undefined;
  const nowhere = Object.create(client, {
    options: { value: {} },
    sendCommand: { value: (command: object) => (made = command) },
  }) as { call?(name: string): unknown };
  nowhere.call?.("PING");
  return made?.constructor as LibraryCommandClass | undefined;
}
