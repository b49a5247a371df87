import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  request as send,
  type RequestListener,
  type Server,
} from "node:http";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  createServer as createHttp2Server,
  type Http2Server,
  type IncomingHttpHeaders as Http2Headers,
} from "node:http2";
import { type AddressInfo, connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { isHttp2, protocol } from "./protocol.ts";
import { parseReply, type Reply } from "./reply.ts";

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A client whose connection a test can look at, and break off. */
export interface Client {
  readonly socket: { destroy(): void; pause(): void };
  /** As it came over HTTP/1, and of HTTP/2 what would have come. */
  readonly received: string;
  readonly isClosed: boolean;
  /** Sends a GET with no headers but Host. */
  get(path: string, headers?: string): void;
  /** Waits for a text, or for what a function finds. Fails when the connection closes before. */
  waitFor(wanted: string | ((received: string) => boolean)): Promise<string>;
  waitForClose(): Promise<string>;
}

/**
 * A real server on a free port of the loopback address, closed when the test ends. It speaks
 * {@link protocol}.
 */
export class TestServer {
  readonly server: Server | Http2Server;
  readonly port: number;

  private constructor(server: Server | Http2Server) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(listener: RequestListener): Promise<TestServer> {
    const server = isHttp2 ? startHttp2(listener) : startHttp1(listener);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TestServer(server);
  }

  /** Sends a request on a connection of its own. */
  get(path = "/", { method = "GET", headers = {} }: RequestOptions = {}): Promise<Reply> {
    if (protocol === "HTTP/1.0") return this.#getOverHttp10(path, method, headers);
    if (protocol === "HTTP/2") return this.#getOverHttp2(path, method, headers);
    return this.#getOverHttp11(path, method, headers);
  }

  connect(): Promise<Client> {
    return isHttp2 ? Http2Client.connect(this.port) : RawClient.connect(this.port);
  }

  async #getOverHttp11(
    path: string,
    method: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Reply> {
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

  async #getOverHttp10(
    path: string,
    method: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Reply> {
    const client = await RawClient.connect(this.port);
    const fields = Object.entries({ Host: `127.0.0.1:${this.port}`, ...capitalized(headers) });
    const lines = fields.map(([name, value]) => `${name}: ${value}\n`);
    client.send(`${method} ${path} HTTP/1.0\n${lines.join("")}\n`);
    return parseReply(await client.waitForClose());
  }

  async #getOverHttp2(
    path: string,
    method: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Reply> {
    const session = connectHttp2(`http://127.0.0.1:${this.port}`);
    onTestFinished(() => session.destroy());
    const { host, ...fields } = lowerCased(headers);
    const authority = host === undefined ? {} : { ":authority": host };
    const stream = session.request({ ":path": path, ":method": method, ...authority, ...fields });
    stream.end();
    const trailers: NodeJS.Dict<string> = {};
    stream.on("trailers", (received: NodeJS.Dict<string>) =>
      Object.assign(trailers, Object.fromEntries(Object.entries(received))),
    );
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    const [head] = await Promise.all([once(stream, "response"), once(stream, "end")]);
    const [received, , raw] = head as [Http2Headers, number, string[]];
    session.close();
    const status = Number(received[":status"]);
    return {
      status,
      statusMessage: "",
      headers: Object.fromEntries(Object.entries(received).filter(([name]) => name !== ":status")),
      rawHeaders: raw.slice(2),
      body: Buffer.concat(chunks).toString("latin1"),
      trailers,
    };
  }
}

function startHttp1(listener: RequestListener): Server {
  const server = createServer(listener);
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return server;
}

function startHttp2(listener: RequestListener): Http2Server {
  const server = createHttp2Server(listener as never);
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => sessions.add(session));
  onTestFinished(async () => {
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return server;
}

const lowerCased = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

const capitalize = (name: string): string =>
  name.replaceAll(/(?:^|-)[a-z]/g, (letters) => letters.toUpperCase());

const capitalized = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [capitalize(name), value]));

/** A connection as a test sees it. */
abstract class WatchedClient {
  received = "";
  isClosed = false;
  #changed: () => void = () => {};

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

  protected receive(text: string): void {
    this.received += text;
    this.#changed();
  }

  protected noteClose(): void {
    this.isClosed = true;
    this.#changed();
  }
}

/** A client that sees every byte. */
export class RawClient extends WatchedClient implements Client {
  readonly socket: Socket;

  private constructor(socket: Socket) {
    super();
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.receive(text));
    socket.on("error", () => {});
    socket.on("close", () => this.noteClose());
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

  get(path: string, headers = ""): void {
    this.send(`GET ${path} ${protocol}\nHost: test\n${headers}\n`);
  }
}

/** A client that writes down what comes over HTTP/2 as it would have come over HTTP/1.1. */
class Http2Client extends WatchedClient implements Client {
  readonly #session: ClientHttp2Session;
  readonly #streams: ClientHttp2Stream[] = [];

  private constructor(session: ClientHttp2Session) {
    super();
    this.#session = session;
    session.on("error", () => {});
    session.on("close", () => this.noteClose());
  }

  static async connect(port: number): Promise<Http2Client> {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    await once(session, "connect");
    onTestFinished(() => session.destroy());
    return new Http2Client(session);
  }

  readonly socket = {
    destroy: (): void => this.#session.destroy(),
    pause: (): void => {
      // The window of a stream is not opened again while nobody reads.
      this.#isPaused = true;
      for (const stream of this.#streams) stream.pause();
    },
  };

  #isPaused = false;

  get(path: string, headers = ""): void {
    const fields = headers.split("\n").filter((line) => line !== "");
    const named = fields.map((line) => line.split(": ") as [string, string]);
    const stream = this.#session.request({
      ":path": path,
      ":authority": "test",
      ...lowerCased(Object.fromEntries(named)),
    });
    this.#streams.push(stream);
    let [hasBegun, isComplete] = [false, false];
    stream.on("response", (received, _flags, raw: unknown = []) => {
      const pairs = raw as string[];
      const lines = pairs.flatMap((name, at) =>
        at % 2 === 0 && !name.startsWith(":") ? [`${capitalize(name)}: ${pairs[at + 1]}\r\n`] : [],
      );
      hasBegun = true;
      this.receive(`HTTP/1.1 ${received[":status"]} \r\n${lines.join("")}\r\n`);
      if (this.#isPaused) stream.pause();
      else stream.on("data", (chunk: Buffer) => this.receive(chunk.toString("latin1")));
    });
    stream.on("end", () => {
      isComplete = hasBegun && stream.rstCode === 0;
      if (isComplete) this.receive("\r\n0\r\n");
    });
    stream.on("error", () => {});
    stream.on("close", () => {
      if (!isComplete || stream.rstCode !== 0) this.noteClose();
    });
  }
}

/**
 * For `expect.poll`: a busy machine is no failure, and who waits for what never comes runs into the test's
 * own limit.
 */
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
