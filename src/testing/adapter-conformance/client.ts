import { type ClientRequest, type IncomingMessage, request as send } from "node:http";
import { connect, type ClientHttp2Session } from "node:http2";

/** Options of a request. */
export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A response as far as it has arrived. */
export class Exchange {
  status = 0;
  headers: Headers = {};
  body = "";
  /** The response has arrived completely. */
  isComplete = false;
  #isOver = false;
  readonly #waiting: (() => void)[] = [];
  readonly #disconnect: () => void;

  constructor(disconnect: () => void) {
    this.#disconnect = disconnect;
  }

  get hasStarted(): boolean {
    return this.status !== 0;
  }

  get setCookie(): readonly string[] {
    return [this.headers["set-cookie"] ?? []].flat();
  }

  begin(status: number, headers: Headers): void {
    this.status = status;
    this.headers = headers;
    this.#change();
  }

  receive(chunk: Buffer): void {
    this.body += chunk.toString("latin1");
    this.#change();
  }

  finish(isComplete: boolean): void {
    this.isComplete = isComplete;
    this.#isOver = true;
    this.#change();
  }

  /** Waits for a part of the body. @throws When the response ends without it. */
  async bodyWith(text: string): Promise<void> {
    while (!this.body.includes(text)) {
      if (this.#isOver) throw new Error(`The response ended without "${text}": "${this.body}".`);
      await this.#nextChange();
    }
  }

  /** Waits for the end of the response, or of its connection. */
  async end(): Promise<this> {
    while (!this.#isOver) await this.#nextChange();
    return this;
  }

  /** Leaves, as a visitor who closes the page. */
  leave(): void {
    this.#disconnect();
  }

  #change(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}

/** Sends requests to a server on the loopback address, each on a connection of its own. */
export class TestClient {
  readonly #port: number;
  readonly #isHttp2: boolean;
  readonly #exchanges = new Set<Exchange>();

  constructor(port: number, protocol: "HTTP/1.1" | "HTTP/2") {
    this.#port = port;
    this.#isHttp2 = protocol === "HTTP/2";
  }

  open(path: string, { method = "GET", headers = {} }: RequestOptions = {}): Exchange {
    const exchange = this.#isHttp2
      ? openHttp2(this.#port, path, method, headers)
      : openHttp1(this.#port, path, method, headers);
    this.#exchanges.add(exchange);
    return exchange;
  }

  close(): void {
    for (const exchange of this.#exchanges) exchange.leave();
  }
}

function openHttp1(port: number, path: string, method: string, headers: RequestOptions["headers"]): Exchange {
  const outgoing: ClientRequest = send({ host: "127.0.0.1", port, path, method, headers, agent: false });
  const exchange = new Exchange(() => outgoing.destroy());
  outgoing.on("response", (incoming: IncomingMessage) => {
    exchange.begin(incoming.statusCode ?? 0, incoming.headers);
    incoming.on("data", (chunk: Buffer) => exchange.receive(chunk));
    incoming.on("error", () => {});
    incoming.on("close", () => exchange.finish(incoming.complete));
  });
  outgoing.on("error", () => exchange.finish(false));
  outgoing.end();
  return exchange;
}

function openHttp2(port: number, path: string, method: string, headers: RequestOptions["headers"]): Exchange {
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`);
  const exchange = new Exchange(() => session.destroy());
  session.on("error", () => exchange.finish(false));
  const stream = session.request({ ":path": path, ":method": method, ...headers });
  let hasEnded = false;
  stream.on("response", ({ ":status": status, ...received }) => exchange.begin(status ?? 0, received));
  stream.on("data", (chunk: Buffer) => exchange.receive(chunk));
  stream.on("end", () => {
    hasEnded = exchange.hasStarted;
  });
  stream.on("error", () => {});
  stream.on("close", () => {
    exchange.finish(hasEnded && stream.rstCode === 0);
    session.destroy();
  });
  stream.end();
  return exchange;
}

/** A browser: keeps cookies, and sends them back. */
export class Visitor {
  readonly #client: TestClient;
  readonly #cookies = new Map<string, string>();

  constructor(client: TestClient) {
    this.#client = client;
  }

  /** Value of the Cookie header; `undefined` without cookies. */
  get cookieHeader(): string | undefined {
    if (this.#cookies.size === 0) return undefined;
    return Array.from(this.#cookies, ([name, value]) => `${name}=${value}`).join("; ");
  }

  open(path: string, { method = "GET", headers = {} }: RequestOptions = {}): Exchange {
    const { cookieHeader } = this;
    const all = cookieHeader === undefined ? headers : { ...headers, cookie: cookieHeader };
    return this.#client.open(path, { method, headers: all });
  }

  /** Waits for the whole response, and keeps its cookies. */
  async get(path: string, options?: RequestOptions): Promise<Exchange> {
    const exchange = await this.open(path, options).end();
    this.keep(exchange.setCookie);
    return exchange;
  }

  post(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Exchange> {
    return this.get(path, { method: "POST", headers });
  }

  /** Keeps the cookies of a response, and forgets those that it ends. */
  keep(setCookie: readonly string[]): void {
    for (const cookie of setCookie) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (/;\s*Max-Age=0\b/i.test(cookie)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }
}
