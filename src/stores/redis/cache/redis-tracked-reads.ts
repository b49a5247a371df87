import type { Deadline } from "../../../core/deadlines.ts";
import type { RedisConnection } from "../../../redis/connection.ts";
import type { CacheStore } from "../../cache-store.ts";
import type { TrackedReads, TrackedValue } from "../../tracked-reads.ts";

/**
 * Reads on a connection of their own, which has `CLIENT TRACKING ON`: answers and reports of
 * changes arrive on one socket, in the order of the server. What shares the usual connection, such
 * as sessions, is not tracked.
 */
export class RedisTrackedReads implements TrackedReads {
  readonly hasOneOrder: boolean;
  readonly #connection: RedisConnection;
  readonly #store: Pick<CacheStore, "getMany" | "ttlMany">;

  /**
   * @param connection Tracks the keys that are read on it.
   * @param store Reads on this connection.
   */
  constructor(connection: RedisConnection, store: Pick<CacheStore, "getMany" | "ttlMany">) {
    this.#connection = connection;
    this.#store = store;
    this.hasOneOrder = connection.hasOneOrder;
  }

  /**
   * Sends a PTTL for each key with the read: Redis may delete an expired entry, and report it, much
   * later.
   */
  async getMany(keys: readonly string[], deadline: Deadline): Promise<readonly (TrackedValue | undefined)[]> {
    const [ttls, values] = await Promise.all([
      this.#store.ttlMany(keys, deadline),
      this.#store.getMany(keys, deadline),
    ]);
    return values.map((value, at) => {
      // An entry stored between the two: its change has been reported.
      const ttl = ttls[at] === undefined ? 1 : ttls[at];
      return value === undefined ? undefined : { value, ttl };
    });
  }

  async confirm(deadline: Deadline): Promise<void> {
    // A master that sentinels have replaced may keep its connections open.
    this.#connection.checkLink();
    await this.#connection.pingAll(deadline);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}
