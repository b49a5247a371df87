import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { isSoak, seed } from "../../support/scale.ts";
import { checkHistory } from "./check.ts";
import { addTo, missingIn, namesOf, type Tally } from "./coverage.ts";
import type { History } from "./history.ts";
import { type Recorded, recordHistory } from "./record-history.ts";
import type { Fault } from "./trouble.ts";
import { DEADLINE } from "./worker-messages.ts";

/** How often each kind of operation ended how. */
function tallyOf({ operations }: History): Tally {
  const tally: Tally = {};
  for (const operation of operations) addTo(tally, namesOf(operation));
  return tally;
}

/** For a closer look: `SOJOURN_HISTORIES` names a folder. */
function keep(fault: Fault, history: History): void {
  const folder = process.env["SOJOURN_HISTORIES"];
  if (folder === undefined) return;
  const [final, foundKeys] = [[...history.final], [...(history.foundKeys ?? [])]];
  const text = JSON.stringify({
    ...history,
    final: final.map(([key, saw]) => [key, saw ?? null]),
    foundKeys,
  });
  writeFileSync(join(folder, `${fault.replaceAll(" ", "-")}-${seed}.json`), text);
}

/** A soak says what it has seen. */
function report(
  fault: Fault,
  history: History,
  strikes: number,
  findings: Record<string, readonly string[]>,
): void {
  const { operations, pauses } = history;
  const calls = operations.flatMap((operation) => operation.calls);
  const longest = calls.reduce((most, { start, end }) => Math.max(most, end - start), 0);
  const found = Object.entries(findings).map(([name, list]) => `${list.length} ${name}`);
  process.stdout.write(
    `${fault}: ${operations.length} operations, ${calls.length} calls (longest ${Math.round(longest)} ms), ` +
      `${strikes} strikes, ${found.join(", ")}, ${pauses.length} pauses; ${JSON.stringify(tallyOf(history))}\n`,
  );
}

/**
 * Records a history under a fault, and expects that no update is lost, nobody is logged out, no session comes
 * back, every call ends in time and nothing is left behind.
 */
export async function expectSoundHistory(
  fault: Fault,
  recorded: Recorded,
  operations: number,
): Promise<void> {
  const { history, reports, strikes, leakedSockets } = await recordHistory(fault, recorded, operations);
  const findings = checkHistory(history, DEADLINE);
  keep(fault, history);
  if (isSoak) report(fault, history, strikes, { ...findings });

  expect(findings).toStrictEqual({
    lost: [],
    phantom: [],
    resurrected: [],
    mixed: [],
    loggedOut: [],
    late: [],
    unexpected: [],
  });
  expect(history.operations.length).toBeGreaterThanOrEqual(operations);
  const tally = tallyOf(history);
  expect(tally["ok"]).toBeGreaterThan(operations / 8);
  expect(missingIn(tally, fault)).toEqual([]);
  expect(leakedSockets).toBe(0);
  const clean = { leakedResources: [], leakedListeners: 0, warnings: [], unhandledRejections: [] };
  expect(reports).toStrictEqual(reports.map(() => ({ type: "done", ...clean })));
}
