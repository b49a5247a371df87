import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { createSojourn } from "../../../src/create-sojourn.ts";
import { Random } from "../../support/random.ts";
import { seed } from "../../support/scale.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { TcpProxy } from "../tcp-proxy.ts";
import type { History, Operation, Pause, Sight } from "./history.ts";
import { type Fault, makeTrouble } from "./trouble.ts";
import { sightOf, type VisitorData } from "./visitor-data.ts";
import {
  type DoneMessage,
  type ParentMessage,
  SECRET_KEY,
  type WorkerMessage,
  type WorkerOptions,
} from "./worker-messages.ts";

const PROGRAM = fileURLToPath(new URL("worker.ts", import.meta.url));
const NODE_OPTIONS = ["--import", "tsx", "--conditions", "@sojourn/source"];

// Few enough for two cores: when the event loops are overloaded, a late call tells nothing of the library.
const PROCESSES = 2;
const LANES = 4;
const VISITORS = 6;
const USERS = 3;

/** How long a worker may take to end when all of its work is done. */
const EXIT_TIME = 5000;

export interface Recording {
  readonly history: History;
  readonly reports: readonly DoneMessage[];
  /** How often the fault has struck. */
  readonly strikes: number;
  /** Sockets of the proxy that were still open when all workers had ended. */
  readonly leakedSockets: number;
}

/** Records what several processes do to the same sessions while the network between them and Redis has a fault. */
export async function recordHistory(fault: Fault, redisPort: number, operations: number): Promise<Recording> {
  const projectName = fault.replaceAll(" ", "-");
  const proxy = await TcpProxy.start(redisPort);
  const folder = temporaryFolder();
  const url = `redis://127.0.0.1:${proxy.port}`;
  const workers = Array.from({ length: PROCESSES }, (_, number) => {
    const share = Math.ceil(operations / PROCESSES);
    const size = { processes: PROCESSES, lanes: LANES, visitors: VISITORS, users: USERS, operations: share };
    return new Worker({ url, projectName, process: number, ...size, seed, file: join(folder, `${number}.ndjson`) });
  });
  try {
    for (const worker of workers) worker.onCookie = (message) => tellOthers(workers, worker, message);
    await Promise.all(workers.map((worker) => worker.ready));
    let isOver = false;
    const trouble = makeTrouble(fault, proxy, new Random(seed), () => isOver);
    for (const worker of workers) worker.tell({ type: "start" });
    const reports = await Promise.all(workers.map((worker) => worker.done)).finally(() => (isOver = true));
    const strikes = await trouble;
    await Promise.all(workers.map((worker) => worker.exit()));
    const leakedSockets = await socketsLeftOf(proxy);
    return { history: await readHistory(workers, projectName, redisPort), reports, strikes, leakedSockets };
  } finally {
    for (const worker of workers) worker.kill();
    await proxy.close();
  }
}

function tellOthers(workers: readonly Worker[], sender: Worker, message: ParentMessage): void {
  for (const worker of workers) if (worker !== sender) worker.tell(message);
}

// What was delayed still has to arrive before the end is looked at.
async function socketsLeftOf(proxy: TcpProxy): Promise<number> {
  await vi.waitUntil(() => proxy.openSockets === 0, { timeout: 3000 }).catch(() => {});
  return proxy.openSockets;
}

class Worker {
  readonly options: WorkerOptions;
  readonly ready: Promise<void>;
  readonly done: Promise<DoneMessage>;
  onCookie: (message: ParentMessage) => void = () => {};
  readonly #child: ChildProcess;

  constructor(options: WorkerOptions) {
    this.options = options;
    const args = [...NODE_OPTIONS, PROGRAM, JSON.stringify(options)];
    this.#child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const crashed = once(this.#child, "exit").then(([code, signal]) => {
      throw new Error(`a worker ended too early, with ${String(code ?? signal)}`);
    });
    this.ready = Promise.race([this.#message("ready").then(() => {}), crashed]);
    this.done = Promise.race([this.#message("done"), crashed]);
    // They are awaited one after the other.
    for (const promise of [this.ready, this.done, crashed]) promise.catch(() => {});
    this.#child.on("message", (message: WorkerMessage) => {
      if (message.type === "cookie") this.onCookie(message);
    });
  }

  tell(message: ParentMessage): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** Waits for the process to end by itself. */
  async exit(): Promise<void> {
    const isOver = () => this.#child.exitCode !== null || this.#child.signalCode !== null;
    await vi.waitUntil(isOver, { timeout: EXIT_TIME }).catch(() => {
      throw new Error(`a worker was still running ${EXIT_TIME} ms after it had closed everything`);
    });
    if (this.#child.exitCode !== 0) throw new Error(`a worker ended with ${this.#child.exitCode}`);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #message<Type extends WorkerMessage["type"]>(type: Type): Promise<Extract<WorkerMessage, { type: Type }>> {
    return new Promise((resolve) => {
      this.#child.on("message", (message: WorkerMessage) => {
        if (message.type === type) resolve(message as Extract<WorkerMessage, { type: Type }>);
      });
    });
  }
}

async function readHistory(workers: readonly Worker[], projectName: string, redisPort: number): Promise<History> {
  const operations: Operation[] = [];
  const pauses: Pause[] = [];
  for (const { options } of workers) {
    for (const line of readFileSync(options.file, "utf8").split("\n")) {
      const { operation, pause } = JSON.parse(line) as { operation?: Operation; pause?: Pause };
      if (operation) operations.push(operation);
      if (pause) pauses.push(pause);
    }
  }
  const keys = new Set(operations.flatMap(({ newKey }) => newKey ?? []));
  return { operations, pauses, final: await lookAtTheEnd(keys, projectName, redisPort) };
}

/** Past the proxy. */
async function lookAtTheEnd(
  keys: Iterable<string>,
  projectName: string,
  redisPort: number,
): Promise<ReadonlyMap<string, Sight | undefined>> {
  const { sessions, close } = createSojourn<VisitorData>({
    projectName,
    secretKey: SECRET_KEY,
    redis: { default: `redis://127.0.0.1:${redisPort}` },
    sessions: { deadline: "10s" },
  });
  const final = new Map<string, Sight | undefined>();
  for (const key of keys) {
    const session = await sessions.open(key);
    final.set(key, session.isNew ? undefined : sightOf(session.data));
  }
  await close();
  return final;
}
