import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createShop, type Shop } from "./app.ts";
import { readSettings, SettingsError, type ShopSettings } from "../shared/settings.ts";

const PATIENCE_MS = 3000;

try {
  await start(readSettings(process.env));
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}

async function start(settings: ShopSettings): Promise<void> {
  const shop = createShop(settings);
  const server = createServer(shop.app);
  server.listen(settings.port);
  await once(server, "listening");
  process.once("SIGINT", () => void stop(server, shop));
  process.once("SIGTERM", () => void stop(server, shop));
  const { port } = server.address() as AddressInfo;
  console.log(`Sojourn shop on http://localhost:${port}, sessions in ${settings.place}`);
  if (settings.advice !== undefined) console.log(settings.advice);
  await shop.sessions.ping().catch(warn);
}

function warn(error: unknown): void {
  console.error(`The shop is open, but its sessions are not: ${(error as Error).message}`);
}

/** Waits for running requests, then closes the shop's connections. */
async function stop(server: Server, shop: Shop): Promise<void> {
  const closed = once(server, "close");
  server.close();
  setTimeout(() => server.closeAllConnections(), PATIENCE_MS).unref();
  await closed;
  await shop.close();
}

function explain(error: unknown): string {
  const { code, port } = error as { code?: string; port?: number };
  if (code === "EADDRINUSE")
    return `Port ${port} is in use. Stop what uses it, or choose another: PORT=3001 npm start`;
  if (code === "EACCES")
    return `Port ${port} may not be used by you. Choose one from 1024 on: PORT=3001 npm start`;
  if (error instanceof SettingsError || code === "ERR_IMPROPERLY_CONFIGURED") return (error as Error).message;
  return String((error as Error).stack);
}
