import type { ConnectionOptions } from "node:tls";
import * as v from "valibot";

import { type Duration, durationSchema } from "../core/durations.ts";
import { ImproperlyConfigured } from "../core/errors.ts";
import { describeValue, parseSettings, settingsObject } from "../core/settings.ts";
import type { NodeRedisCluster } from "./clients/given-cluster-node.ts";
import { isNodeRedisCluster } from "./clients/given-node-redis-cluster.ts";
import { isNodeRedisClient, type NodeRedisClient } from "./clients/given-node-redis.ts";
import {
  type IoredisClient,
  type IoredisCluster,
  isIoredisClient,
  isIoredisCluster,
} from "./clients/ioredis.ts";
import { isNodeRedisSentinel, type NodeRedisSentinel } from "./clients/given-node-redis-sentinel.ts";
import {
  type NodeAddressMap,
  type RedisAddress,
  type RedisClusterEndpoint,
  type RedisEndpoint,
  type RedisSentinelEndpoint,
  type RedisTimeouts,
} from "./endpoint.ts";
import { parseRedisUrl } from "./url.ts";

interface RedisTimeoutSettings {
  /**
   * Maximum time to open a connection, the handshake included.
   *
   * Seconds, or text such as `"500ms"`; more than 0.
   *
   * @defaultValue `"1s"`
   */
  readonly connectTimeout?: Duration | undefined;
  /**
   * Time without any answer after which a connection with missed deadlines is closed and reopened.
   *
   * Seconds, or text such as `"500ms"`; more than 0. It does not apply to a client of the
   * application.
   *
   * @defaultValue `"1s"`
   */
  readonly stallTimeout?: Duration | undefined;
}

interface RedisLoginSettings extends RedisTimeoutSettings {
  /** Number of the database, from 0. @defaultValue 0 */
  readonly database?: number | undefined;
  /** Name of an ACL user; it needs a password. @defaultValue Redis's `default` user */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/**
 * A server by its URL: `redis://`, `rediss://` for TLS, or `unix://`. Settings beside it, such as a
 * password that is kept apart, override those in it.
 */
export interface RedisUrlSettings extends RedisLoginSettings {
  readonly url: string;
  /** Options of `node:tls` `connect()`, such as `ca`, beside a `rediss://` URL. */
  readonly tls?: ConnectionOptions | undefined;
}

/** A server by its host and port. */
export interface RedisServerSettings extends RedisLoginSettings {
  /** @defaultValue `"localhost"` */
  readonly host?: string | undefined;
  /** @defaultValue 6379 */
  readonly port?: number | undefined;
  /** `true`, or options of `node:tls` `connect()`, such as `ca`. @defaultValue `false` */
  readonly tls?: boolean | ConnectionOptions | undefined;
}

/** A server by its unix socket. */
export interface RedisSocketSettings extends RedisLoginSettings {
  /** Path of the socket. */
  readonly path: string;
}

/** A Redis Cluster by some of its nodes. It has one database, 0. */
export interface RedisClusterSettings extends RedisTimeoutSettings {
  /**
   * URLs of nodes such as `redis://host:6379`, or `rediss://` for TLS; at least one, better three.
   * The first to answer reports all others. Logins stand beside them, since they hold for all
   * nodes.
   */
  readonly cluster: readonly string[];
  /**
   * Name of an ACL user on every node; it needs a password. @defaultValue Redis's `default` user
   */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /**
   * `true`, or options of `node:tls` `connect()`, such as `ca`, for every node.
   *
   * @defaultValue `true` for `rediss://` URLs, else `false`
   */
  readonly tls?: boolean | ConnectionOptions | undefined;
  readonly nodeAddressMap?: RedisNodeAddressMap | undefined;
}

/** A master with replicas, by some of the sentinels that watch it. */
export interface RedisSentinelSettings extends RedisLoginSettings {
  /** Addresses of sentinels; at least one, better all. The first to answer reports the master. */
  readonly sentinels: readonly RedisSentinelAddress[];
  /** The sentinels' name for the master, such as `"mymaster"`. */
  readonly name: string;
  /**
   * Name of an ACL user of the sentinels; it needs a password. @defaultValue their `default` user
   */
  readonly sentinelUsername?: string | undefined;
  /** Password of the sentinels; `password` is that of the servers. @defaultValue none */
  readonly sentinelPassword?: string | undefined;
  /**
   * `true`, or options of `node:tls` `connect()`, such as `ca`, for servers and sentinels.
   *
   * @defaultValue `false`
   */
  readonly tls?: boolean | ConnectionOptions | undefined;
  readonly nodeAddressMap?: RedisNodeAddressMap | undefined;
}

/** Address of a sentinel. */
export interface RedisSentinelAddress {
  readonly host: string;
  /** @defaultValue 26379 */
  readonly port?: number | undefined;
}

/**
 * Real addresses of servers that announce unreachable ones, as behind NAT or in containers: an
 * object by the announced `"host:port"`, or a function of it. An address that is missing, or
 * `undefined`, is used as announced.
 */
export type RedisNodeAddressMap =
  | Readonly<Record<string, { readonly host: string; readonly port: number }>>
  | ((address: string) => { readonly host: string; readonly port: number } | undefined);

/** A client of a library that Sojourn can work with. */
export type RedisApplicationClient =
  | NodeRedisClient
  | NodeRedisCluster
  | NodeRedisSentinel
  | IoredisClient
  | IoredisCluster;

/** A client that the application already has, connects and closes. */
export interface RedisClientSettings extends RedisTimeoutSettings {
  /**
   * A client made by `createClient()`, `createCluster()` or `createSentinel()` of `redis` or
   * `@redis/client` (5 or 6), or a `Redis` or `Cluster` of `ioredis` (5 or 6) or `iovalkey`.
   */
  readonly client: RedisApplicationClient;
}

/** One named connection: a URL, the path of a unix socket, or an object. */
export type RedisConnectionSettings =
  | string
  | RedisUrlSettings
  | RedisServerSettings
  | RedisSocketSettings
  | RedisClusterSettings
  | RedisSentinelSettings
  | RedisClientSettings;

/** A client that the application already has. */
export interface RedisGivenClient extends RedisTimeouts {
  readonly client: RedisApplicationClient;
}

const text = v.pipe(v.string(), v.nonEmpty("a string that is not empty"));
const host = v.pipe(
  v.string(),
  v.regex(/^[^/@\s]+$/, 'a host name or an address (a URL goes into "url", a path into "path")'),
);
const wholeNumber = (least: number, most: number, expected: string): v.GenericSchema<number> =>
  v.pipe(v.number(expected), v.integer(expected), v.minValue(least, expected), v.maxValue(most, expected));
const tlsOptions = v.custom<ConnectionOptions>(
  (input) => typeof input === "object" && input !== null && !Array.isArray(input),
  "options of node:tls connect()",
);

const timeouts = {
  connectTimeout: v.optional(durationSchema({ least: "1ms" }), "1s"),
  stallTimeout: v.optional(durationSchema({ least: "1ms" }), "1s"),
};

const user = { username: v.optional(text), password: v.optional(text) };

const login = {
  ...timeouts,
  ...user,
  database: v.optional(wholeNumber(0, Number.MAX_SAFE_INTEGER, "the number of a database, from 0")),
};

const tlsSetting = v.union([v.boolean(), tlsOptions], "true, false or options of node:tls connect()");

const serverSchema = settingsObject({
  ...login,
  host: v.optional(host, "localhost"),
  port: v.optional(wholeNumber(1, 65_535, "a port from 1 to 65535"), 6379),
  tls: v.optional(tlsSetting, false),
});
const socketSchema = settingsObject({ ...login, path: text });
const urlSchema = settingsObject({ ...login, url: text, tls: v.optional(tlsOptions) });
const SOME_NODES = 'URLs of nodes such as ["redis://one:6379", "redis://two:6379"]';
const portSetting = wholeNumber(1, 65_535, "a port from 1 to 65535");
const address = settingsObject({ host, port: portSetting });
const addressMap = v.optional(
  v.union(
    [v.record(v.string(), address), v.custom<(address: string) => RedisAddress | undefined>(isFunction)],
    'an object such as { "10.0.0.1:6379": { host: "redis.example.com", port: 7001 } }, or a function',
  ),
);
const clusterSchema = settingsObject({
  ...timeouts,
  ...user,
  cluster: v.pipe(v.array(v.string(SOME_NODES), SOME_NODES), v.nonEmpty(SOME_NODES)),
  tls: v.optional(tlsSetting),
  nodeAddressMap: addressMap,
});
const SOME_SENTINELS = 'addresses of sentinels such as [{ host: "one", port: 26379 }]';
const sentinelSchema = settingsObject({
  ...login,
  sentinels: v.pipe(
    v.array(settingsObject({ host, port: v.optional(portSetting, 26_379) }), SOME_SENTINELS),
    v.nonEmpty(SOME_SENTINELS),
  ),
  name: text,
  sentinelUsername: v.optional(text),
  sentinelPassword: v.optional(text),
  tls: v.optional(tlsSetting, false),
  nodeAddressMap: addressMap,
});
const CLIENTS: readonly ((input: unknown) => boolean)[] = [
  isNodeRedisClient,
  isNodeRedisCluster,
  isNodeRedisSentinel,
  isIoredisClient,
  isIoredisCluster,
];
const clientSchema = settingsObject({
  ...timeouts,
  client: v.custom<RedisApplicationClient>(
    (input) => CLIENTS.some((isClient) => isClient(input)),
    "a client that createClient(), createCluster() or createSentinel() of @redis/client (5 or 6) made, or a Redis or " +
      "Cluster of ioredis (5 or 6) or iovalkey",
  ),
});

const EXPECTED =
  'a URL such as "redis://localhost:6379/0", or an object with "url", "host", "path", "cluster", "sentinels" or "client"';
const KINDS = ["url", "client", "path", "cluster", "sentinels", "host"] as const;

/**
 * Checks the settings of one connection.
 *
 * @param setting Their path, such as `redis.session`.
 * @throws {ImproperlyConfigured}
 */
export function parseConnectionSettings(
  input: unknown,
  setting: string,
): RedisEndpoint | RedisClusterEndpoint | RedisSentinelEndpoint | RedisGivenClient {
  if (typeof input === "string") return parseText(input, {}, setting);
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new ImproperlyConfigured(setting, `expected ${EXPECTED}, got ${describeValue(input)}.`);
  }
  const [kind, second] = KINDS.filter((name) => name in input);
  if (second !== undefined) {
    throw new ImproperlyConfigured(setting, `expected either "${kind}" or "${second}", got both.`);
  }
  if (kind === "client") return parseSettings(clientSchema, input, setting);
  if (kind === "cluster") return toClusterEndpoint(input, setting);
  if (kind === "sentinels") return toSentinelEndpoint(input, setting);
  if (kind === "path") return toSocketEndpoint(input, setting);
  if (kind !== "url") return toServerEndpoint(input, setting);
  const { url, connectTimeout, stallTimeout, ...beside } = parseSettings(urlSchema, input, setting);
  const endpoint = parseText(url, withoutUndefined(beside), `${setting}.url`);
  return { ...endpoint, connectTimeout, stallTimeout };
}

function withoutUndefined(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

function parseText(url: string, beside: object, setting: string): RedisEndpoint {
  if (url.startsWith("/")) return toSocketEndpoint({ path: url, ...beside }, setting);
  const settings = { ...parseRedisUrl(url, setting), ...beside };
  return "path" in settings ? toSocketEndpoint(settings, setting) : toServerEndpoint(settings, setting);
}

function toServerEndpoint(input: object, setting: string): RedisEndpoint {
  const { host: name, port, tls, ...rest } = parseSettings(serverSchema, input, setting);
  const options = tls === true ? {} : tls === false ? undefined : tls;
  return { ...completeLogin(rest, setting), address: { host: name, port, tls: options } };
}

function toSocketEndpoint(input: object, setting: string): RedisEndpoint {
  const { path, ...rest } = parseSettings(socketSchema, input, setting);
  return { ...completeLogin(rest, setting), address: { path } };
}

function toClusterEndpoint(input: object, setting: string): RedisClusterEndpoint {
  const { cluster: urls, tls: given, nodeAddressMap, ...rest } = parseSettings(clusterSchema, input, setting);
  checkLogin(rest, setting);
  const nodes = urls.map((url, index) => parseNodeUrl(url, `${setting}.cluster.${index}`));
  const isSecure = nodes[0]?.tls === true;
  if (nodes.some((node) => node.tls !== isSecure)) {
    throw new ImproperlyConfigured(
      `${setting}.cluster`,
      "expected either redis:// or rediss:// URLs, got both.",
    );
  }
  if (isSecure && given === false) {
    throw new ImproperlyConfigured(
      `${setting}.tls`,
      "expected true or options of node:tls connect(), got false.",
    );
  }
  const options = typeof given === "object" ? given : isSecure || given === true ? {} : undefined;
  const { username, password, ...timeoutsGiven } = rest;
  const cluster = nodes.map(({ host: name, port }) => ({ host: name, port }));
  const addresses = toAddressMap(nodeAddressMap, `${setting}.nodeAddressMap`);
  return { ...timeoutsGiven, cluster, tls: options, username, password, nodeAddressMap: addresses };
}

function toSentinelEndpoint(input: object, setting: string): RedisSentinelEndpoint {
  const { sentinels, name, tls, nodeAddressMap, sentinelUsername, sentinelPassword, ...rest } = parseSettings(
    sentinelSchema,
    input,
    setting,
  );
  if (sentinelUsername !== undefined && sentinelPassword === undefined) {
    throw new ImproperlyConfigured(
      `${setting}.sentinelPassword`,
      "expected a password beside the user name.",
    );
  }
  return {
    ...completeLogin(rest, setting),
    sentinels,
    name,
    sentinelUsername,
    sentinelPassword,
    tls: tls === true ? {} : tls === false ? undefined : tls,
    nodeAddressMap: toAddressMap(nodeAddressMap, `${setting}.nodeAddressMap`),
  };
}

function toAddressMap(given: RedisNodeAddressMap | undefined, setting: string): NodeAddressMap {
  if (typeof given === "function") return (announced) => checkAddress(given(announced), setting);
  return (announced) =>
    given !== undefined && Object.hasOwn(given, announced) ? given[announced] : undefined;
}

function checkAddress(given: RedisAddress | undefined, setting: string): RedisAddress | undefined {
  return given === undefined ? undefined : parseSettings(address, given, setting);
}

function isFunction(input: unknown): boolean {
  return typeof input === "function";
}

function parseNodeUrl(url: string, setting: string): { host: string; port: number; tls: boolean } {
  const { database = 0, ...node } = parseRedisUrl(url, setting);
  if (!("host" in node))
    throw new ImproperlyConfigured(setting, 'expected a URL such as "redis://host:6379".');
  if (database !== 0) throw new ImproperlyConfigured(setting, "a cluster has only database 0.");
  if (node.username !== undefined || node.password !== undefined) {
    const message = "expected no login in the URL of a node: set `username` and `password` beside `cluster`.";
    throw new ImproperlyConfigured(setting, message);
  }
  return { host: node.host, port: node.port, tls: node.tls };
}

interface Login extends RedisTimeouts {
  readonly database?: number | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

function completeLogin(given: Login, setting: string): Omit<RedisEndpoint, "address"> {
  const { connectTimeout, stallTimeout, database = 0, username, password } = given;
  checkLogin(given, setting);
  return { connectTimeout, stallTimeout, database, username, password };
}

function checkLogin({ username, password }: Pick<Login, "username" | "password">, setting: string): void {
  if (username === undefined || password !== undefined) return;
  throw new ImproperlyConfigured(
    setting,
    "expected a password beside the user name (`redis://:password@host`).",
  );
}
