import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { findDatabaseCommand } from "../../scripts/services.mjs";
import { describeWithCommands, endServer, untilReady } from "./server-process.ts";
import { deleteFolder, makeTemporaryFolder } from "./temporary-folder.ts";

/** `describe` for tests that need MariaDB. */
export function describeWithMariadb(title: string, define: () => void): void {
  describeWithCommands(["mariadbd"], title, define);
}

/**
 * A real MariaDB server of the test's own, in a temporary folder, on a socket there. Any user may do
 * anything.
 */
export class MariadbServer {
  readonly folder: string;
  #process: ChildProcess | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async start(): Promise<MariadbServer> {
    const server = new MariadbServer(makeTemporaryFolder("sojourn-mariadb"));
    mkdirSync(join(server.#data, "sojourn"), { recursive: true });
    await server.#launch();
    return server;
  }

  /** Settings of a pool of `mysql2`. A folder is a database. */
  get settings(): { socketPath: string; user: string; database: string } {
    return { socketPath: this.#socket, user: "root", database: "sojourn" };
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child !== undefined) await endServer(child, "SIGKILL");
  }

  /** Starts it again, on the same socket and with the same data. */
  async restart(): Promise<void> {
    await this.kill();
    await this.#launch();
  }

  /** Ends it and deletes its folder. */
  async stop(): Promise<void> {
    await this.kill();
    deleteFolder(this.folder);
  }

  get #data(): string {
    return join(this.folder, "data");
  }

  get #socket(): string {
    return join(this.folder, "mariadb.sock");
  }

  async #launch(): Promise<void> {
    const child = spawn(findDatabaseCommand(["mariadbd"]) ?? "mariadbd", this.#args(), {
      cwd: this.folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#process = child;
    await untilReady(child, "ready for connections");
  }

  /** Without the tables of users it needs no installation. Its default character set is latin1. */
  #args(): string[] {
    const place = [
      `--datadir=${this.#data}`,
      `--socket=${this.#socket}`,
      `--pid-file=${join(this.folder, "pid")}`,
    ];
    const speed = ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M"];
    const asRoot = process.getuid?.() === 0 ? ["--user=root"] : [];
    return ["--no-defaults", "--skip-networking", "--skip-grant-tables", ...place, ...speed, ...asRoot];
  }
}
