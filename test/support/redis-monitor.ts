import type { ControlClient } from "./control-client.ts";

/**
 * Commands that open and name a link, and the mark that {@link RedisMonitor.take} waits for: nobody
 * asked for their work.
 */
const NOT_COUNTED = new Set(["AUTH", "CLIENT", "ECHO", "HELLO", "MONITOR", "PING", "SELECT"]);

/** Records the commands that clients send: neither those that scripts run nor those of the handshake. */
export class RedisMonitor {
  readonly #client: ControlClient;
  readonly #sendMark: (mark: string) => Promise<unknown>;
  readonly #lines: string[] = [];
  #marks = 0;
  #onLine: () => void = () => {};

  private constructor(client: ControlClient, sendMark: (mark: string) => Promise<unknown>) {
    this.#client = client;
    this.#sendMark = sendMark;
  }

  static async start(
    client: ControlClient,
    sendMark: (mark: string) => Promise<unknown>,
  ): Promise<RedisMonitor> {
    const monitor = new RedisMonitor(client, sendMark);
    await client.monitor((line) => {
      monitor.#lines.push(line);
      monitor.#onLine();
    });
    return monitor;
  }

  /** The commands since the last call, in the server's order, without their arguments: `["GET", "EVALSHA"]`. */
  async take(): Promise<string[]> {
    const mark = `mark-${++this.#marks}`;
    const isMarked = (): boolean => this.#lines.some((line) => line.includes(mark));
    const seen = new Promise<void>((resolve) => {
      this.#onLine = () => {
        if (isMarked()) resolve();
      };
    });
    await this.#sendMark(mark);
    this.#onLine();
    await seen;
    return this.#lines
      .splice(0)
      .map(commandOf)
      .filter((command) => command !== undefined && !NOT_COUNTED.has(command)) as string[];
  }

  stop(): void {
    this.#client.destroy();
  }
}

// 1700000000.123456 [0 127.0.0.1:40000] "GET" "key", or [0 lua] for what a script runs
function commandOf(line: string): string | undefined {
  const [, source, command] = /^\S+ \[\d+ ([^\]]+)\] "([^"]*)"/.exec(line) ?? [];
  return source === "lua" ? undefined : command?.toUpperCase();
}
