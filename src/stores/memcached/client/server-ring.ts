import { murmur3 } from "./murmur3.ts";
import { oneAtATime } from "./one-at-a-time.ts";

/**
 * How keys are spread over servers: by rendezvous hashing, as pymemcache does, so that a server that
 * is added or lost moves only its own keys; or by a hash modulo the number of servers, as pylibmc does
 * without options.
 */
export type Distribution = "rendezvous" | "modula";

/** Anything that is found by a name, such as `127.0.0.1:11211`. */
interface Named {
  readonly name: string;
}

/** Finds the server of a key, as Django's clients do. */
export class ServerRing<Server extends Named> {
  readonly servers: readonly Server[];
  readonly #distribution: Distribution;

  constructor(servers: readonly Server[], distribution: Distribution = "rendezvous") {
    this.servers = servers;
    this.#distribution = distribution;
  }

  serverOf(key: string): Server {
    const [first, ...others] = this.servers;
    if (first === undefined) throw new Error("There is no memcached server.");
    if (others.length === 0) return first;
    if (this.#distribution === "modula") return this.servers[oneAtATime(key) % this.servers.length] ?? first;
    let [best, highest] = [first, -1];
    for (const server of this.servers) {
      const score = murmur3(`${server.name}-${key}`);
      if (score < highest || (score === highest && server.name <= best.name)) continue;
      [best, highest] = [server, score];
    }
    return best;
  }
}
