import { expect } from "vitest";
import { checkHistory, type Findings } from "./check.ts";
import type { History, Operation, Pause, Sight } from "./history.ts";

export const DEADLINE = 400;
export const NOTHING: Sight = { lineage: "c", own: {}, log: [], ids: [], n: 0 };
/** The sight of a login that began a session of its own. */
export const BEGUN: Sight = { ...NOTHING, lineage: undefined, user: "7" };

let turn = 0;

/** An operation on the key A from `start` to `start + 5`, acting 1 ms after it has begun. */
export function operation(
  id: string,
  kind: Operation["kind"],
  start: number,
  more: Partial<Operation> = {},
): Operation {
  const base = {
    id,
    process: 0,
    lane: id,
    turn: turn++,
    kind,
    start,
    actAt: start + 1,
    end: start + 5,
  } as const;
  return { ...base, key: "A", ending: "ok", calls: [], ...more };
}

export const created = operation("c", "create", 0, { key: undefined, newKey: "A" });

export function look(saw: Partial<Sight> = {}): Sight {
  return { ...NOTHING, ...saw };
}

/** Checks operations on a session that is created first. */
export function check(
  operations: readonly Operation[],
  final: Readonly<Record<string, Sight | undefined>>,
  pauses: readonly Pause[] = [],
  maxPerUser?: number,
): Findings {
  const all = [created, ...operations];
  const history: History = { operations: all, pauses, maxPerUser, final: new Map(Object.entries(final)) };
  return checkHistory(history, DEADLINE);
}

export function expectOnly(findings: Findings, kind: keyof Findings, text: RegExp): void {
  const { [kind]: found, ...others } = findings;
  expect(found).toStrictEqual([expect.stringMatching(text)]);
  expect(Object.values(others).flat()).toStrictEqual([]);
}

export function expectNothing(findings: Findings): void {
  expect(Object.values(findings).flat()).toStrictEqual([]);
}

/** A request of the visitor 1, whose response leaves right before its end and arrives 1 ms later. */
export function request(
  id: string,
  kind: Operation["kind"],
  start: number,
  more: Partial<Operation> = {},
): Operation {
  const base = operation(id, kind, start, {
    visitor: 1,
    isStranger: false,
    foundKey: more.key ?? "A",
    ...more,
  });
  return { ...base, sentAt: base.start - 1, arrivedAt: base.end + 1, headAt: more.headAt ?? base.end - 1 };
}
