import { BYTES } from "../../src/redis/clients/node-redis.ts";
import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { describe } from "vitest";

import { findRecentRedis } from "../../scripts/lib/recent-redis.mjs";
import type { RedisServerSettings, RedisSocketSettings } from "../../src/redis/settings.ts";
import { type ControlClient, newControlClient } from "./control-client.ts";
import { RedisMonitor } from "./redis-monitor.ts";
import { deleteFolder, makeTemporaryFolder } from "./temporary-folder.ts";

export type { ControlClient } from "./control-client.ts";

export interface RedisServerOptions {
  /** The command that starts the server. @defaultValue `"redis-server"`, from PATH */
  readonly command?: string;
  /** Keeps data over a kill: every write is on disk before it is answered. */
  readonly appendonly?: boolean;
  /** Listens on a unix socket instead of a port. */
  readonly unixSocket?: boolean;
  /** Listens with TLS, with a certificate of its own making. */
  readonly tls?: boolean;
  /** Names in its certificate. @defaultValue `"DNS:localhost,IP:127.0.0.1"` */
  readonly certificateNames?: string;
  /** Password of the default user. */
  readonly password?: string;
  /** An ACL user besides the default one, who may do everything unless `rules` say otherwise. */
  readonly user?: { readonly name: string; readonly password: string; readonly rules?: string };
  /** Makes it a sentinel that watches a master; two of them have to agree that it is down. */
  readonly sentinelOf?: { readonly name: string; readonly port: number };
  /** Further lines of redis.conf. */
  readonly config?: readonly string[];
}

const version = spawnSync("redis-server", ["--version"], { encoding: "utf8" });
const isInstalled = version.status === 0;
const running = new Set<ChildProcess>();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/**
 * `describe` for tests that need a Redis server. Without redis-server on PATH they are skipped, but fail in
 * CI: there a test that did not run must not look like one that passed.
 */
export function describeWithRedis(title: string, define: () => void): void {
  if (!isInstalled && process.env["CI"] === "true") {
    throw new Error("redis-server is not on PATH. Install Redis, or run: npm run services");
  }
  const reason = isInstalled ? "" : " (skipped: redis-server is not on PATH)";
  describe.skipIf(!isInstalled)(`${title}${reason}`, () => {
    define();
  });
}

/** Whether the `redis-server` on PATH is a Valkey, whose files no Redis reads. */
export const isValkey: boolean = isInstalled && version.stdout.startsWith("Valkey");

/** Path of a redis-server that is new enough to expire fields of hashes (7.4), if there is one. */
export const recentRedis: string | undefined = findRecentRedis();

/** `describe` for tests that need a Redis server of 7.4 or newer. Otherwise as {@link describeWithRedis}. */
export function describeWithRecentRedis(title: string, define: (command: string) => void): void {
  if (recentRedis === undefined && process.env["CI"] === "true") {
    throw new Error("There is no redis-server 7.4 or newer. Put one on PATH, or run: npm run services");
  }
  const reason = recentRedis === undefined ? " (skipped: there is no redis-server 7.4 or newer)" : "";
  describe.skipIf(recentRedis === undefined)(`${title}${reason}`, () => {
    define(recentRedis ?? "");
  });
}

/** A real redis-server of the test's own, in a temporary folder. */
export class RedisServer {
  readonly folder: string;
  /** 0 when it listens on a socket. */
  readonly port: number;
  readonly socketPath: string | undefined;
  readonly #options: RedisServerOptions;
  #command: string;
  #process: ChildProcess | undefined;
  #control: ControlClient | undefined;

  private constructor(folder: string, port: number, options: RedisServerOptions) {
    this.folder = folder;
    this.port = port;
    this.socketPath = options.unixSocket === true ? join(folder, "redis.sock") : undefined;
    this.#options = options;
    this.#command = options.command ?? "redis-server";
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const folder = makeTemporaryFolder("sojourn-redis");
    const port = options.unixSocket === true ? 0 : await freePort();
    const server = new RedisServer(folder, port, options);
    if (options.tls === true) makeCertificate(folder, options.certificateNames);
    writeFileSync(server.#configFile, server.#config().join("\n"));
    await server.#launch();
    return server;
  }

  /** Settings of a connection to this server. */
  get settings(): RedisServerSettings | RedisSocketSettings {
    const login = this.#options.password === undefined ? {} : { password: this.#options.password };
    if (this.socketPath !== undefined) return { path: this.socketPath, ...login };
    const { certificateNames } = this.#options;
    const servername =
      certificateNames === undefined ? {} : { servername: certificateNames.replace("DNS:", "") };
    const tls = this.#options.tls === true ? { ca: readFileSync(this.certificate), ...servername } : false;
    return { host: "127.0.0.1", port: this.port, tls, ...login };
  }

  /** `redis://` URL of a server without TLS and password. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** File of the certificate, when it listens with TLS. */
  get certificate(): string {
    return join(this.folder, "certificate.pem");
  }

  /** A connected client of the test's own. */
  async client(): Promise<ControlClient> {
    const client = newControlClient(this.settings);
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  /** Sends a command through a connection of the test's own. */
  async command(...args: (string | Buffer)[]): Promise<unknown> {
    if (this.#control?.isReady !== true) this.#control = await this.client();
    return this.#control.sendCommand(args);
  }

  /** {@link command}, whose reply has bytes in place of strings: keys need not be UTF-8. */
  async commandInBytes(...args: (string | Buffer)[]): Promise<unknown> {
    if (this.#control?.isReady !== true) this.#control = await this.client();
    return this.#control.sendCommand(args, BYTES);
  }

  /** Records the commands that clients send from now on. */
  async monitor(): Promise<RedisMonitor> {
    return RedisMonitor.start(await this.client(), (mark) => this.command("ECHO", mark));
  }

  /** The server accepts connections, but does nothing (SIGSTOP). */
  freeze(): void {
    this.#signal("SIGSTOP");
  }

  thaw(): void {
    this.#signal("SIGCONT");
  }

  /** Past the child itself: that of Deno takes a signal of any kind for its end. */
  #signal(signal: NodeJS.Signals): void {
    if (this.pid !== undefined) process.kill(this.pid, signal);
  }

  /** Ends it at once (SIGKILL), as a crash does. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    this.#control?.destroy();
    this.#control = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
    running.delete(child);
  }

  /**
   * Starts it again, on the same port or socket and with the same data directory; with a command, as another
   * version.
   */
  async restart(command: string = this.#command): Promise<void> {
    await this.kill();
    this.#command = command;
    await this.#launch();
  }

  /** Starts it again as {@link restart} does, but does not wait until it has loaded its data. */
  async restartLoading(): Promise<void> {
    await this.kill();
    await this.#launch("server initialized");
  }

  /** Ends it and deletes its folder. */
  async stop(): Promise<void> {
    await this.kill();
    deleteFolder(this.folder);
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get #configFile(): string {
    return join(this.folder, "redis.conf");
  }

  #config(): string[] {
    const { appendonly, password, user, tls, sentinelOf, config = [] } = this.#options;
    if (sentinelOf !== undefined) return [...this.#sentinelConfig(sentinelOf), ...config];
    const lines = ["bind 127.0.0.1", `dir ${this.folder}`, 'save ""', "enable-debug-command yes", ...config];
    lines.push(tls === true ? "port 0" : `port ${this.port}`);
    if (tls === true) lines.push(`tls-port ${this.port}`, "tls-auth-clients no");
    if (tls === true)
      lines.push(`tls-cert-file ${this.certificate}`, `tls-key-file ${join(this.folder, "key.pem")}`);
    if (tls === true) lines.push(`tls-ca-cert-file ${this.certificate}`);
    if (this.socketPath !== undefined) lines.push(`unixsocket ${this.socketPath}`);
    if (appendonly === true) lines.push("appendonly yes", "appendfsync always");
    if (password !== undefined) lines.push(`requirepass ${password}`);
    if (user !== undefined)
      lines.push(`user ${user.name} on >${user.password} ${user.rules ?? "~* &* +@all"}`);
    return lines;
  }

  #sentinelConfig({ name, port }: { name: string; port: number }): string[] {
    const login = this.#options.password === undefined ? [] : [`requirepass ${this.#options.password}`];
    return [
      "bind 127.0.0.1",
      `dir ${this.folder}`,
      `port ${this.port}`,
      `sentinel monitor ${name} 127.0.0.1 ${port} 2`,
      `sentinel down-after-milliseconds ${name} 1000`,
      `sentinel failover-timeout ${name} 3000`,
      ...login,
    ];
  }

  async #launch(sign = "ready to accept connections"): Promise<void> {
    const isSentinel = this.#options.sentinelOf !== undefined;
    const args = isSentinel ? [this.#configFile, "--sentinel"] : [this.#configFile];
    const child = spawn(this.#command, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#process = child;
    running.add(child);
    await outputWith(child, isSentinel ? "sentinel id is" : sign);
  }
}

/** Waits until a process has written a text, or fails with what it has written when it ends before. */
async function outputWith(child: ChildProcess, expected: string): Promise<void> {
  let output = "";
  await new Promise<void>((resolve, reject) => {
    child.once("exit", () => reject(new Error(`redis-server ended: ${output}`)));
    child.stdout?.on("data", (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4000);
      if (output.toLowerCase().includes(expected)) resolve();
    });
  });
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Makes `certificate.pem` and `key.pem` in a folder. */
export function makeCertificate(folder: string, names = "DNS:localhost,IP:127.0.0.1"): void {
  const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "certificate.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", `subjectAltName=${names}`];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  execFileSync("openssl", ["req", "-x509", "-days", "1", ...key, ...files, ...subject], { stdio: "pipe" });
}
