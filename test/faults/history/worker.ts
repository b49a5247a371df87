// A process of its own that operates on shared sessions and records what it sees: see worker-messages.ts.
import { writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
// The library loads it with the first connection, whose deadline is not meant for a busy disk.
import "@redis/client";
import { createSojourn } from "sojourn";
import { djangoAuth } from "sojourn/django";
import { openEngine } from "../../support/engines/open-engine.ts";
import { Random } from "../../support/random.ts";
import { leaksSince, takeInventory } from "../leaks.ts";
import { namesOf } from "./coverage.ts";
import type { Operation } from "./history.ts";
import { monotonic, PauseWatch } from "./pause-watch.ts";
import {
  noteLogin,
  noteTouchFailed,
  RequestOperator,
  type Site,
  type User,
  userOf,
} from "./request-operator.ts";
import type { VisitorData } from "./visitor-data.ts";
import {
  type Answer,
  DEADLINE,
  historyClock,
  MAX_PER_USER,
  type ParentMessage,
  type RequestMessage,
  ROTATE_EVERY,
  SECRETS,
  type WorkerMessage,
  type WorkerOptions,
} from "./worker-messages.ts";

interface OpenedSite extends Site {
  readonly close: () => Promise<void>;
}

const options = JSON.parse(process.argv[2] ?? "") as WorkerOptions;
const warnings: string[] = [];
const unhandledRejections: string[] = [];
process.on("warning", (warning) => warnings.push(String(warning)));
process.on("unhandledRejection", (reason) => unhandledRejections.push(String(reason)));
const stopped = new Promise<void>((resolve) => {
  process.on("message", (message: ParentMessage) => {
    if (message.type === "stop") resolve();
    else void serve(message);
  });
});
// A test run that is broken off leaves no worker behind.
const endAtOnce = () => process.exit(1);
process.on("disconnect", endAtOnce);

const inventory = takeInventory();
const clock = historyClock(options.epoch);
const operations: Operation[] = [];
const operators = new Map<string, RequestOperator>();
const random = new Random(options.seed + 1000 * options.process);
const watch = new PauseWatch(options.process);
const sites = SECRETS.map((secrets) => openSite(secrets));
tell({ type: "ready" });
await stopped;
for (const { close } of sites) await close();
await watch.stop();

const lines = [
  ...operations.map((operation) => ({ operation })),
  ...watch.pauses.map((each) => ({ pause: each })),
];
writeFileSync(options.file, lines.map((line) => JSON.stringify(line)).join("\n"));
tell({ type: "done", ...(await leaksSince(inventory)), warnings, unhandledRejections });
// Nothing may keep the process from ending now.
process.off("disconnect", endAtOnce);
process.disconnect();

function openSite(secrets: (typeof SECRETS)[number]): OpenedSite {
  const engine = openEngine(options.engine, { connectTimeout: "300ms", stallTimeout: "300ms" });
  const { sessions, close } = createSojourn<VisitorData>({
    projectName: options.projectName,
    ...secrets,
    clock,
    redis: engine.redis,
    sessions: {
      store: engine.store,
      format: engine.format,
      deadline: `${DEADLINE}ms`,
      touchEvery: "500ms",
      renewEvery: "1s",
      ...(options.hasUsers && { maxPerUser: MAX_PER_USER }),
    },
  });
  sessions.on("login", noteLogin);
  sessions.on("touchFailed", noteTouchFailed);
  const closeAll = async () => {
    await close();
    await engine.close();
  };
  return {
    sessions,
    close: closeAll,
    auth: djangoAuth<User>({ ...secrets, findUser: async (id) => userOf(id) }),
  };
}

/** The application with the current secret. */
function currentSite(): Site {
  return sites[Math.floor(monotonic() / ROTATE_EVERY) % sites.length] as Site;
}

async function serve({ number, lane, subject }: RequestMessage): Promise<void> {
  let operator = operators.get(lane);
  if (operator === undefined) operators.set(lane, (operator = makeOperator(lane)));
  tell({ type: "answer", number, answer: answerOf(await operator.perform(subject)) });
}

function answerOf(operation: Operation): Answer {
  const { id, kind, ending, setCookie, newKey, saw } = operation;
  const isNew = newKey !== undefined && kind !== "create" && saw?.lineage === undefined;
  return {
    id,
    names: namesOf(operation),
    setCookie: kind === "create" ? newKey : setCookie,
    isOk: ending === "ok",
    isAbsent: ending === "absent",
    isUseless: isNew,
  };
}

function makeOperator(lane: string): RequestOperator {
  return new RequestOperator({
    get sessions() {
      return currentSite().sessions;
    },
    site: currentSite,
    process: options.process,
    lane,
    record: (operation) => operations.push(operation),
    hesitate: pauseAtRandom,
    now: () => clock.now(),
  });
}

/** Half of the time none, so that much overlaps. */
async function pauseAtRandom(): Promise<void> {
  if (random.next() < 0.5) await pause(random.integer(0, 15));
}

function tell(message: WorkerMessage): void {
  process.send?.(message);
}
