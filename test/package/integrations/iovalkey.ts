import { createServer, type AddressInfo, type Socket } from "node:net";
import { Cluster, Redis } from "iovalkey";
import { createSojourn } from "sojourn";
import { redisCacheStore, redisSessionStore } from "sojourn/stores/redis";

/** As much of Redis as one cache entry needs. */
const server = createServer((socket: Socket) => {
  socket.on("data", (chunk) => {
    for (const command of chunk
      .toString()
      .split(/^\*\d+\r\n/m)
      .slice(1))
      socket.write(answer(command));
  });
}).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));

let stored = "$-1\r\n";
function answer(command: string): string {
  const [, name = "", , , , value = ""] = command.split("\r\n");
  if (/^info$/i.test(name)) return "$0\r\n\r\n";
  if (/^get$/i.test(name)) return stored;
  if (/^set$/i.test(name)) stored = `$${value.length}\r\n${value}\r\n`;
  return "+OK\r\n";
}

const client = new Redis({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
const cluster = new Cluster([{ host: "127.0.0.1", port: 1 }], { lazyConnect: true });
const { caches, close } = createSojourn({
  projectName: "myproject",
  secretKey: "a secret that is only for this test",
  redis: { default: { client }, cluster: { client: cluster } },
  sessions: { store: redisSessionStore({ connection: "cluster" }) },
  caches: { default: { store: redisCacheStore({ connection: "default" }), keyPrefix: "myproject" } },
});
await caches.default.set("a", [1, 2], { timeout: "1m" });
const found = await caches.default.get("a");
await close();
const redis = { default: { client: "redis" } };
// @ts-expect-error A client is an object.
const wrong = () => createSojourn({ projectName: "p", secretKey: "s", redis });
client.disconnect();
cluster.disconnect();
server.close();
process.stdout.write(`${JSON.stringify(found) === "[1,2]" && typeof wrong === "function"}\n`);
