import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as send,
  type RequestListener,
  type Server,
} from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface Reply {
  readonly status: number;
  readonly statusMessage: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
  readonly trailers: NodeJS.Dict<string>;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A real server on a free port of the loopback address, closed when the test ends. */
export class TestServer {
  readonly server: Server;
  readonly port: number;

  private constructor(server: Server) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(listener: RequestListener): Promise<TestServer> {
    const server = createServer(listener).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return new TestServer(server);
  }

  /** Sends a request on a connection of its own. */
  async get(path = "/", { method = "GET", headers = {} }: RequestOptions = {}): Promise<Reply> {
    const outgoing = send({ host: "127.0.0.1", port: this.port, path, method, headers, agent: false });
    outgoing.end();
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    return {
      status: incoming.statusCode ?? 0,
      statusMessage: incoming.statusMessage ?? "",
      headers: incoming.headers,
      rawHeaders: incoming.rawHeaders,
      body: Buffer.concat(chunks).toString("latin1"),
      trailers: incoming.trailers,
    };
  }

  connect(): Promise<RawClient> {
    return RawClient.connect(this.port);
  }
}

/** A client that sees every byte. */
export class RawClient {
  readonly socket: Socket;
  received = "";
  isClosed = false;
  #changed: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.received += text;
      this.#changed();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.isClosed = true;
      this.#changed();
    });
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    onTestFinished(() => void socket.destroy());
    return new RawClient(socket);
  }

  send(text: string): void {
    this.socket.write(text.replaceAll("\n", "\r\n"));
  }

  /** Sends a GET with no headers but Host. */
  get(path: string, headers = ""): void {
    this.send(`GET ${path} HTTP/1.1\nHost: test\n${headers}\n`);
  }

  /** Waits for a text, or for what a function finds. Fails when the connection closes before. */
  async waitFor(wanted: string | ((received: string) => boolean)): Promise<string> {
    const isThere = typeof wanted === "string" ? (text: string) => text.includes(wanted) : wanted;
    while (!isThere(this.received)) {
      if (this.isClosed) throw new Error(`The connection closed; received: ${JSON.stringify(this.received)}`);
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
    return this.received;
  }

  async waitForClose(): Promise<string> {
    while (!this.isClosed) await new Promise<void>((resolve) => (this.#changed = resolve));
    return this.received;
  }
}

/** For `expect.poll`: a busy machine is no failure, and who waits for what never comes runs into the test's own limit. */
export const PATIENT = { timeout: 25_000, interval: 5 };

/** The event loop of client and server, which are one process, has gone through all its phases that often. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Fails the test when something is thrown that nobody catches. */
export function watchProcess(): unknown[] {
  const seen: unknown[] = [];
  const note = (error: unknown): void => void seen.push(error);
  process.on("unhandledRejection", note).on("uncaughtException", note);
  onTestFinished(() => void process.off("unhandledRejection", note).off("uncaughtException", note));
  return seen;
}
