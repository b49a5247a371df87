// A client beside a revocation, in a process of its own: forked with <engine as JSON>. It changes a session
// of another user again and again. It says "ready" when it has begun, and how long that took when it is told
// to stop.
import { setTimeout as sleep } from "node:timers/promises";
import { createSojourn } from "sojourn";

import type { EngineDescription } from "../../support/engines/engine-description.ts";
import { openEngine } from "../../support/engines/open-engine.ts";

/** Observations of a visitor. */
export interface LatencyReport {
  readonly operations: number;
  /** 99 of 100 operations were done so soon, in milliseconds. */
  readonly p99: number;
  readonly longest: number;
  readonly failures: readonly string[];
}

const { store, redis, close } = openEngine(JSON.parse(process.argv[2] ?? "") as EngineDescription);
const sojourn = createSojourn<{ n: number }>({
  projectName: "many",
  secretKey: "a secret of the tests, long enough",
  redis,
  sessions: { store, deadline: "30s" },
});
const session = await sojourn.sessions.create({ n: 0 });
await session.login("visitor");

let isStopped = false;
process.once("message", () => (isStopped = true));
// A test run that is broken off leaves no process behind.
process.once("disconnect", () => process.exit());
const [times, failures]: [number[], string[]] = [[], []];
for (let operations = 1; !isStopped; operations++) {
  const start = performance.now();
  await session.update((data) => data.n++).catch((error: unknown) => failures.push(String(error)));
  // The first ones open connections.
  if (operations > 50) times.push(performance.now() - start);
  if (operations === 100) process.send?.("ready");
  await sleep(1);
}

times.sort((left, right) => left - right);
const report: LatencyReport = {
  operations: times.length,
  p99: times[Math.floor(times.length * 0.99)] ?? 0,
  longest: times.at(-1) ?? 0,
  failures: failures.slice(0, 5),
};
await sojourn.close();
await close();
process.send?.(report, () => process.disconnect());
