import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, vi } from "vitest";
import { findDatabaseCommand } from "../../scripts/services.mjs";
import { canConnect } from "./can-connect.ts";
import { freePort, makeCertificate } from "./redis-server.ts";
import { describeWithCommands, endServer, tracked } from "./server-process.ts";
import { deleteFolder, makeTemporaryFolder } from "./temporary-folder.ts";

export const MEMCACHED = ["memcached"];

/** `describe` for tests that need memcached. */
export function describeWithMemcached(title: string, define: () => void): void {
  describeWithCommands(MEMCACHED, title, define);
}

/**
 * Starts a server that the tests of the file share. `undefined` without memcached, but in CI, where it
 * has to be there.
 */
export async function memcachedForFile(): Promise<MemcachedServer | undefined> {
  if (process.env["CI"] !== "true" && findDatabaseCommand(MEMCACHED) === undefined) return undefined;
  const server = await MemcachedServer.start();
  afterAll(() => server.stop());
  return server;
}

/** Further settings of a server. */
interface ServerOptions {
  /** Listens with TLS on a port, with a certificate of its own making. */
  readonly tls?: boolean;
  /** Line of its file of users, `name:password`. */
  readonly user?: string;
}

/** A real memcached of the test's own, on a socket in a temporary folder. */
export class MemcachedServer {
  readonly folder: string;
  /** Port of a server with TLS. */
  port = 0;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(args: readonly string[]) {
    this.folder = makeTemporaryFolder("sojourn-memcached");
    this.#args = args;
  }

  /** @param args Further options of the server. */
  static async start(args: readonly string[] = []): Promise<MemcachedServer> {
    const server = new MemcachedServer(args);
    await server.restart();
    return server;
  }

  /** Starts a server that asks for a password, or speaks TLS. */
  static async startGuarded({ tls = false, user }: ServerOptions): Promise<MemcachedServer> {
    const args: string[] = [];
    const server = new MemcachedServer(args);
    if (tls) {
      server.port = await freePort();
      makeCertificate(server.folder);
      const files = `ssl_chain_cert=${server.certificate},ssl_key=${join(server.folder, "key.pem")}`;
      args.push("-l", "127.0.0.1", "-p", String(server.port), "-Z", "-o", files);
    }
    if (user !== undefined) {
      const users = join(server.folder, "users");
      writeFileSync(users, `${user}\n`);
      args.push("-Y", users);
    }
    await server.restart();
    return server;
  }

  /** File of the certificate of a server with TLS. */
  get certificate(): string {
    return join(this.folder, "certificate.pem");
  }

  /** Path of its socket, which is its address as well. */
  get path(): string {
    return join(this.folder, "memcached.sock");
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child !== undefined) await endServer(child, "SIGKILL");
  }

  /** Starts it again, on the same socket, with nothing in it. */
  async restart(): Promise<void> {
    await this.kill();
    const user = process.getuid?.() === 0 ? ["-u", "root"] : [];
    const place = this.port === 0 ? ["-s", this.path] : [];
    const child = spawn("memcached", [...place, ...user, ...this.#args], { stdio: "ignore" });
    this.#process = tracked(child);
    const isThere = this.port === 0 ? () => existsSync(this.path) : () => canConnect(this.port);
    await vi.waitUntil(isThere, { timeout: 10_000, interval: 5 });
  }

  /** Ends it and deletes its folder. */
  async stop(): Promise<void> {
    await this.kill();
    deleteFolder(this.folder);
  }
}
