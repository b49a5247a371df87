import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { createSojourn } from "../../../src/create-sojourn.ts";
import { type EngineDescription, onServer, serverOf } from "../../support/engines/engine-description.ts";
import { openEngine } from "../../support/engines/open-engine.ts";
import { Random } from "../../support/random.ts";
import { seed } from "../../support/scale.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { TcpProxy } from "../tcp-proxy.ts";
import { addTo, missingIn, PATIENCE, type Tally } from "./coverage.ts";
import type { History, Operation, Pause, Sight } from "./history.ts";
import { Browser, type Send } from "./browser.ts";
import type { Subject } from "./operator.ts";
import { type Fault, makeTrouble } from "./trouble.ts";
import { sightOf, type VisitorData } from "./visitor-data.ts";
import {
  type DoneMessage,
  type Answer,
  historyClock,
  MAX_PER_USER,
  type ParentMessage,
  SECRETS,
  SPEED,
  type WorkerMessage,
  type WorkerOptions,
} from "./worker-messages.ts";

const PROGRAM = fileURLToPath(new URL("worker.ts", import.meta.url));
const NODE_OPTIONS = ["--import", "tsx", "--conditions", "@sojourn/source"];

// Few enough for two cores: when the event loops are overloaded, a late call tells nothing of the library.
const PROCESSES = 2;
const VISITORS = 3;
const USERS = 2;

/**
 * Times for which replaced cookies are sent, in milliseconds: shorter than a moved key is remembered, which
 * Redis measures by its own clock, and other engines by {@link historyClock}, which is 20 times as fast.
 */
const LATE_ON_REDIS = 10_000;
const LATE_ELSEWHERE = 2000;

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

/** Sessions whose history is recorded. */
export interface Recorded {
  readonly engine: EngineDescription;
  /** Whether it has an index of users. */
  readonly hasUsers: boolean;
}

/**
 * Records what several processes do to the same sessions while the network between them and Redis, or
 * memcached, has a fault.
 */
export async function recordHistory(
  fault: Fault,
  { engine, hasUsers }: Recorded,
  operations: number,
): Promise<Recording> {
  const projectName = fault.replaceAll(" ", "-");
  const proxy = await TcpProxy.start(serverOf(engine));
  const folder = temporaryFolder();
  const epoch = Date.now();
  const workers = Array.from({ length: PROCESSES }, (_, number) => {
    return new Worker({
      engine: onServer(engine, proxy.port),
      hasUsers,
      projectName,
      process: number,
      seed,
      epoch,
      file: join(folder, `${number}.ndjson`),
    });
  });
  try {
    await Promise.all(workers.map((worker) => worker.ready));
    let isOver = false;
    const trouble = makeTrouble(fault, proxy, new Random(seed), () => isOver);
    const times = await browse(workers, { fault, operations }, { engine, hasUsers }).finally(
      () => (isOver = true),
    );
    for (const worker of workers) worker.tell({ type: "stop" });
    const reports = await Promise.all(workers.map((worker) => worker.done));
    const strikes = await trouble;
    await Promise.all(workers.map((worker) => worker.exit()));
    const leakedSockets = await socketsLeftOf(proxy);
    return {
      history: await readHistory(workers, times, { projectName, engine, hasUsers, epoch }),
      reports,
      strikes,
      leakedSockets,
    };
  } finally {
    for (const worker of workers) worker.kill();
    await proxy.close();
  }
}

interface Times {
  readonly sentAt: number;
  readonly arrivedAt: number;
}

/**
 * Lets all visitors browse, until they have sent so many requests and what a history has to show was there.
 *
 * @returns When each operation was sent and answered.
 */
async function browse(
  workers: readonly Worker[],
  { fault, operations }: { readonly fault: Fault; readonly operations: number },
  { engine, hasUsers }: Recorded,
): Promise<ReadonlyMap<string, Times>> {
  const times = new Map<string, Times>();
  const tally: Tally = {};
  const isOver = () =>
    times.size >= operations && (missingIn(tally, fault).length === 0 || times.size >= operations * PATIENCE);
  const crashed = Promise.race(workers.map((worker) => worker.crashed));
  const browsers = Array.from({ length: VISITORS }, (_, visitor) => {
    const send: Send = (connection, subject) => {
      const worker = workers[(visitor + connection) % workers.length] as Worker;
      return worker.request(`${visitor}-${connection}`, subject);
    };
    return new Browser({
      visitor,
      user: `user${visitor % USERS}`,
      random: new Random(seed + 1000 * visitor),
      hasUsers,
      lateFor: engine.kind === "redis" ? LATE_ON_REDIS : LATE_ELSEWHERE,
      send,
      isOver,
      onAnswer: ({ id, names }, each) => {
        times.set(id, each);
        addTo(tally, names);
      },
    });
  });
  await Promise.race([Promise.all(browsers.map((browser) => browser.run())), crashed]);
  return times;
}

// Delayed messages still have to arrive before the end is looked at.
async function socketsLeftOf(proxy: TcpProxy): Promise<number> {
  await vi.waitUntil(() => proxy.openSockets === 0, { timeout: 3000 }).catch(() => {});
  return proxy.openSockets;
}

class Worker {
  readonly options: WorkerOptions;
  readonly ready: Promise<void>;
  readonly done: Promise<DoneMessage>;
  /** Rejects when it ends too early. */
  readonly crashed: Promise<never>;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #requests = 0;

  constructor(options: WorkerOptions) {
    this.options = options;
    const args = [...NODE_OPTIONS, PROGRAM, JSON.stringify(options)];
    this.#child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const crashed = (this.crashed = once(this.#child, "exit").then(([code, signal]) => {
      throw new Error(`a worker ended too early, with ${String(code ?? signal)}`);
    }));
    this.ready = Promise.race([this.#message("ready").then(() => {}), crashed]);
    this.done = Promise.race([this.#message("done"), crashed]);
    // They are awaited one after the other.
    for (const promise of [this.ready, this.done, crashed]) promise.catch(() => {});
    this.#child.on("message", (message: WorkerMessage) => {
      if (message.type !== "answer") return;
      this.#waiting.get(message.number)?.(message.answer);
      this.#waiting.delete(message.number);
    });
  }

  request(lane: string, subject: Subject): Promise<Answer> {
    const number = this.#requests++;
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve);
      this.tell({ type: "request", number, lane, subject });
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

/** The settings that the final look shares with the workers. */
interface Place {
  readonly projectName: string;
  readonly engine: EngineDescription;
  readonly hasUsers: boolean;
  readonly epoch: number;
}

async function readHistory(
  workers: readonly Worker[],
  times: ReadonlyMap<string, Times>,
  place: Place,
): Promise<History> {
  const operations: Operation[] = [];
  const pauses: Pause[] = [];
  for (const { options } of workers) {
    for (const line of readFileSync(options.file, "utf8").split("\n")) {
      const { operation, pause } = JSON.parse(line) as { operation?: Operation; pause?: Pause };
      if (operation) operations.push({ ...operation, ...times.get(operation.id) });
      if (pause) pauses.push(pause);
    }
  }
  const keys = new Set(operations.flatMap(({ newKey = "", setCookie = "" }) => [newKey, setCookie]));
  keys.delete("");
  return {
    operations,
    pauses,
    maxPerUser: place.hasUsers ? MAX_PER_USER : undefined,
    clockSpeed: place.engine.kind === "redis" ? 1 : SPEED,
    ...(await lookAtTheEnd(keys, place)),
  };
}

/** Past the proxy. */
async function lookAtTheEnd(
  keys: Iterable<string>,
  { projectName, engine, epoch }: Place,
): Promise<Pick<History, "final" | "foundKeys">> {
  const opened = openEngine(onServer(engine, serverOf(engine)));
  const { sessions, close } = createSojourn<VisitorData>({
    projectName,
    ...SECRETS[0],
    clock: historyClock(epoch),
    redis: opened.redis,
    sessions: { store: opened.store, format: opened.format, deadline: "10s" },
  });
  const final = new Map<string, Sight | undefined>();
  const foundKeys = new Map<string, string>();
  for (const key of keys) {
    const session = await sessions.open(key);
    final.set(key, session.isNew ? undefined : sightOf(session.data));
    if (session.cookieHeader !== undefined) foundKeys.set(key, session.cookieHeader);
  }
  await close();
  await opened.close();
  return { final, foundKeys };
}
