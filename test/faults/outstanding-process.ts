// A process of its own (with --expose-gc) that has 10 000 requests outstanding at a server that answers
// nothing, and tells what they cost. It says when it is ready, and goes on when it is told to.
import { setTimeout as pause } from "node:timers/promises";
import "@redis/client";
import { createSojourn, StoreConnectionError } from "sojourn";
import { lateness } from "./history/lateness.ts";
import { monotonic, PauseWatch } from "./history/pause-watch.ts";
import { leaksSince, takeInventory } from "./leaks.ts";
import { DEADLINE, type OutstandingMessage, REQUESTS } from "./outstanding-messages.ts";

const [url = "", isLinked = ""] = process.argv.slice(2);
await run();

async function run(): Promise<void> {
  const next = signals();
  const before = takeInventory();
  const { sessions, close } = createSojourn({
    projectName: "outstanding",
    secretKey: "a secret of the outstanding requests",
    redis: { default: { url } },
    sessions: { deadline: `${DEADLINE}ms` },
  });
  const cookie = `sessionid=${"k".repeat(32)}`;
  // Also makes the heap what it is when all code has run once.
  if (isLinked === "linked")
    for (let time = 0; time < 100; time++) await eventually(() => sessions.open(cookie));
  tell({ type: "ready" });
  await next();

  const watch = new PauseWatch(0);
  const heapBefore = heap();
  const failed: Record<string, number> = {};
  let succeeded = 0;
  const times: { start: number; end: number }[] = [];
  const requests = Array.from({ length: REQUESTS }, async () => {
    const start = monotonic();
    try {
      await sessions.open(cookie);
      succeeded++;
    } catch (error) {
      const outcome = error instanceof StoreConnectionError ? error.outcome : String(error);
      failed[outcome] = (failed[outcome] ?? 0) + 1;
    }
    times.push({ start, end: monotonic() });
  });
  const heapOutstanding = heap();
  await Promise.all(requests);
  requests.length = 0;
  // An attempt to connect holds on to those who waited for it until it ends, which takes a second at most too.
  await pause(DEADLINE);
  await watch.stop();
  const latest = times.reduce((most, time) => Math.max(most, lateness(time, DEADLINE, watch.pauses)), 0);
  times.length = 0;
  const heapAfter = heap();

  tell({ type: "failed" });
  await next();
  const hasRecovered = await eventually(() => sessions.ping());
  await close();
  const leaks = await leaksSince(before);
  tell({
    type: "report",
    heapBefore,
    heapOutstanding,
    heapAfter,
    failed,
    succeeded,
    latest,
    hasRecovered,
    ...leaks,
  });
  process.disconnect();
}

/** Waits for the next message of the parent. */
function signals(): () => Promise<void> {
  let wake: () => void = () => {};
  let count = 0;
  process.on("message", () => {
    count++;
    wake();
  });
  return async () => {
    while (count === 0) await new Promise<void>((resolve) => (wake = resolve));
    count--;
  };
}

function heap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

// The link that lost bytes is given up after a second without an answer, and each try has a deadline of its own.
async function eventually(operation: () => Promise<unknown>): Promise<boolean> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const isDone = await operation().then(
      () => true,
      () => false,
    );
    if (isDone) return true;
  }
  return false;
}

function tell(message: OutstandingMessage): void {
  process.send?.(message);
}
