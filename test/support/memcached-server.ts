import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, vi } from "vitest";
import { findDatabaseCommand } from "../../scripts/services.mjs";
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

/** A real memcached of the test's own, on a socket in a temporary folder. */
export class MemcachedServer {
  readonly folder: string;
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
    const child = spawn("memcached", ["-s", this.path, ...user, ...this.#args], { stdio: "ignore" });
    this.#process = tracked(child);
    await vi.waitUntil(() => existsSync(this.path), { timeout: 10_000, interval: 5 });
  }

  /** Ends it and deletes its folder. */
  async stop(): Promise<void> {
    await this.kill();
    deleteFolder(this.folder);
  }
}
