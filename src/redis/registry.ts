import { ImproperlyConfigured } from "../core/errors.ts";
import { describeUnknownName, describeValue } from "../core/settings.ts";
import { givenIoredisClusterDriver } from "./clients/given-ioredis-cluster.ts";
import { givenIoredisDriver } from "./clients/given-ioredis-tracking.ts";
import { checkGivenCluster, isNodeRedisCluster } from "./clients/given-node-redis-cluster.ts";
import { givenNodeRedisClusterFactory } from "./clients/given-node-redis-cluster-tracking.ts";
import { checkGivenClient } from "./clients/given-node-redis.ts";
import { givenNodeRedisFactory } from "./clients/given-node-redis-tracking.ts";
import { givenNodeRedisSentinelFactory, isNodeRedisSentinel } from "./clients/given-node-redis-sentinel.ts";
import { checkIoredis, isIoredisClient, isIoredisCluster } from "./clients/ioredis.ts";
import { nodeRedisClusterDriver } from "./clients/node-redis-cluster.ts";
import { nodeRedisSentinelDriver } from "./clients/node-redis-sentinel.ts";
import { nodeRedisDriver } from "./clients/node-redis.ts";
import { RedisConnection } from "./connection.ts";
import type { RedisDriverFactory } from "./driver.ts";
import {
  addressOf,
  type RedisClusterEndpoint,
  type RedisEndpoint,
  type RedisSentinelEndpoint,
} from "./endpoint.ts";
import { parseConnectionSettings, type RedisConnectionSettings, type RedisGivenClient } from "./settings.ts";

/** Named connections of an application. */
export interface RedisSettings {
  /** Connection used if no other name is given. @defaultValue `"redis://localhost:6379/0"` */
  readonly default?: RedisConnectionSettings | undefined;
  readonly [name: string]: RedisConnectionSettings | undefined;
}

const DEFAULT_URL = "redis://localhost:6379/0";
const NAME_FORM = /^[a-z][\w-]*$/i;

/** Named connections to Redis. The constructor checks the settings and opens nothing. */
export class RedisRegistry {
  readonly #connections = new Map<string, RedisConnection>();
  readonly #places = new Map<RedisConnection, string | object>();

  /** @throws {ImproperlyConfigured} Naming the setting, such as `redis.session.port`. */
  constructor(settings: RedisSettings = {}) {
    checkIsObject(settings);
    for (const [name, each] of Object.entries({ ...settings, default: settings.default ?? DEFAULT_URL })) {
      const { connection, place } = openLater(name, each);
      this.#connections.set(name, connection);
      this.#places.set(connection, place);
    }
  }

  /** Names of the connections; always includes `default`. */
  get names(): readonly string[] {
    return [...this.#connections.keys()];
  }

  has(name: string): boolean {
    return this.#connections.has(name);
  }

  /**
   * Returns the connection of a name. It opens when it is first used; the client library is loaded
   * from now on.
   *
   * @throws {ImproperlyConfigured} If there is none of this name.
   */
  get(name = "default"): RedisConnection {
    const connection = this.#connections.get(name);
    connection?.prepare();
    if (connection !== undefined) return connection;
    throw new ImproperlyConfigured(`redis.${name}`, describeUnknownName(name, this.names));
  }

  /**
   * Returns the place to which a connection leads, equal for connections to the same keys: text
   * that names servers and database, or the client given by the application.
   */
  keysOf(connection: RedisConnection): string | object {
    return this.#places.get(connection) ?? connection;
  }

  /** Closes all connections once outstanding commands have ended. Given clients stay open. */
  async close(): Promise<void> {
    await Promise.all([...this.#connections.values()].map((connection) => connection.close()));
  }
}

function checkIsObject(settings: unknown): void {
  if (typeof settings === "object" && settings !== null && !Array.isArray(settings)) return;
  const expected = `an object of named connections such as { default: "${DEFAULT_URL}" }`;
  throw new ImproperlyConfigured("redis", `expected ${expected}, got ${describeValue(settings, "url")}.`);
}

function openLater(
  name: string,
  input: unknown,
): { readonly connection: RedisConnection; readonly place: string | object } {
  const setting = `redis.${name}`;
  if (!NAME_FORM.test(name)) {
    throw new ImproperlyConfigured("redis", "expected names of connections to be letters, digits, - and _.");
  }
  const settings = parseConnectionSettings(input, setting);
  const { connectTimeout, stallTimeout } = settings;
  const isCluster = "client" in settings ? isClusterClient(settings.client) : "cluster" in settings;
  const driver = driverFor(settings, setting);
  const options = { name, driver, connectTimeout, stallTimeout, isCluster, isGiven: "client" in settings };
  return { connection: new RedisConnection(options), place: placeIn(settings) };
}

function placeIn(
  settings: RedisEndpoint | RedisClusterEndpoint | RedisSentinelEndpoint | RedisGivenClient,
): string | object {
  if ("client" in settings) return settings.client;
  if ("cluster" in settings) return settings.cluster.map(addressOf).toSorted().join();
  if ("sentinels" in settings) return JSON.stringify([settings.name, settings.database]);
  const { address, database } = settings;
  return JSON.stringify(["path" in address ? address.path : addressOf(address), database]);
}

function driverFor(
  settings: RedisEndpoint | RedisClusterEndpoint | RedisSentinelEndpoint | RedisGivenClient,
  setting: string,
): RedisDriverFactory {
  if ("cluster" in settings) return nodeRedisClusterDriver(settings, setting);
  if ("sentinels" in settings) return nodeRedisSentinelDriver(settings, setting);
  if (!("client" in settings)) return nodeRedisDriver(settings, setting);
  return driverOver(settings.client, setting);
}

function isClusterClient(client: RedisGivenClient["client"]): boolean {
  return isNodeRedisCluster(client) || isIoredisCluster(client);
}

function driverOver(client: RedisGivenClient["client"], setting: string): RedisDriverFactory {
  if (isIoredisCluster(client)) {
    checkIoredis(client, setting);
    return givenIoredisClusterDriver(client);
  }
  if (isIoredisClient(client)) {
    checkIoredis(client, setting);
    return givenIoredisDriver(client);
  }
  if (isNodeRedisCluster(client)) {
    checkGivenCluster(client, setting);
    return givenNodeRedisClusterFactory(client);
  }
  if (isNodeRedisSentinel(client)) return givenNodeRedisSentinelFactory(client);
  checkGivenClient(client, setting);
  return givenNodeRedisFactory(client);
}
