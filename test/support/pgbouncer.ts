import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findDatabaseCommand } from "../../scripts/services.mjs";
import { endServer, untilReady } from "./server-process.ts";
import { deleteFolder, makeTemporaryFolder } from "./temporary-folder.ts";

/**
 * A PgBouncer of the test's own in transaction mode, before a PostgreSQL server, on a socket in a temporary
 * folder.
 */
export class PgBouncer {
  readonly folder: string;
  #process: ChildProcess | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @param server Settings of the PostgreSQL server. @param size How many connections it has to that. */
  static async start(
    server: { readonly host: string; readonly user: string },
    size: number,
  ): Promise<PgBouncer> {
    const bouncer = new PgBouncer(makeTemporaryFolder("sojourn-pgbouncer"));
    // It refuses to run as root, and makes its socket as whoever it runs as.
    chmodSync(bouncer.folder, 0o777);
    const lines = [
      "[databases]",
      `* = host=${server.host} port=5432 user=${server.user}`,
      "[pgbouncer]",
      "pool_mode = transaction",
      `default_pool_size = ${size}`,
      "max_client_conn = 200",
      "listen_addr =",
      "listen_port = 6432",
      `unix_socket_dir = ${bouncer.folder}`,
      "auth_type = any",
    ];
    const path = join(bouncer.folder, "pgbouncer.ini");
    writeFileSync(path, lines.join("\n"));
    const asOther = process.getuid?.() === 0 ? ["-u", "postgres"] : [];
    const child = spawn(findDatabaseCommand(["pgbouncer"]) ?? "pgbouncer", [...asOther, path], {
      cwd: bouncer.folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
    bouncer.#process = child;
    await untilReady(child, "process up");
    return bouncer;
  }

  /** Settings of a pool of `pg`. */
  get settings(): { host: string; port: number; user: string; database: string } {
    return { host: this.folder, port: 6432, user: "postgres", database: "postgres" };
  }

  async stop(): Promise<void> {
    if (this.#process !== undefined) await endServer(this.#process, "SIGKILL");
    deleteFolder(this.folder);
  }
}
