import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * Bytes of the sending node's name in the head of each message of the cluster's bus. Source:
 * `clusterMsg` in Redis's `cluster_legacy.h`.
 */
const SENDER = { from: 40, to: 80 };

interface Line {
  readonly target: number;
  readonly near: Socket;
  readonly far: Socket;
  sender: string | undefined;
}

/**
 * Stands between the nodes of a cluster, so that a test can cut one off from the others while clients still
 * reach it.
 */
export class ClusterBus {
  /** The port that each node is to announce for its bus. */
  readonly ports: readonly number[];
  readonly #servers: readonly Server[];
  readonly #lines = new Set<Line>();
  /** The real ports, by the node's number. */
  #targets: readonly number[] = [];
  #cut: { readonly index: number; readonly id: string } | undefined;

  private constructor(servers: readonly Server[]) {
    this.#servers = servers;
    this.ports = servers.map((server) => (server.address() as AddressInfo).port);
    for (const [index, server] of servers.entries())
      server.on("connection", (near) => this.#join(index, near));
  }

  static async of(nodes: number): Promise<ClusterBus> {
    const servers = Array.from({ length: nodes }, () => createServer().listen(0, "127.0.0.1"));
    await Promise.all(servers.map((server) => once(server, "listening")));
    return new ClusterBus(servers);
  }

  leadTo(ports: readonly number[]): void {
    this.#targets = ports;
  }

  /** Ends all that goes to a node or comes from it, from now on. */
  cutOff(index: number, id: string): void {
    this.#cut = { index, id };
    for (const line of this.#lines) this.#check(line);
  }

  heal(): void {
    this.#cut = undefined;
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const { near, far } of this.#lines) [near, far].forEach((socket) => socket.destroy());
  }

  #join(target: number, near: Socket): void {
    const far = connect(this.#targets[target] ?? 0, "127.0.0.1");
    const line: Line = { target, near, far, sender: undefined };
    this.#lines.add(line);
    near.once("data", (head: Buffer) => {
      line.sender = head.toString("latin1", SENDER.from, SENDER.to);
      this.#check(line);
    });
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#lines.delete(line);
        [near, far].forEach((each) => each.destroy());
      });
    }
    this.#check(line);
  }

  #check({ target, sender, near, far }: Line): void {
    if (this.#cut === undefined || (target !== this.#cut.index && sender !== this.#cut.id)) return;
    [near, far].forEach((socket) => socket.destroy());
  }
}
