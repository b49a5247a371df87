import { setTimeout as sleep } from "node:timers/promises";

import { RedisServer, type RedisServerOptions } from "./redis-server.ts";

/** A master with replicas, and three sentinels that watch it, of the test's own. */
export class RedisSentinels {
  readonly name = "mymaster";
  /** The first one is the master at first. */
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];

  private constructor(servers: readonly RedisServer[], sentinels: readonly RedisServer[]) {
    this.servers = servers;
    this.sentinels = sentinels;
  }

  /** @param options Of the servers and of the sentinels. */
  static async start(
    options: { readonly server?: RedisServerOptions; readonly sentinel?: RedisServerOptions } = {},
  ): Promise<RedisSentinels> {
    const config = ["repl-diskless-sync-delay 0", ...(options.server?.config ?? [])];
    const master = await RedisServer.start({ ...options.server, config });
    const following = [...config, `replicaof 127.0.0.1 ${master.port}`];
    const replicas = await Promise.all(
      [1, 2].map(() => RedisServer.start({ ...options.server, config: following })),
    );
    const sentinelOf = { name: "mymaster", port: master.port };
    const sentinels = await Promise.all(
      [1, 2, 3].map(() => RedisServer.start({ ...options.sentinel, sentinelOf })),
    );
    const trio = new RedisSentinels([master, ...replicas], sentinels);
    await trio.#known();
    return trio;
  }

  /** Value for the setting `sentinels`. */
  get addresses(): { readonly host: string; readonly port: number }[] {
    return this.sentinels.map(({ port }) => ({ host: "127.0.0.1", port }));
  }

  /** The server that the sentinels take for the master. */
  async master(): Promise<RedisServer> {
    const [sentinel] = this.sentinels as [RedisServer];
    const [, port] = (await sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", this.name)) as [
      string,
      string,
    ];
    const master = this.servers.find((server) => server.port === Number(port));
    if (master === undefined) throw new Error(`No server has the port ${port}.`);
    return master;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.servers].map((server) => server.stop()));
  }

  /** Waits until the sentinels know each other and the replicas. */
  async #known(): Promise<void> {
    for (const sentinel of this.sentinels) {
      for (let isKnown = false; !isKnown; await sleep(50)) {
        const state = (await sentinel.command("SENTINEL", "MASTER", this.name)) as Record<string, string>;
        isKnown = state["num-other-sentinels"] === "2" && state["num-slaves"] === "2";
      }
    }
    const [master] = this.servers as [RedisServer];
    while (!/connected_slaves:2\r\n/.test(String(await master.command("INFO", "replication"))))
      await sleep(50);
  }
}
