import type { Operation } from "./history.ts";
import { MAKES_KEY } from "./session-model.ts";
import type { Fault } from "./trouble.ts";

/** Counts of what has happened in a history, by name. */
export type Tally = Record<string, number>;

const FAILED = "failed";

/** How many times as many operations a history may have, until it has shown all that it has to. */
export const PATIENCE = 6;

/** Returns the names of what an operation shows: how its kind has ended, a new key, a failure. */
export function namesOf(operation: Operation): string[] {
  const { kind, ending } = operation;
  const names = [ending, `${kind} ${ending}`];
  if (isRenewal(operation)) names.push("renewed");
  if (ending === "unknown" || ending === "not-sent" || ending === "unread") names.push(FAILED);
  return names;
}

/** Whether the response has brought another key of the same session. */
function isRenewal({ kind, key, setCookie = "", isStranger = true }: Operation): boolean {
  return !isStranger && !MAKES_KEY.has(kind) && setCookie !== "" && setCookie !== key;
}

export function addTo(tally: Tally, names: readonly string[]): void {
  for (const name of names) tally[name] = (tally[name] ?? 0) + 1;
}

/** Names of what a history has to show: one in which nothing went well, or no fault was felt, shows nothing. */
export function missingIn(tally: Tally, fault: Fault): string[] {
  const wanted = ["absent", "renewed", "login ok", ...(fault === "none" ? [] : [FAILED])];
  return wanted.filter((name) => tally[name] === undefined);
}
