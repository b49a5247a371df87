import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { ByteQueue, type Conditions } from "./byte-queue.ts";

/** How a connection ends in the middle of a reply. */
export type Cut = "reset" | "truncate";

// libuv takes a reset that it finds together with unread bytes for an orderly end, so the bytes go ahead.
const RESET_GAP = 5;

/** How much of what a client sends is remembered, in bytes: its handshake and its first commands. */
const NOTED = 4096;

/** A TCP proxy between a client and a server that misbehaves as it is told. */
export class TcpProxy {
  readonly conditions: Conditions = { latency: 0, blackHole: false, bytesPerSecond: undefined };
  /** The targets of the next connections, in turn. */
  #targets: readonly (number | string)[];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #connections = new Set<ProxiedConnection>();
  #accepted = 0;
  #port = 0;

  private constructor(target: number | string, server: Server) {
    this.#targets = [target];
    this.#server = server;
    server.on("connection", (client: Socket) => this.#accept(client));
  }

  /** @param target Port of the server on 127.0.0.1, or the path of its socket. */
  static async start(target: number | string): Promise<TcpProxy> {
    const proxy = new TcpProxy(target, createServer({ allowHalfOpen: true }));
    await proxy.#listen(0);
    proxy.#port = (proxy.#server.address() as AddressInfo).port;
    return proxy;
  }

  /** New connections lead to another server, or to several in turn. Open ones stay where they are. */
  leadTo(target: number | string | readonly (number | string)[]): void {
    this.#targets = typeof target === "object" ? target : [target];
  }

  get port(): number {
    return this.#port;
  }

  /** Sockets that are not closed, the clients' and the server's ends together. */
  get openSockets(): number {
    return this.#sockets.size;
  }

  /** How many connections there have been. */
  get accepted(): number {
    return this.#accepted;
  }

  /**
   * Makes open connections half-open: the server's end is closed, and the client is never told.
   *
   * @param word What the client has sent on those that are meant. By default, all are.
   * @returns Their number.
   */
  halfOpen(word = ""): number {
    const chosen = [...this.#connections].filter((connection) => connection.hasSent(word));
    for (const connection of chosen) connection.halfOpen();
    return chosen.length;
  }

  /** The next reply on each open connection breaks off: half of what arrives goes through, then RST or FIN. */
  cutNextReply(cut: Cut): void {
    for (const connection of this.#connections) connection.cut = cut;
  }

  /** New connections are refused by the system, as when no process listens. Open ones stay. */
  refuse(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Takes new connections again. */
  async admit(): Promise<void> {
    if (!this.#server.listening) await this.#listen(this.#port);
  }

  /** The network is well again. What is lost or closed stays so. */
  async heal(): Promise<void> {
    Object.assign(this.conditions, { latency: 0, blackHole: false, bytesPerSecond: undefined });
    for (const connection of this.#connections) connection.cut = undefined;
    await this.admit();
  }

  async close(): Promise<void> {
    this.refuse();
    const closing = [...this.#sockets].map((socket) => once(socket, "close"));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closing);
  }

  async #listen(port: number): Promise<void> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  #accept(client: Socket): void {
    const place = this.#targets[this.#accepted++ % this.#targets.length] ?? 0;
    const target = typeof place === "string" ? { path: place } : { host: "127.0.0.1", port: place };
    const upstream = connect({ ...target, allowHalfOpen: true });
    const connection = new ProxiedConnection(client, upstream, this.conditions);
    this.#connections.add(connection);
    for (const socket of [client, upstream]) this.#sockets.add(socket);
    for (const socket of [client, upstream]) {
      if (socket === client || typeof place === "number") socket.setNoDelay();
      socket.on("close", () => {
        this.#sockets.delete(socket);
        if (!this.#sockets.has(client) && !this.#sockets.has(upstream)) this.#connections.delete(connection);
      });
    }
  }
}

/** One client's connection, and the one to the server that stands behind it. */
class ProxiedConnection {
  cut: Cut | undefined;
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #conditions: Conditions;
  #isMute = false;
  /** The beginning of what the client has sent. */
  #sent = "";
  #hasClientLeft = false;

  constructor(client: Socket, upstream: Socket, conditions: Conditions) {
    this.#client = client;
    this.#upstream = upstream;
    this.#conditions = conditions;
    client.on("data", (bytes) => {
      if (this.#sent.length < NOTED) this.#sent += bytes.toString("latin1");
    });
    this.#pipe(client, upstream, (bytes) => upstream.write(bytes));
    this.#pipe(upstream, client, (bytes) => this.#deliverReply(bytes));
  }

  halfOpen(): void {
    this.#isMute = true;
    this.#upstream.destroy();
  }

  hasSent(word: string): boolean {
    return this.#sent.includes(word);
  }

  /** Bytes that were sent arrive even if the sender is gone by then, as they do in a network. */
  #pipe(from: Socket, to: Socket, write: (bytes: Buffer) => void): void {
    const queue = new ByteQueue(this.#conditions, (bytes) => {
      if (!this.#swallows() && to.writable) write(bytes);
    });
    from.on("data", (bytes) => {
      if (!this.#swallows()) queue.push(bytes);
    });
    from.on("end", () => queue.afterwards(() => this.#closeAfter(from)));
    // "close" follows on every error, and is all that is of interest here.
    from.on("error", () => {});
    from.on("close", () => queue.afterwards(() => this.#closeAfter(from)));
  }

  #swallows(): boolean {
    this.#isMute ||= this.#conditions.blackHole;
    return this.#isMute;
  }

  #deliverReply(bytes: Buffer): void {
    const { cut } = this;
    if (cut === undefined) return void this.#client.write(bytes);
    this.cut = undefined;
    this.#isMute = true;
    this.#upstream.destroy();
    this.#client.write(bytes.subarray(0, Math.floor(bytes.length / 2)));
    if (cut === "truncate") this.#client.end();
    else setTimeout(() => this.#client.resetAndDestroy(), RESET_GAP);
  }

  /**
   * Closes the other side when one side has closed, but a mute connection tells the client nothing,
   * unless it has left before.
   */
  #closeAfter(from: Socket): void {
    this.#hasClientLeft ||= from === this.#client;
    if (!this.#isMute) return void (from === this.#client ? this.#upstream : this.#client).end();
    if (!this.#hasClientLeft) return;
    this.#client.destroy();
    this.#upstream.destroy();
  }
}
