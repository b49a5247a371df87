// A process of its own that plays its part of the runs that it is told to: see messages.ts and plan.ts.
import { setTimeout as pause } from "node:timers/promises";
// The libraries load it with the first connection.
import "@redis/client";
import type { Operation } from "../../../faults/history/history.ts";
import { Operator } from "../../../faults/history/operator.ts";
import type { ActorMessage, DirectorMessage, PlayMessage, Stage } from "./messages.ts";
import { type OpenedStage, openStage } from "./open-stage.ts";
import { makePlan, type Step, userOf } from "./plan.ts";

const processNumber = Number(process.argv[2]);
const stages = new Map<string, OpenedStage>();
/** Seed of a run -> the cookies of each visitor, the newest last. */
const cookies = new Map<number, string[][]>();

process.on("message", (message: DirectorMessage) => {
  if (message.type === "play") void play(message);
  else if (message.type === "cookie") cookies.get(message.seed)?.[message.visitor]?.push(message.key);
  else void close();
});
// A test run that is broken off leaves no process behind.
process.on("disconnect", () => process.exit(1));
tell({ type: "ready" });

async function play({ stage, seed, cookies: first }: PlayMessage): Promise<void> {
  cookies.set(
    seed,
    first.map((cookie) => [cookie]),
  );
  const operations: Operation[] = [];
  const parts = makePlan(seed, stage)[processNumber] ?? [];
  await Promise.all(parts.map((steps, actor) => act(openedStage(stage), seed, actor, steps, operations)));
  cookies.delete(seed);
  tell({ type: "played", seed, operations });
}

async function act(
  { sessions, evict }: OpenedStage,
  seed: number,
  actor: number,
  steps: readonly Step[],
  operations: Operation[],
): Promise<void> {
  let hesitation = 0;
  const operator = new Operator({
    sessions,
    process: processNumber,
    lane: `${seed}-${processNumber}-${actor}`,
    record: (operation) => operations.push(operation),
    hesitate: () => wait(hesitation),
    evict,
  });
  for (const step of steps) {
    const { kind, visitor, cookieAge } = step;
    hesitation = step.hesitation;
    await wait(step.rest);
    const known = cookies.get(seed)?.[visitor] ?? [];
    const key = known[Math.max(0, known.length - 1 - cookieAge)] ?? "";
    const { newKey, saw } = await operator.perform(subjectOf(kind, key, userOf(seed, visitor)));
    // A session without a lineage could not be told from one that was lost, so nobody goes on with it.
    if (newKey === undefined || saw?.lineage === undefined) continue;
    known.push(newKey);
    tell({ type: "cookie", seed, visitor, key: newKey });
  }
}

function subjectOf(kind: Step["kind"], key: string, user: string) {
  if (kind === "sweep") return { kind };
  if (kind === "revokeUser") return { kind, user };
  return kind === "login" ? { kind, key, user } : { kind, key };
}

function wait(milliseconds: number): Promise<unknown> {
  return milliseconds === 0 ? Promise.resolve() : pause(milliseconds);
}

function openedStage(stage: Stage): OpenedStage {
  const name = JSON.stringify(stage);
  const opened = stages.get(name) ?? openStage(stage);
  stages.set(name, opened);
  return opened;
}

async function close(): Promise<void> {
  for (const { close: closeStage } of stages.values()) await closeStage();
  stages.clear();
  tell({ type: "closed" });
}

function tell(message: ActorMessage): void {
  process.send?.(message);
}
