import { setTimeout as sleep } from "node:timers/promises";

import type { Milliseconds } from "../../core/clock.ts";
import type {
  DriverFailure,
  Redirection,
  RedisArgument,
  RedisDriver,
  RedisDriverFactory,
  RedisReply,
  ReplyForm,
} from "../commands.ts";
import { SOLE_NODE } from "../commands.ts";
import { addressOf, type RedisAddress, type RedisEndpoint, type RedisSentinelEndpoint } from "../endpoint.ts";
import { askInTurn, shuffle } from "./ask-in-turn.ts";
import { explainByClass, type Library, loadLibrary, NodeRedisDriver } from "./node-redis.ts";

/** How long after an answer that led to a replica the sentinels are asked again. */
const FAILOVER_GAP: Milliseconds = 100;

/**
 * Drivers over a client of node-redis 6 (`@redis/client`) for the master that sentinels name. The library is loaded when the
 * first link is opened.
 *
 * @param setting Path of the connection's settings, for messages.
 * @param load Loads the library.
 */
export function nodeRedisSentinelDriver(
  endpoint: RedisSentinelEndpoint,
  setting: string,
  load: () => Promise<Library> = () => import("@redis/client"),
): RedisDriverFactory {
  return async () => new NodeRedisSentinelDriver(await loadLibrary(load, setting), endpoint);
}

/**
 * A link to the master of the moment. Each link begins with the question where the master is; a failover ends the link, as
 * the old master is gone, closes its connections or answers READONLY.
 *
 * The library's own sentinel client is not used: it sends what was outstanding on a lost connection once more.
 *
 * Source: "Guidelines for Redis clients with support for Redis Sentinel".
 */
class NodeRedisSentinelDriver implements RedisDriver {
  readonly isOwned = true;
  readonly nodes: readonly string[] = [SOLE_NODE];
  readonly #library: Library;
  readonly #endpoint: RedisSentinelEndpoint;
  readonly #opening = new Set<NodeRedisDriver>();
  #master: NodeRedisDriver | undefined;
  #isDestroyed = false;

  constructor(library: Library, endpoint: RedisSentinelEndpoint) {
    this.#library = library;
    this.#endpoint = endpoint;
  }

  get isReady(): boolean {
    return this.#master?.isReady === true;
  }

  async connect(): Promise<void> {
    while (!this.#isDestroyed) {
      const address = await this.#findMaster();
      const driver = await this.#opened({ ...this.#endpoint, address: { ...address, tls: this.#endpoint.tls } });
      if (await isMaster(driver)) {
        this.#master = driver;
        return;
      }
      // A failover is under way: the sentinels do not know of it yet, or the new master does not.
      driver.destroy();
      await sleep(FAILOVER_GAP);
    }
    throw new this.#library.ClientClosedError();
  }

  nodeOf(): string {
    return SOLE_NODE;
  }

  open(): undefined {
    return undefined;
  }

  send(
    args: readonly RedisArgument[],
    node: string,
    key: string | undefined,
    form: ReplyForm,
  ): Promise<RedisReply<string | Buffer>> {
    if (this.#master === undefined) return Promise.reject(new this.#library.ClientOfflineError());
    return this.#master.send(args, node, key, form);
  }

  explain(error: unknown): DriverFailure {
    return explainByClass(error, this.#library);
  }

  redirect(): Redirection | undefined {
    return undefined;
  }

  distrust(): boolean {
    return false;
  }

  sever(): void {
    this.destroy();
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#master?.destroy();
    for (const driver of this.#opening) driver.destroy();
  }

  async #findMaster(): Promise<RedisAddress> {
    try {
      return await askInTurn(shuffle(this.#endpoint.sentinels), (sentinel) => this.#ask(sentinel));
    } catch (error) {
      const [first, ...others] = (error as AggregateError).errors as unknown[];
      throw others.find((each) => each instanceof this.#library.ErrorReply) ?? first;
    }
  }

  async #ask(sentinel: RedisAddress): Promise<RedisAddress> {
    const { name, tls, sentinelUsername, sentinelPassword, nodeAddressMap, ...rest } = this.#endpoint;
    const login = { username: sentinelUsername, password: sentinelPassword, database: 0 };
    const driver = await this.#opened({ ...rest, ...login, address: { ...sentinel, tls } });
    try {
      const args = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name];
      const reply = (await driver.send(args, SOLE_NODE, undefined, "text")) as [string, string] | null;
      if (reply === null) throw new Error(`the sentinel ${addressOf(sentinel)} knows no master named "${name}"`);
      const announced = { host: reply[0], port: Number(reply[1]) };
      return nodeAddressMap(addressOf(announced)) ?? announced;
    } finally {
      driver.destroy();
    }
  }

  /** A driver that is open. It is destroyed with this one until then. */
  async #opened(endpoint: RedisEndpoint): Promise<NodeRedisDriver> {
    const driver = new NodeRedisDriver(this.#library, endpoint);
    this.#opening.add(driver);
    try {
      await driver.connect();
    } catch (error) {
      driver.destroy();
      throw error;
    } finally {
      this.#opening.delete(driver);
    }
    if (!this.#isDestroyed) return driver;
    driver.destroy();
    throw new this.#library.ClientClosedError();
  }
}

/** Whether a server is a master. One that does not tell (ACL) is taken for one: its READONLY would show soon. */
async function isMaster(driver: NodeRedisDriver): Promise<boolean> {
  try {
    const [role] = (await driver.send(["ROLE"], SOLE_NODE, undefined, "text")) as [string];
    return role === "master";
  } catch (error) {
    const { kind } = driver.explain(error);
    if (kind === "reply") return true;
    throw error;
  }
}
