import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findDatabaseCommand } from "../../scripts/services.mjs";
import { describeWithCommands, endServer, untilReady } from "./server-process.ts";
import { deleteFolder, makeTemporaryFolder } from "./temporary-folder.ts";

/** `describe` for tests that need PostgreSQL. */
export function describeWithPostgres(title: string, define: () => void): void {
  describeWithCommands(["postgres", "initdb"], title, define);
}

/** A real PostgreSQL server of the test's own, in a temporary folder, on a socket there. */
export class PostgresServer {
  readonly folder: string;
  #process: ChildProcess | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async start(): Promise<PostgresServer> {
    const folder = makeTemporaryFolder("sojourn-postgres");
    const server = new PostgresServer(folder);
    const owner = serverUser();
    if (owner !== undefined) chownSync(folder, owner.uid, owner.gid);
    const settings = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync"];
    execFileSync(commandPath("initdb"), ["-D", server.#data, ...settings], {
      cwd: folder,
      stdio: "pipe",
      ...owner,
    });
    await server.#launch();
    return server;
  }

  /** Settings of a pool of `pg`. */
  get settings(): { host: string; user: string; database: string } {
    return { host: this.folder, user: "postgres", database: "postgres" };
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    // SIGQUIT ends its other processes too, without any leave-taking.
    if (child !== undefined) await endServer(child, "SIGQUIT");
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

  async #launch(): Promise<void> {
    const settings = [
      "listen_addresses=",
      `unix_socket_directories=${this.folder}`,
      "fsync=off",
      "max_connections=60",
    ];
    const args = ["-D", this.#data, ...settings.flatMap((setting) => ["-c", setting])];
    const child = spawn(commandPath("postgres"), args, {
      cwd: this.folder,
      stdio: ["ignore", "ignore", "pipe"],
      ...serverUser(),
    });
    this.#process = child;
    await untilReady(child, "database system is ready to accept connections");
  }
}

function commandPath(name: string): string {
  const path = findDatabaseCommand([name]);
  if (path === undefined) throw new Error(`${name} cannot be found.`);
  return path;
}

/** PostgreSQL refuses to run as root: then it runs as its own user, else as the one of nobody's files. */
function serverUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  const line = ["postgres", "nobody"].flatMap(
    (name) => lines.find((each) => each.startsWith(`${name}:`)) ?? [],
  )[0];
  const [, , uid, gid] = line?.split(":") ?? [];
  if (uid === undefined || gid === undefined)
    throw new Error("There is no user that PostgreSQL could run as.");
  return { uid: Number(uid), gid: Number(gid) };
}
