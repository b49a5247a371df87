import { describe } from "./describe.ts";
import { logoutsOfNobody } from "./logins.ts";
import { groupBy } from "./group-by.ts";
import type { History, Kind, Operation, Sight } from "./history.ts";
import { lateness } from "./lateness.ts";
import { ENDS, isWrite, MAKES_KEY, mayHaveHappened, SessionModel } from "./session-model.ts";

/** Margin of a deadline, in milliseconds. */
const MARGIN = 250;

/**
 * Calls with several steps, each with a deadline of its own: the end of a response saves or renews the
 * session, and asks what the cookie has to be; a revocation notes it, then reads the list and ends what is
 * there until it finds nothing.
 */
const STEPS: Readonly<Record<string, number>> = { finish: 2, revoke: 4, revokeUser: 6 };

/** How long a new key may take, to its last command in the store, in milliseconds. */
const MAX_MOVE = 1000;

/** Writes that are saved at the end of a response, where its session may get another key as well. */
const SAVED_WITH_RENEWALS: ReadonlySet<Kind> = new Set<Kind>(["set", "append"]);

const AT_THE_END = { start: Number.POSITIVE_INFINITY, end: Number.POSITIVE_INFINITY };

/** Returns the faults of a history: one line a finding. */
export interface Findings {
  /** P1: acknowledged effects that are missing, and sessions that are gone for no reason. */
  readonly lost: readonly string[];
  /** P1: effects of operations that have said that they did not happen, or half of an effect. */
  readonly phantom: readonly string[];
  /** P2: dead sessions that were read or written, or are still there. */
  readonly resurrected: readonly string[];
  /** Sessions that show another one's data or user. */
  readonly mixed: readonly string[];
  /** P2: logins that were taken away from visitors whom nothing has logged out, and cookies that would do so. */
  readonly loggedOut: readonly string[];
  /** P4: calls past their deadline. */
  readonly late: readonly string[];
  /** Errors that no fault explains. */
  readonly unexpected: readonly string[];
}

/** Checks a history against the promises. @param deadline `sessions.deadline` of the workers, in milliseconds. */
export function checkHistory(history: History, deadline: number): Findings {
  const model = new SessionModel(history);
  const sights = sightsOf(model, history);
  return {
    lost: [...sights.flatMap((sight) => missing(model, sight)), ...unexplained(model, history)],
    phantom: sights.flatMap((sight) => phantoms(model, sight)),
    resurrected: resurrections(model, history),
    mixed: sights.flatMap((sight) => mixtures(model, sight)),
    loggedOut: logoutsOfNobody(model, history),
    late: lateCalls(history, deadline),
    unexpected: history.operations
      .filter(({ ending }) => ending === "other")
      .map((operation) => `${describe(operation)}: ${operation.error}`),
  };
}

/** A look into a session. */
interface Look {
  readonly what: string;
  readonly key: string;
  readonly saw: Sight;
  readonly start: number;
  readonly end: number;
}

function sightsOf(model: SessionModel, { operations, final }: History): Look[] {
  const looks: Look[] = [];
  for (const operation of operations) {
    const { saw, actAt, end, newKey } = operation;
    const key = newKey ?? operation.key;
    // A login that began a new session has nothing to show.
    if (saw === undefined || key === undefined || (newKey !== undefined && saw.lineage === undefined))
      continue;
    if (isOfStranger(model, key)) continue;
    looks.push({ what: describe(operation), key, saw, start: actAt, end });
  }
  for (const [key, saw] of final)
    if (saw && !isOfStranger(model, key)) looks.push({ what: "the end", key, saw, ...AT_THE_END });
  return looks;
}

/**
 * Whether a logout or a revocation is under way: a login or a new key may be told to have come about, and is
 * ended with it. Until then, the session may be the copy of a login that was about to begin, without later
 * writes to the old key.
 */
function isBeingEnded(model: SessionModel, look: Look): boolean {
  return endsDuring(model, look).length > 0;
}

/** Returns the logouts and revocations that are under way during a look. */
function endsDuring(model: SessionModel, { key, start, end }: Look): Operation[] {
  const isEnd = ({ kind }: Operation) => ENDS.has(kind) || kind === "revokeUser";
  return model
    .deaths(key)
    .map(({ by }) => by)
    .filter((by) => isEnd(by) && by.actAt < end && by.end > start);
}

/**
 * Whether a look may have found a write that came to nothing: one that is saved with a renewal of the key is in the
 * copy under the new key before it is known to come about. Once a logout has deleted the record under the old key, that
 * key leads to the copy, until the renewal takes it back, before the write ends, or the last step of the logout ends it.
 */
function mayBeInCopy(model: SessionModel, { kind, ending, actAt, end }: Operation, look: Look): boolean {
  const isInVain = ending === "interrupted" || ending === "not-sent";
  if (!isInVain || !SAVED_WITH_RENEWALS.has(kind) || look.start >= end) return false;
  return endsDuring(model, look).some((by) => by.actAt < end && by.end > actAt);
}

/** A session that a request without one has begun has no beginning to compare it with. */
function isOfStranger(model: SessionModel, key: string): boolean {
  const maker = model.makerOf(key);
  return maker !== undefined && !MAKES_KEY.has(maker.kind);
}

function missing(model: SessionModel, look: Look): string[] {
  if (isBeingEnded(model, look)) return [];
  const due = model
    .writes(look.key)
    .filter((write) => write.ending === "ok" && write.end < look.start && !isHalfEnded(model, write, look));
  const [log, ids] = [new Set(look.saw.log), new Set(look.saw.ids)];
  return due
    .filter((write) => {
      if (write.kind === "append") return !log.has(write.id);
      if (write.kind === "update") return !ids.has(write.id);
      if (write.kind !== "set") return false;
      return turnOf(model, look.saw.own[write.lane]) < write.turn;
    })
    .map((write) => `${describe(write)} is missing in ${look.what}`);
}

/**
 * Whether a logout or a revocation whose outcome is unknown came in between, at the moment of the write: where
 * the answers of a new key get lost as well, the session is as the new key has read it (decision 11).
 */
function isHalfEnded(model: SessionModel, write: Operation, { key, start }: Look): boolean {
  return model
    .deaths(key)
    .some(
      ({ by }) =>
        (ENDS.has(by.kind) || by.kind === "revokeUser") &&
        by.ending === "unknown" &&
        by.actAt < start &&
        write.end > by.actAt - MAX_MOVE,
    );
}

/** A lane's own part has no other writer, so what is there may only be what was set last, or later. */
function turnOf(model: SessionModel, id: string | undefined): number {
  return (id === undefined ? undefined : model.operations.get(id)?.turn) ?? -1;
}

function phantoms(model: SessionModel, look: Look): string[] {
  const { saw, what } = look;
  const possible = new Set(
    model
      .writes(look.key)
      .filter((write) => write.actAt < look.end)
      .filter((write) => mayHaveHappened(write.ending) || mayBeInCopy(model, write, look))
      .map(({ id, kind }) => `${kind} ${id}`),
  );
  const seen = [
    ...Object.values(saw.own).map((id) => `set ${id}`),
    ...saw.log.map((id) => `append ${id}`),
    ...saw.ids.map((id) => `update ${id}`),
  ];
  const found = seen
    .filter((effect) => !possible.has(effect))
    .map((effect) => `${effect} cannot be in ${what}`);
  if (saw.n !== saw.ids.length) found.push(`${what} counts ${saw.n} updates, but has ${saw.ids.length}`);
  return found;
}

function mixtures(model: SessionModel, { key, saw, what }: Look): string[] {
  const found: string[] = [];
  const [lineage, user] = [model.lineageOf(key), model.userOf(key)];
  if (saw.lineage !== lineage) found.push(`${what} shows the session ${saw.lineage} in place of ${lineage}`);
  if (saw.user !== user) found.push(`${what} shows the user ${saw.user} in place of ${user}`);
  return found;
}

function unexplained(model: SessionModel, { operations, final }: History): string[] {
  const found: string[] = [];
  for (const operation of operations) {
    const { key, ending, kind, newKey, saw } = operation;
    if (key === undefined) continue;
    const isFoundGone =
      ending === "absent" ||
      operation.isStranger === true ||
      isInterruptedWrite(operation) ||
      (kind === "login" && newKey !== undefined && saw?.lineage === undefined);
    // A login or a new key that comes to nothing takes the old key away for as long as it is under way.
    const isMoving = newKey === undefined && model.mayBeMoving(key, operation);
    if (isFoundGone && !isMoving && !model.isExplained(key, operation))
      found.push(`${describe(operation)}: gone, but nothing has ended it${failuresOn(model, key)}`);
    const mayHaveEnded = newKey === undefined && (operation.isStranger === true || model.mayHaveExpired(key));
    if (kind === "cycleKey" && ending === "ok" && !mayHaveEnded && saw?.lineage === undefined) {
      found.push(`${describe(operation)} has carried nothing over`);
    }
  }
  for (const [key, saw] of finalSights(model, final)) {
    if (saw === undefined && !model.isExplained(key, AT_THE_END)) {
      const maker = describe(model.makerOf(key));
      found.push(
        `the session of ${maker} is gone at the end, but nothing has ended it${failuresOn(model, key)}`,
      );
    }
  }
  return found;
}

/** Returns what is left of each session, under whichever of its keys. */
function finalSights(model: SessionModel, final: History["final"]): ReadonlyMap<string, Sight | undefined> {
  const sights = new Map<string, Sight | undefined>();
  for (const [key, saw] of final) {
    const strand = model.strandOf(key);
    if (model.makers.has(strand)) sights.set(strand, saw ?? sights.get(strand));
  }
  return sights;
}

/** Describes the operations that may have ended it without saying so. */
function failuresOn(model: SessionModel, key: string): string {
  const failures = model
    .on(key)
    .filter(({ ending, kind }) => ending !== "ok" && ending !== "absent" && kind !== "read");
  return failures.length === 0 ? "" : `; failures: ${failures.map(describe).join(", ")}`;
}

function resurrections(model: SessionModel, history: History): string[] {
  const found = model.rivals.map(
    ([maker, rival]) => `${describe(rival)} has led to what ${describe(maker)} has made`,
  );
  const final = finalSights(model, history.final);
  for (const key of model.makers.keys()) {
    const certain = model.deaths(key).filter(({ isCertain }) => isCertain);
    const seenDead = model.on(key).filter((each) => isSeenDead(each) && !mayBeSeenAgain(model, key, each));
    const first = [...certain.map(({ by }) => by), ...seenDead].toSorted(
      (left, right) => left.end - right.end,
    )[0];
    if (first === undefined) continue;
    const living = model.on(key).filter((operation) => isAliveAfter(model, operation, first));
    found.push(...living.map((operation) => `${describe(operation)} after ${describe(first)}`));
    if (final.get(key) !== undefined) found.push(`there at the end, after ${describe(first)}`);
  }
  return [...found, ...forks(model)];
}

function mayBeSeenAgain(model: SessionModel, key: string, seenDead: Operation): boolean {
  return (
    model.mayBeRenewed(key, seenDead) || model.mayLinger(key, seenDead) || model.mayBeMoving(key, seenDead)
  );
}

/**
 * An expiry that is near may come before the record is in use that a renewal has made with it: the session
 * goes on without.
 */
function isInterruptedWrite(operation: Operation): boolean {
  return operation.ending === "interrupted" && isWrite(operation) && operation.kind !== "expire";
}

function isSeenDead(operation: Operation): boolean {
  if (operation.isStranger === true) return true;
  return operation.ending === "absent" || isInterruptedWrite(operation);
}

/**
 * Whether an operation has read a session that was dead when it began, or has written to one that was dead by
 * then.
 */
function isAliveAfter(model: SessionModel, operation: Operation, death: Operation): boolean {
  const { start, actAt, ending, kind, newKey, saw } = operation;
  if (operation === death || kind === "evict" || ending === "absent" || ending === "unread") return false;
  if (operation.isStranger === true || kind === "revokeUser") return false;
  if (start > death.end) return true;
  if (ending !== "ok" || actAt <= death.end || ENDS.has(kind)) return false;
  // A write to a session that its own expiry has ended meanwhile is acknowledged, and leaves nothing behind.
  if (newKey === undefined) return !(isWrite(operation) && model.mayHaveExpired(operation.key));
  // Otherwise it has joined another login, or begun a session of its own.
  return saw?.lineage !== undefined && model.makerOf(newKey) === operation && operation.isJoined !== true;
}

/** One session goes on as one. */
function forks(model: SessionModel): string[] {
  const next = new Set<string>();
  const found: string[] = [];
  for (const [key, maker] of model.makers) {
    const before = model.previous(key);
    if (before === undefined) continue;
    const previous = model.strandOf(before);
    const hasCarried = maker.isJoined !== true;
    if (hasCarried && next.has(previous))
      found.push(`${describe(maker)} has carried over what was carried over before`);
    // A copy that another login was about to give up may have been joined.
    if (hasCarried || model.joinedBy(maker)) next.add(previous);
  }
  return found;
}

function lateCalls({ operations, pauses }: History, deadline: number): string[] {
  const byProcess = groupBy(pauses, ({ process }) => process);
  return operations.flatMap((operation) =>
    operation.calls
      .map((call) => ({ call, span: deadline * (STEPS[call.name] ?? 1) }))
      .filter(({ call: { start, end }, span }) => end - start > span + MARGIN)
      .map(({ call, span }) => ({ call, late: lateness(call, span, byProcess.get(operation.process) ?? []) }))
      .filter(({ late }) => late > MARGIN)
      .map(({ call, late }) => `${call.name} of ${describe(operation)} was ${Math.round(late)} ms late`),
  );
}
