import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { isSoak, seed } from "../../support/scale.ts";
import { checkHistory } from "./check.ts";
import type { History, Operation } from "./history.ts";
import { type Recorded, recordHistory } from "./record-history.ts";
import { MAKES_KEY } from "./session-model.ts";
import type { Fault } from "./trouble.ts";
import { DEADLINE } from "./worker-messages.ts";

/** How often each kind of operation ended how. */
function tally({ operations }: History): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const operation of operations) {
    const { kind, ending } = operation;
    const names = [ending, `${kind} ${ending}`, ...(isRenewal(operation) ? ["renewed"] : [])];
    for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** Whether the response has brought another key of the same session. */
function isRenewal({ kind, key, setCookie = "", isStranger = true }: Operation): boolean {
  return !isStranger && !MAKES_KEY.has(kind) && setCookie !== "" && setCookie !== key;
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
      `${strikes} strikes, ${found.join(", ")}, ${pauses.length} pauses; ${JSON.stringify(tally(history))}\n`,
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
  expectBothSuccessAndFailure(fault, history, operations);
  expect(leakedSockets).toBe(0);
  const clean = { leakedResources: [], leakedListeners: 0, warnings: [], unhandledRejections: [] };
  expect(reports).toStrictEqual(reports.map(() => ({ type: "done", ...clean })));
}

/** A history in which nothing went well, or no fault was felt, shows nothing. */
function expectBothSuccessAndFailure(fault: Fault, history: History, operations: number): void {
  const counts = tally(history);
  expect(counts["ok"]).toBeGreaterThan(operations / 8);
  for (const name of ["read absent", "renewed", "login ok"])
    expect(counts[name] ?? 0, name).toBeGreaterThan(0);
  const failures = (counts["unknown"] ?? 0) + (counts["not-sent"] ?? 0) + (counts["unread"] ?? 0);
  expect(failures).toBeGreaterThanOrEqual(fault === "none" ? 0 : 1);
}
