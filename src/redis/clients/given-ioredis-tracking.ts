import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "../commands.ts";
import { type RedisDriver, type RedisDriverFactory, SOLE_NODE, type TrackingListener } from "../driver.ts";
import type { RedisNode } from "../node.ts";
import { onEndOf } from "./ends-of-clients.ts";
import { GivenIoredisDriver } from "./given-ioredis.ts";
import { type IoredisClient, optionsOf } from "./ioredis.ts";
import { hasDuplicates, IoredisDuplicate } from "./ioredis-duplicate.ts";
import { explainIoredis } from "./ioredis-server.ts";

/** Channel of Redis on which reports arrive in RESP 2. */
const CHANNEL = "__redis__:invalidate";

/** Name of the node that reports, for messages. */
const REPORTER = "reports";

/** Drivers over a client of ioredis that the application makes and closes. */
export function givenIoredisDriver(client: IoredisClient): RedisDriverFactory {
  const driver = (): Promise<RedisDriver> => Promise.resolve(new GivenIoredisDriver(client));
  if (!hasDuplicates(client)) return driver;
  const tracking = (listener: TrackingListener): RedisDriverFactory =>
    Object.assign(() => Promise.resolve(new IoredisTrackingDriver(client, listener)), { hasOneOrder: false });
  return Object.assign(driver, { tracking });
}

/**
 * A link that tracks the keys which are read on it, over two connections with the options of an
 * application's client: the server reports changes on the second one (`CLIENT TRACKING ON
 * REDIRECT`), since the client takes no reports beside replies.
 *
 * The end of either connection is that of the link: the server forgets what was read on the first
 * one, and tells the first one nothing when the second one is gone.
 */
export class IoredisTrackingDriver implements RedisDriver {
  readonly masters: readonly string[] = [SOLE_NODE];
  readonly ownedNodes: readonly RedisNode[];
  readonly #given: IoredisClient;
  readonly #listener: TrackingListener;
  readonly #reads: IoredisDuplicate;
  readonly #reports: IoredisDuplicate;
  readonly #leave: () => void;
  #isOpen = false;
  #isDestroyed = false;

  constructor(given: IoredisClient, listener: TrackingListener) {
    this.#given = given;
    this.#listener = listener;
    this.#reads = new IoredisDuplicate(given, SOLE_NODE, "normal", this.#end);
    this.#reports = new IoredisDuplicate(given, REPORTER, "subscriber", this.#end);
    this.ownedNodes = [this.#reads.node, this.#reports.node];
    this.#reports.client.on("messageBuffer", (_channel, keys) => this.#report(keys));
    // A client that the application closes needs no links any more.
    this.#leave = onEndOf(given, this.#end);
  }

  get isReady(): boolean {
    return this.#isOpen && this.#reads.isReady && this.#reports.isReady;
  }

  async connect(): Promise<void> {
    const [reads, reports] = [this.#reads, this.#reports];
    if (this.#given.status === "end") throw new Error("the given client is closed");
    await Promise.all([reads.connect(), reports.connect()]);
    const [id] = await Promise.all([reports.send(["CLIENT", "ID"]), this.#checkServers()]);
    await reports.client.subscribe(CHANNEL);
    await reads.send(["CLIENT", "TRACKING", "ON", "REDIRECT", String(id)]);
    this.#isOpen = !this.#isDestroyed;
  }

  nodeFor(): RedisNode {
    return this.#reads.node;
  }

  masterNamed(): RedisNode {
    return this.#reads.node;
  }

  reporterOf(): RedisNode {
    return this.#reports.node;
  }

  /** Sends a command on the connection of the reads. */
  send(args: readonly RedisArgument[], form: ReplyForm): Promise<RedisReply<string | Buffer>> {
    return this.#reads.send(args, undefined, form);
  }

  explain(error: unknown): DriverFailure {
    return explainIoredis(error);
  }

  destroy(): void {
    this.#end();
  }

  /**
   * Checks that both connections lead to one server. Behind sentinels or a balancer they may not,
   * and an id of the one server would then be that of a stranger on the other one.
   */
  async #checkServers(): Promise<void> {
    const [reads, reports] = await Promise.all([this.#reads.info("server"), this.#reports.info("server")]);
    const server = reads["run_id"];
    if (server === undefined || server !== reports["run_id"])
      throw new Error("two connections of the given client's options lead to different servers");
    if (!Array.isArray(optionsOf(this.#given).sentinels)) return;
    const { role } = await this.#reads.info("replication");
    if (role !== "master") throw new Error("the sentinels lead to a replica: a failover is under way");
  }

  #report(keys: unknown): void {
    // Anything but a list is no report of single keys: `null` is one of all.
    if (!Array.isArray(keys)) return this.#listener.onChange(undefined);
    for (const key of keys) this.#listener.onChange(String(key));
  }

  readonly #end = (): void => {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#isOpen = false;
    this.#leave();
    this.#reads.destroy();
    this.#reports.destroy();
    this.#listener.onLinkEnd();
  };
}
