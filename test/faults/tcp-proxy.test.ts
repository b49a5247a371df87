import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { TcpProxy } from "./tcp-proxy.ts";

interface Echo {
  readonly port: number;
  readonly sockets: ReadonlySet<Socket>;
  readonly received: () => string;
}

/** A server that sends back what it gets. */
async function startEcho(): Promise<Echo> {
  const sockets = new Set<Socket>();
  let received = "";
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      received += bytes.toString();
      socket.write(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, sockets, received: () => received };
}

/** A client that remembers what came, and how the connection ended. */
class Client {
  readonly socket: Socket;
  received = "";
  ending: "open" | "fin" | "reset" = "open";

  constructor(port: number) {
    this.socket = connect({ host: "127.0.0.1", port });
    this.socket.on("data", (bytes) => (this.received += bytes.toString()));
    this.socket.on("end", () => (this.ending = "fin"));
    this.socket.on("error", () => (this.ending = "reset"));
  }

  async ask(text: string): Promise<number> {
    const expected = this.received + text;
    const begin = performance.now();
    this.socket.write(text);
    await vi.waitFor(() => expect(this.received).toBe(expected), { interval: 2, timeout: 5000 });
    return performance.now() - begin;
  }
}

async function start() {
  const echo = await startEcho();
  const proxy = await TcpProxy.start(echo.port);
  onTestFinished(() => proxy.close());
  const client = new Client(proxy.port);
  onTestFinished(() => void client.socket.destroy());
  await client.ask("hello");
  return { echo, proxy, client };
}

/** Long enough for what must not come: an answer of the echo server takes about a millisecond. */
const A_WHILE = 100;

test("bytes go through, and a closed client leaves no socket behind on either side", async () => {
  const { echo, proxy, client } = await start();
  expect(proxy.openSockets).toBe(2);
  client.socket.destroy();
  await vi.waitFor(() => expect(proxy.openSockets).toBe(0));
  await vi.waitFor(() => expect(echo.sockets.size).toBe(0));
  expect(proxy.accepted).toBe(1);
});

test("latency delays each way, keeps the order, and can be switched off on an open connection", async () => {
  const { proxy, client } = await start();
  proxy.conditions.latency = 60;
  expect(await client.ask("slow")).toBeGreaterThanOrEqual(119);
  client.socket.write("first,");
  proxy.conditions.latency = 0;
  client.socket.write("second");
  await vi.waitFor(() => expect(client.received).toBe("helloslowfirst,second"));
});

test("bytes that a client sent before it closed still arrive", async () => {
  const { echo, proxy, client } = await start();
  proxy.conditions.latency = 60;
  client.socket.write("late");
  client.socket.end();
  await vi.waitFor(() => expect(echo.received()).toBe("hellolate"));
});

test("a black hole swallows both ways, and a connection that lost bytes stays mute when it is over", async () => {
  const { echo, proxy, client } = await start();
  proxy.conditions.blackHole = true;
  client.socket.write("lost");
  await new Promise((resolve) => setTimeout(resolve, A_WHILE));
  await proxy.heal();
  client.socket.write("lost too");
  await new Promise((resolve) => setTimeout(resolve, A_WHILE));
  expect([echo.received(), client.received, client.ending]).toStrictEqual(["hello", "hello", "open"]);
  const other = new Client(proxy.port);
  onTestFinished(() => void other.socket.destroy());
  await other.ask("well again");
  client.socket.destroy();
  other.socket.destroy();
  await vi.waitFor(() => expect(proxy.openSockets).toBe(0));
});

test("a connection that its client has closed before the black hole leaves nothing behind", async () => {
  const { echo, proxy, client } = await start();
  for (const socket of echo.sockets) socket.pause();
  client.socket.end("last");
  await new Promise((resolve) => setTimeout(resolve, A_WHILE));
  proxy.conditions.blackHole = true;
  for (const socket of echo.sockets) socket.resume();
  await vi.waitFor(() => expect(proxy.openSockets).toBe(0));
  expect(client.received).toBe("hello");
});

test("half-open: the server's side is closed, and the client hears nothing", async () => {
  const { echo, proxy, client } = await start();
  proxy.halfOpen();
  await vi.waitFor(() => expect(echo.sockets.size).toBe(0));
  client.socket.write("anybody?");
  await new Promise((resolve) => setTimeout(resolve, A_WHILE));
  expect([client.received, client.ending, proxy.openSockets]).toStrictEqual(["hello", "open", 1]);
  client.socket.destroy();
  await vi.waitFor(() => expect(proxy.openSockets).toBe(0));
});

test.each([
  ["truncate", "fin"],
  ["reset", "reset"],
] as const)("a reply that is cut off (%s): at most half of it comes, then %s", async (cut, ending) => {
  const { proxy, client } = await start();
  proxy.cutNextReply(cut);
  client.socket.write("0123456789");
  await vi.waitFor(() => expect(client.ending).toBe(ending));
  // A reset may overtake what was sent before it.
  expect(cut === "reset" ? ["hello", "hello01234"] : ["hello01234"]).toContain(client.received);
  await vi.waitFor(() => expect(proxy.openSockets).toBe(0));
});

test("new connections are refused, the open one stays, and later ones are admitted again", async () => {
  const { proxy, client } = await start();
  proxy.refuse();
  const refused = connect({ host: "127.0.0.1", port: proxy.port });
  const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
  expect(error.code).toBe("ECONNREFUSED");
  await client.ask("still here");
  await proxy.admit();
  const other = new Client(proxy.port);
  onTestFinished(() => void other.socket.destroy());
  await other.ask("hello again");
});

test("a trickle of 1000 bytes a second takes about 100 ms for 100 bytes, and loses none", async () => {
  const { proxy, client } = await start();
  proxy.conditions.bytesPerSecond = 1000;
  // The way back begins with the first piece that has arrived, so both ways overlap.
  expect(await client.ask("x".repeat(100))).toBeGreaterThanOrEqual(80);
  expect(client.received).toBe(`hello${"x".repeat(100)}`);
});
