import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

import { buildProgram } from "../../support/program.ts";
import type {
  LoadingMessage,
  LoadingStore,
  LoadOutcome,
  LoadReply,
  LoadRequest,
} from "./loading-messages.ts";

/** Built once, when the first process is started. */
let program: Promise<string> | undefined;

/** Another process, with a cache on the same server. */
export class LoadingWorker {
  readonly #child: ChildProcess;
  #requests = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts a process, and waits until it has a connection. */
  static async start(
    url: string,
    { name, address = "" }: LoadingStore = { name: "redis" },
  ): Promise<LoadingWorker> {
    program ??= buildProgram(new URL("loading-process.ts", import.meta.url));
    const child = spawn(process.execPath, [await program, url, name, address], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const crashed = once(child, "exit").then(([code, signal]) => {
      throw new Error(`a loading process ended too early, with ${String(code ?? signal)}`);
    });
    crashed.catch(() => {});
    await Promise.race([once(child, "message"), crashed]);
    return new LoadingWorker(child);
  }

  static startMany(count: number, url: string, store?: LoadingStore): Promise<LoadingWorker[]> {
    return Promise.all(Array.from({ length: count }, () => LoadingWorker.start(url, store)));
  }

  /** Lets it load. A process that is killed never answers. */
  async load(request: Omit<LoadRequest, "id">): Promise<readonly LoadOutcome[]> {
    const id = ++this.#requests;
    const outcomes = new Promise<readonly LoadOutcome[]>((resolve) => {
      const listen = (message: LoadingMessage): void => {
        if (!isReplyTo(id, message)) return;
        this.#child.off("message", listen);
        resolve(message.outcomes);
      };
      this.#child.on("message", listen);
    });
    this.#child.send({ id, ...request });
    return outcomes;
  }

  /** Ends it at once (SIGKILL), as a crash does. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

function isReplyTo(id: number, message: LoadingMessage): message is LoadReply {
  return message !== "ready" && message.id === id;
}
