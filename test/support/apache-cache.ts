import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { findDatabaseCommand } from "../../scripts/services.mjs";
import { canConnect } from "./can-connect.ts";
import { freePort } from "./redis-server.ts";
import { describeWithCommands, endServer } from "./server-process.ts";
import { deleteFolder, makeTemporaryFolder } from "./temporary-folder.ts";

const MODULES = "/usr/lib/apache2/modules";
const LOADED = ["mpm_event", "authz_core", "proxy", "proxy_http", "cache", "cache_disk"];

/** `describe` for tests that need a shared cache. */
export function describeWithApache(title: string, define: () => void): void {
  describeWithCommands(["apache2"], title, define);
}

/** A real Apache in front of a server: mod_cache as it comes, with nothing set but where it keeps its files. */
export class ApacheCache {
  readonly port: number;
  readonly #folder: string;
  readonly #process: ChildProcess;

  private constructor(port: number, folder: string, child: ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#process = child;
  }

  /** @param behind The port of the server whose pages it keeps. */
  static async start(behind: number): Promise<ApacheCache> {
    const folder = makeTemporaryFolder("sojourn-apache");
    const port = await freePort();
    const files = join(folder, "cache");
    mkdirSync(files);
    // Apache gives up root's rights before it writes there.
    chmodSync(folder, 0o755);
    chmodSync(files, 0o777);
    writeFileSync(join(folder, "apache.conf"), settings({ folder, files, port, behind }));
    const command = findDatabaseCommand(["apache2"]) ?? "apache2";
    const child = spawn(command, ["-D", "FOREGROUND", "-f", join(folder, "apache.conf")], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    process.once("exit", () => child.kill());
    await untilListening(child, port, join(folder, "error.log"));
    return new ApacheCache(port, folder, child);
  }

  async stop(): Promise<void> {
    await endServer(this.#process, "SIGTERM");
    deleteFolder(this.#folder);
  }
}

function settings(place: { folder: string; files: string; port: number; behind: number }): string {
  return [
    `ServerRoot "${place.folder}"`,
    "ServerName localhost",
    `PidFile "${join(place.folder, "pid")}"`,
    `Listen 127.0.0.1:${place.port}`,
    // It cannot open the pipe that its error output is here.
    `ErrorLog "${join(place.folder, "error.log")}"`,
    "LogLevel notice",
    ...(process.getuid?.() === 0 ? ["User www-data", "Group www-data"] : []),
    ...LOADED.map((name) => `LoadModule ${name}_module "${MODULES}/mod_${name}.so"`),
    `CacheRoot "${place.files}"`,
    'CacheEnable disk "/"',
    `ProxyPass "/" "http://127.0.0.1:${place.behind}/"`,
    "",
  ].join("\n");
}

async function untilListening(child: ChildProcess, port: number, log: string): Promise<void> {
  while (!(await canConnect(port))) {
    if (child.exitCode !== null)
      throw new Error(`Apache ended: ${existsSync(log) ? readFileSync(log, "utf8") : ""}`);
    await setTimeout(20);
  }
}
