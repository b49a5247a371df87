import { setTimeout as pause } from "node:timers/promises";

import { checkHistory, type Findings } from "../../../faults/history/check.ts";
import type { Operation, Sight } from "../../../faults/history/history.ts";
import { MAX_REST, Operator } from "../../../faults/history/operator.ts";
import { sightOf } from "../../../faults/history/visitor-data.ts";
import type { ActorProcesses } from "./actor-processes.ts";
import type { Stage } from "./messages.ts";
import { type OpenedStage, openStage } from "./open-stage.ts";
import { PROCESSES, VISITORS } from "./plan.ts";

/** Runs that are under way at the same time, so that nobody waits for a message. */
const PARALLEL = 6;

/** A run with findings. Its seed as SOJOURN_SEED makes it the first one. */
export interface BadRun {
  readonly seed: number;
  readonly findings: Partial<Findings>;
  /** The operations, in the order of their ends. */
  readonly history: readonly string[];
}

export interface RunsReport {
  readonly bad: readonly BadRun[];
  readonly operations: number;
  /** How often each kind of operation ended how, such as `read ok`. */
  readonly tally: Readonly<Record<string, number>>;
}

/** Plays runs and checks each against the model. It begins no more of them once one was bad. */
export async function playRuns(
  processes: ActorProcesses,
  stage: Stage,
  { runs, seed }: { readonly runs: number; readonly seed: number },
): Promise<RunsReport> {
  const [bad, tally]: [BadRun[], Record<string, number>] = [[], {}];
  const opened = openStage(stage);
  let [next, operations] = [0, 0];
  const playOn = async () => {
    while (next < runs && bad.length === 0) {
      const run = await playRun(processes, stage, opened, seed + next++);
      operations += run.operations.length;
      for (const { kind, ending } of run.operations) count(tally, `${kind} ${ending}`);
      if (run.bad) bad.push(run.bad);
    }
  };
  try {
    await Promise.all(Array.from({ length: PARALLEL }, playOn));
  } finally {
    await processes.close();
    await opened.close();
  }
  return { bad, operations, tally };
}

async function playRun(processes: ActorProcesses, stage: Stage, opened: OpenedStage, seed: number) {
  const created = await createSessions(opened, seed);
  const cookies = created.map(({ newKey }) => newKey ?? "");
  const operations = [...created, ...(await processes.play(stage, seed, cookies))];
  if (operations.some(({ kind }) => kind === "expire")) await pause(MAX_REST + 1);
  const final = await lookAtTheEnd(opened, operations);
  const findings = Object.entries(checkHistory({ operations, pauses: [], final }, Number.POSITIVE_INFINITY));
  const found = findings.filter(([, list]) => list.length > 0);
  return {
    operations,
    bad:
      found.length > 0
        ? { seed, findings: Object.fromEntries(found), history: tellHistory(operations) }
        : undefined,
  };
}

/** Keys are told by numbers. */
function tellHistory(operations: readonly Operation[]): string[] {
  const keys = [...new Set(operations.flatMap(({ key, newKey }) => [key ?? [], newKey ?? []].flat()))];
  const nameOf = (key: string | undefined) => (key === undefined ? "" : ` #${keys.indexOf(key)}`);
  const begin = Math.min(...operations.map(({ start }) => start));
  const timeOf = (at: number) => (at - begin).toFixed(1);
  return operations
    .toSorted((left, right) => left.end - right.end)
    .map(({ id, kind, key, user, start, actAt, end, ending, newKey, saw }) => {
      const made = newKey === undefined ? "" : ` made${nameOf(newKey)} with ${saw?.lineage}`;
      const times = [start, actAt, end].map(timeOf).join("-");
      return `${times} ${id}: ${kind}${nameOf(key)} ${user ?? ""} ${ending}${made}`;
    });
}

async function createSessions({ sessions }: OpenedStage, seed: number): Promise<Operation[]> {
  const created: Operation[] = [];
  const operator = new Operator({
    sessions,
    process: PROCESSES,
    lane: `${seed}-created`,
    record: (operation) => created.push(operation),
  });
  for (let visitor = 0; visitor < VISITORS; visitor++) await operator.perform({ kind: "create" });
  return created;
}

/** Takes what is there of a run when it is over, so that the engine does not fill up. */
async function lookAtTheEnd({ sessions }: OpenedStage, operations: readonly Operation[]) {
  const final = new Map<string, Sight | undefined>();
  for (const key of new Set(operations.flatMap(({ newKey }) => newKey ?? []))) {
    const session = await sessions.open(key);
    final.set(key, session.isNew ? undefined : sightOf(session.data));
    if (!session.isNew) await session.flush();
  }
  return final;
}

function count(tally: Record<string, number>, name: string): void {
  tally[name] = (tally[name] ?? 0) + 1;
}
