import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** Options with which Node runs TypeScript and resolves the public specifiers to the source. */
export const NODE_OPTIONS: readonly string[] = ["--import", "tsx", "--conditions", "@sojourn/source"];

const running = new Set<ChildProcess>();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** A program of a page of the documentation, as a process of its own. */
export class NodeProgram {
  /** All that it has printed, on both streams. */
  output = "";
  readonly #child: ChildProcess;
  readonly #end: Promise<void>;
  #look: () => void = () => {};

  constructor(
    file: string,
    { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  ) {
    const child = spawn(process.execPath, [...NODE_OPTIONS, file], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    running.add(child);
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => this.#hear(chunk));
    this.#end = once(child, "close").then(() => {
      running.delete(child);
      this.#look();
    });
  }

  /** Waits until it has printed a text. @throws {Error} When it ends before. */
  async printed(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      if (!running.has(this.#child))
        throw new Error(`The program ended before it printed ${text}:\n${this.output}`);
      await new Promise<void>((resolve) => (this.#look = resolve));
    }
  }

  /** Waits for its end. @throws {Error} With what it has printed, when it has failed. */
  async ended(): Promise<void> {
    await this.#end;
    if (this.#child.exitCode !== 0) throw new Error(`The program has failed:\n${this.output}`);
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#end;
  }

  #hear(chunk: Buffer): void {
    this.output += chunk.toString();
    this.#look();
  }
}
