// A process of its own that operates on shared sessions and records what it sees: see worker-messages.ts.
import { writeFileSync } from "node:fs";
import "@redis/client";
import { createSojourn } from "sojourn";
import { Random } from "../../support/random.ts";
import { leaksSince, takeInventory } from "../leaks.ts";
import type { Operation } from "./history.ts";
import { type Cookies, Lane } from "./lane.ts";
import { PauseWatch } from "./pause-watch.ts";
import type { VisitorData } from "./visitor-data.ts";
import { DEADLINE, type ParentMessage, SECRET_KEY, type WorkerMessage, type WorkerOptions } from "./worker-messages.ts";

const options = JSON.parse(process.argv[2] ?? "") as WorkerOptions;
const warnings: string[] = [];
const unhandledRejections: string[] = [];
process.on("warning", (warning) => warnings.push(String(warning)));
process.on("unhandledRejection", (reason) => unhandledRejections.push(String(reason)));

const known = new Map<number, string>();
const cookies: Cookies = {
  of: (visitor) => known.get(visitor),
  set: (visitor, key) => {
    known.set(visitor, key);
    tell({ type: "cookie", visitor, key });
  },
  drop: (visitor, key) => {
    if (known.get(visitor) === key) known.delete(visitor);
  },
  isOwn: (visitor) => visitor % options.processes === options.process,
};
const started = new Promise<void>((resolve) => {
  process.on("message", (message: ParentMessage) => {
    if (message.type === "cookie") known.set(message.visitor, message.key);
    else resolve();
  });
});
// A test run that is broken off leaves no worker behind.
const endAtOnce = () => process.exit(1);
process.on("disconnect", endAtOnce);
// The client library is loaded from here on, before any call whose end is measured.
const { sessions, close } = createSojourn<VisitorData>({
  projectName: options.projectName,
  secretKey: SECRET_KEY,
  redis: { default: { url: options.url, connectTimeout: "300ms", stallTimeout: "300ms" } },
  sessions: { deadline: `${DEADLINE}ms`, touchEvery: "100ms" },
});
tell({ type: "ready" });
await started;

const inventory = takeInventory();
const operations: Operation[] = [];
const watch = new PauseWatch(options.process);
await Promise.all(Array.from({ length: options.lanes }, (_, lane) => runLane(lane)));
await close();
await watch.stop();

const lines = [...operations.map((operation) => ({ operation })), ...watch.pauses.map((pause) => ({ pause }))];
writeFileSync(options.file, lines.map((line) => JSON.stringify(line)).join("\n"));
tell({ type: "done", ...(await leaksSince(inventory)), warnings, unhandledRejections });
// Nothing may keep the process from ending now.
process.off("disconnect", endAtOnce);
process.disconnect();

function runLane(lane: number): Promise<void> {
  const { process: number, seed, visitors, users } = options;
  const name = `${number}-${lane}`;
  const random = new Random(seed + 1000 * number + lane);
  const record = (operation: Operation) => operations.push(operation);
  const runner = new Lane({ sessions, process: number, name, visitors, users, random, cookies, record });
  return runner.run(Math.ceil(options.operations / options.lanes));
}

function tell(message: WorkerMessage): void {
  process.send?.(message);
}
