import { setTimeout as sleep } from "node:timers/promises";

import { type Milliseconds, systemClock } from "../../core/clock.ts";
import { settleWithin } from "../../core/timers.ts";
import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "../commands.ts";
import { type RedisDriver, type RedisDriverFactory, SOLE_NODE, type TrackingListener } from "../driver.ts";
import { addressOf, type RedisAddress, type RedisEndpoint, type RedisSentinelEndpoint } from "../endpoint.ts";
import { type RedisDriverNode, RedisNode } from "../node.ts";
import { askInTurn, shuffle } from "./ask-in-turn.ts";
import {
  explainByClass,
  importLibrary,
  type Library,
  loadLibrary,
  makeClientClass,
  NodeRedisDriver,
} from "./node-redis.ts";

/**
 * Interval at which the sentinels are asked, while commands are outstanding, whether the master is
 * still the same. After a failover that the old master has not heard of, it goes on taking writes
 * for some ten seconds, and these are lost.
 */
const WATCH_GAP: Milliseconds = 500;

/** Delay after an answer that led to a replica before the sentinels are asked again. */
const FAILOVER_GAP: Milliseconds = 100;

/**
 * Drivers over a client of node-redis 6 (`@redis/client`) for the master that sentinels name.
 *
 * @param setting Path of the connection's settings, for messages.
 * @param load Loads the library.
 * @param listener Has the links track the keys which are read on them.
 */
export function nodeRedisSentinelDriver(
  endpoint: RedisSentinelEndpoint,
  setting: string,
  load: () => Promise<Library> = importLibrary,
  listener?: TrackingListener,
): RedisDriverFactory {
  const known = { epoch: 0 };
  const loadNamed = (): Promise<Library> => loadLibrary(load, setting);
  return Object.assign(
    async () => new NodeRedisSentinelDriver(await loadNamed(), endpoint, known, listener),
    {
      load: async () => makeClientClass(await loadNamed()),
      tracking: (each: TrackingListener) => nodeRedisSentinelDriver(endpoint, setting, load, each),
    },
  );
}

/** Master named by the sentinels. */
interface Master {
  readonly address: RedisAddress;
}

interface KnownEpoch {
  /**
   * The highest epoch reported by a sentinel; it rises with each failover. A sentinel with a lower
   * one has missed a failover.
   */
  epoch: number;
}

/**
 * A link to the current master. Each link begins by asking for the master. A failover ends it: the
 * old master is gone, closes its connections, answers READONLY, or the sentinels name another one.
 *
 * The library's own sentinel client is not used: it sends outstanding commands of a lost connection
 * once more.
 *
 * Source: "Guidelines for Redis clients with support for Redis Sentinel".
 */
class NodeRedisSentinelDriver implements RedisDriver, RedisDriverNode {
  readonly name = SOLE_NODE;
  readonly masters: readonly string[] = [SOLE_NODE];
  readonly #node = new RedisNode(this);
  readonly ownedNodes: readonly RedisNode[] = [this.#node];
  readonly #library: Library;
  readonly #endpoint: RedisSentinelEndpoint;
  readonly #opening = new Set<NodeRedisDriver>();
  readonly #known: KnownEpoch;
  readonly #listener: TrackingListener | undefined;
  /** Connections to sentinels. */
  readonly #sentinels = new Map<RedisAddress, NodeRedisDriver>();
  /** Sentinels that owe an answer. */
  readonly #asked = new Set<RedisAddress>();
  #master: NodeRedisDriver | undefined;
  #address: RedisAddress | undefined;
  #watchedAt: Milliseconds = Number.NEGATIVE_INFINITY;
  #isSuperseded = false;
  #isDestroyed = false;

  constructor(
    library: Library,
    endpoint: RedisSentinelEndpoint,
    known: KnownEpoch,
    listener: TrackingListener | undefined,
  ) {
    this.#library = library;
    this.#listener = listener;
    this.#endpoint = endpoint;
    this.#known = known;
  }

  get isReady(): boolean {
    return this.#master?.isReady === true && !this.#isSuperseded;
  }

  async connect(): Promise<void> {
    while (!this.#isDestroyed) {
      const { address } = await this.#findMaster();
      const endpointOfMaster = { ...this.#endpoint, address: { ...address, tls: this.#endpoint.tls } };
      const driver = await this.#opened(endpointOfMaster, this.#listener);
      if (await isMaster(driver)) {
        this.#master = driver;
        this.#address = address;
        this.#watchedAt = systemClock.monotonic();
        return;
      }
      // A failover is under way: the sentinels or the new master have not heard of it yet.
      driver.destroy();
      await sleep(FAILOVER_GAP);
    }
    throw new this.#library.ClientClosedError();
  }

  nodeFor(): RedisNode {
    return this.#node;
  }

  masterNamed(): RedisNode {
    return this.#node;
  }

  send(
    args: readonly RedisArgument[],
    key: RedisArgument | undefined,
    form: ReplyForm,
  ): Promise<RedisReply<string | Buffer>> {
    if (this.#master === undefined) return Promise.reject(new this.#library.ClientOfflineError());
    return this.#master.send(args, key, form);
  }

  /** Asks all sentinels: those that took no part in a failover hear of it seconds later. */
  watch(): void {
    const now = systemClock.monotonic();
    if (this.#isDestroyed || now - this.#watchedAt < WATCH_GAP) return;
    this.#watchedAt = now;
    for (const sentinel of this.#endpoint.sentinels) {
      // A sentinel that does not answer says nothing about the master.
      if (!this.#asked.has(sentinel)) this.#compare(sentinel).catch(() => {});
    }
  }

  explain(error: unknown): DriverFailure {
    return explainByClass(error, this.#library);
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
    for (const driver of [...this.#opening, ...this.#sentinels.values()]) driver.destroy();
  }

  async #compare(sentinel: RedisAddress): Promise<void> {
    const { connectTimeout } = this.#endpoint;
    this.#asked.add(sentinel);
    try {
      const { address } = await settleWithin(this.#ask(sentinel), connectTimeout, (_, reject) =>
        reject(new Error(`no answer within ${connectTimeout} ms`)),
      );
      if (this.#address !== undefined && addressOf(address) !== addressOf(this.#address))
        this.#isSuperseded = true;
    } finally {
      this.#asked.delete(sentinel);
    }
  }

  async #findMaster(): Promise<Master> {
    try {
      return await askInTurn(shuffle(this.#endpoint.sentinels), (sentinel) => this.#ask(sentinel));
    } catch (error) {
      // Sentinels that were set up again restart with low epochs.
      this.#known.epoch = 0;
      const [first, ...others] = (error as AggregateError).errors as unknown[];
      throw others.find((each) => each instanceof this.#library.ErrorReply) ?? first;
    }
  }

  async #ask(sentinel: RedisAddress): Promise<Master> {
    const { name, nodeAddressMap } = this.#endpoint;
    const driver = await this.#sentinelAt(sentinel);
    const ask = (question: string): Promise<RedisReply<string | Buffer>> =>
      driver.send(["SENTINEL", question, name], undefined, "text");
    const found = (await ask("GET-MASTER-ADDR-BY-NAME")) as [string, string] | null;
    if (found === null)
      throw new Error(`the sentinel ${addressOf(sentinel)} knows no master named "${name}"`);
    const epoch = Number(((await ask("MASTER")) as unknown as Record<string, string>)["config-epoch"]);
    if (epoch < this.#known.epoch)
      throw new Error(`the sentinel ${addressOf(sentinel)} is behind the others`);
    this.#known.epoch = epoch;
    const announced = { host: found[0], port: Number(found[1]) };
    return { address: nodeAddressMap(addressOf(announced)) ?? announced };
  }

  async #sentinelAt(sentinel: RedisAddress): Promise<NodeRedisDriver> {
    const open = this.#sentinels.get(sentinel);
    if (open?.isReady === true) return open;
    open?.destroy();
    const {
      tls,
      connectTimeout,
      stallTimeout,
      sentinelUsername: username,
      sentinelPassword: password,
    } = this.#endpoint;
    const address = { ...sentinel, tls };
    const driver = await this.#opened({
      address,
      database: 0,
      connectTimeout,
      stallTimeout,
      username,
      password,
    });
    this.#sentinels.set(sentinel, driver);
    return driver;
  }

  /** Opens a driver, which is destroyed with this one if that ends first. */
  async #opened(endpoint: RedisEndpoint, listener?: TrackingListener): Promise<NodeRedisDriver> {
    const driver = new NodeRedisDriver(this.#library, endpoint, listener);
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

/**
 * Returns whether a server is a master. One that may not say (ACL) counts as one: its READONLY
 * would show soon.
 */
async function isMaster(driver: NodeRedisDriver): Promise<boolean> {
  try {
    const [role] = (await driver.send(["ROLE"], undefined, "text")) as [string];
    return role === "master";
  } catch (error) {
    const { kind } = driver.explain(error);
    if (kind === "reply") return true;
    throw error;
  }
}
