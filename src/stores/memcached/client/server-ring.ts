import { murmur3 } from "./murmur3.ts";

/** Anything that is found by a name, such as `127.0.0.1:11211`. */
interface Named {
  readonly name: string;
}

/**
 * Finds the server of a key by rendezvous hashing, as pymemcache's `HashClient` does: each server
 * that is added or lost moves only its own keys.
 */
export class ServerRing<Server extends Named> {
  readonly servers: readonly Server[];

  constructor(servers: readonly Server[]) {
    this.servers = servers;
  }

  serverOf(key: string): Server {
    const [first, ...others] = this.servers;
    if (first === undefined) throw new Error("There is no memcached server.");
    if (others.length === 0) return first;
    let [best, highest] = [first, -1];
    for (const server of this.servers) {
      const score = murmur3(`${server.name}-${key}`);
      if (score < highest || (score === highest && server.name <= best.name)) continue;
      [best, highest] = [server, score];
    }
    return best;
  }
}
