import { type Act, type Outcome, USER } from "./scenario.ts";
import type { Aftermath, Found } from "./world.ts";

/** Says which promises an order of steps has broken: one line each. */
export function judge(aftermath: Aftermath): string[] {
  return [...interruptions(aftermath), ...cookies(aftermath), ...end(aftermath), ...updates(aftermath)];
}

const isDone = ({ ending }: Outcome): boolean => ending === "ok";

/** Only requests that take or change rights interrupt others, and they interrupt none that only reads. */
function interruptions({ outcomes }: Aftermath): string[] {
  return outcomes.flatMap(({ act, ending, error }, index) => {
    if (ending === "failed") return [`${act.name} failed: ${String(error)}`];
    if (ending === "ok") return [];
    const isAllowed = !act.onlyReads && outcomes.some((other, at) => at !== index && other.act.interrupts);
    return isAllowed ? [] : [`${act.name} was interrupted`];
  });
}

/**
 * A response brings the key of a live session, or clears the cookie after a logout. It may be late for the
 * end of a session, since one read cannot see both that it is there and that no other login is.
 */
function cookies({ setCookies, outcomes }: Aftermath): string[] {
  const mayHaveEnded = outcomes.some(({ act }) => act.ends);
  return setCookies.flatMap(({ act, key, isLive }) => {
    if (key === undefined) return act.ends ? [] : [`${act.name} has cleared the cookie`];
    return isLive || mayHaveEnded ? [] : [`${act.name} has set the cookie of a dead session`];
  });
}

/**
 * A visitor who is logged in stays so until an end, and nobody is afterwards. A request that has
 * come before an end has returned may begin an empty session.
 */
function end(aftermath: Aftermath): string[] {
  const { scenario, outcomes, sessions, key } = aftermath;
  const done = outcomes.filter(isDone).map(({ act }) => act);
  const logins = done.filter(({ user }) => user !== undefined);
  const mayHaveEnded = outcomes.some(({ act }) => act.ends);
  const found: string[] = [];
  if (key === undefined && !mayHaveEnded) found.push("the browser has lost its session");
  for (const each of sessions.filter((one) => !mayHaveEnded || !isFresh(one))) {
    const who = each.userId ?? "nobody";
    if (done.some(({ ends }) => ends) && logins.length === 0)
      found.push(`the session of ${who} is there after its end`);
    else if (each.key !== key && !mayLeaveOthers(done)) found.push(`a session of ${who} is no browser's`);
    else if (each.key === key && !mayBe(each.userId, scenario.isLoggedIn, logins))
      found.push(`${who} is logged in`);
  }
  return found;
}

/**
 * Whether there may be sessions that the browser has no cookie of: a login that finds its session gone begins
 * one of its own, beside the one that another login, or a new key, has led to. It ends by itself, and is on
 * the user's list.
 */
function mayLeaveOthers(done: readonly Act[]): boolean {
  const logins = done.filter(({ user }) => user !== undefined).length;
  return logins > 1 || (logins === 1 && done.some(({ cycles = false, ends = false }) => cycles || ends));
}

function isFresh({ userId, data }: Found): boolean {
  return userId === undefined && data.lineage === undefined;
}

function mayBe(userId: string | undefined, wasLoggedIn: boolean, logins: readonly Act[]): boolean {
  if (logins.length === 0) return userId === (wasLoggedIn ? USER : undefined);
  return logins.some(({ user }) => user === userId);
}

/** Acknowledged changes are there, unless a login has begun a session without them. */
function updates({ outcomes, sessions, key }: Aftermath): string[] {
  const data = sessions.find((each) => each.key === key)?.data;
  if (data?.lineage === undefined) return [];
  const done = outcomes.map(({ act, ending }) => (ending === "ok" ? act.writes : undefined));
  const count = done.filter((writes) => writes === "count").length;
  const lost = done.flatMap((writes, actor) =>
    writes === "own" && data[`own${actor}`] !== actor ? actor : [],
  );
  return [
    ...lost.map((actor) => `what ${outcomes[actor]?.act.name} has written is lost`),
    ...(data.n === count ? [] : [`${data.n} of ${count} updates are there`]),
  ];
}
