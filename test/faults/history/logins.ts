import { groupBy } from "./group-by.ts";
import type { History, Kind, Operation } from "./history.ts";
import { describe } from "./describe.ts";
import { MAKES_KEY, mayHaveHappened, type SessionModel } from "./session-model.ts";

/** How long a command may be under way after its caller was told that its outcome is unknown, in milliseconds. */
const LATEST_ARRIVAL = 1000;

/** Kinds after which a login may be over, or replaced by another one. */
const ENDS_LOGIN: ReadonlySet<Kind> = new Set<Kind>([
  ...MAKES_KEY,
  "logout",
  "revoke",
  "revokeUser",
  "expire",
]);

/** P2: what takes a login away from a visitor whom nothing has logged out. */
export function logoutsOfNobody(model: SessionModel, { operations }: History): string[] {
  const ends = operations.filter(
    (each) => ENDS_LOGIN.has(each.kind) && (mayHaveHappened(each.ending) || model.mayEvict(each)),
  );
  return [
    ...operations.flatMap((operation) => deadCookies(model, operation)),
    ...operations.flatMap((operation) => freshSessions(model, operation)),
    ...[...groupBy(operations, ({ visitor }) => visitor).values()].flatMap((own) =>
      brokenLogins(model, own, ends),
    ),
  ];
}

/**
 * A response sets no cookie of a session that had ended before it left, nor clears one that was not ended.
 * A response keeps the key that its own request has given the session if the store does not answer:
 * nothing else might bring it.
 */
function deadCookies(model: SessionModel, operation: Operation): string[] {
  const { key, kind, setCookie, headAt } = operation;
  if (setCookie === undefined || headAt === undefined) return [];
  if (setCookie === "") {
    const isEnd = kind === "logout" || kind === "expire" || (key !== undefined && model.mayHaveExpired(key));
    return isEnd ? [] : [`${describe(operation)} has cleared the cookie`];
  }
  if (operation.isUnconfirmed === true && setCookie !== operation.foundKey) return [];
  const death = model
    .deaths(setCookie)
    .find(({ by, isCertain }) => isCertain && by !== operation && by.end < headAt);
  return death ? [`${describe(operation)} has set the cookie of what ${describe(death.by)} had ended`] : [];
}

/** A late request with a key that was replaced, or logged out, begins no session: its cookie would take over. */
function freshSessions(model: SessionModel, operation: Operation): string[] {
  const { key, kind, isStranger, setCookie, newKey, start, end } = operation;
  if (!isStranger || key === undefined || MAKES_KEY.has(kind) || !(setCookie || newKey)) return [];
  const deaths = model.deaths(key);
  // The browser still has the cookie of a revoked session, and an expiry need not be noted.
  const isEndedElsewhere = deaths.some(
    ({ by }) => (by.kind === "revoke" || by.kind === "revokeUser" || by.kind === "expire") && by.start < end,
  );
  const isRemembered = start - (model.makerOf(key)?.start ?? 0) < model.rememberedFor;
  if (isEndedElsewhere || !isRemembered) return [];
  const departure = deaths.find(
    ({ by, isCertain, isCause }) => isCertain && isCause && by.isStranger !== true && by.end < start,
  );
  return departure ? [`${describe(operation)} has begun a session, after ${describe(departure.by)}`] : [];
}

/**
 * A login lasts until something ends it, whatever the keys and the cookies did
 * meanwhile.
 */
function brokenLogins(
  model: SessionModel,
  own: readonly Operation[],
  allEnds: readonly Operation[],
): string[] {
  const logins = own.filter(
    ({ kind, ending, newKey, setCookie }) =>
      kind === "login" &&
      ending === "ok" &&
      newKey !== undefined &&
      setCookie !== undefined &&
      setCookie !== "",
  );
  return logins.flatMap((login) => {
    const { arrivedAt = Number.POSITIVE_INFINITY, user, newKey = "" } = login;
    if (login.saw?.lineage === undefined || model.mayHaveExpired(newKey) || isOvertaken(login, own))
      return [];
    const ends = allEnds.filter(
      (each) => mayEnd(model, each, login) && each.end + spanOf(each) > sentAt(login),
    );
    const until = Math.min(Number.POSITIVE_INFINITY, ...ends.map((end) => sentAt(end)));
    return (
      own
        .filter((each) => !each.isLate && each.key !== undefined && sentAt(each) > arrivedAt)
        .filter((each) => (each.arrivedAt ?? each.end) < until && isStrangersNow(each, user))
        // A login or a new key that fails takes the old key away for as long as it is under way.
        .filter((each) => each.key !== undefined && !model.mayBeMoving(each.key, each))
        .map((each) => `${describe(each)}: logged out, after ${describe(login)}`)
    );
  });
}

function sentAt(operation: Operation): number {
  return operation.sentAt ?? operation.start;
}

function spanOf({ ending }: Operation): number {
  return ending === "unknown" ? LATEST_ARRIVAL : 0;
}

function isStrangersNow({ isStranger, saw, ending, kind }: Operation, user: string | undefined): boolean {
  if (isStranger === true) return true;
  return saw !== undefined && !MAKES_KEY.has(kind)
    ? saw.user !== user
    : ending === "interrupted" && kind !== "expire";
}

/** Whether what ends logins may have ended this one. */
function mayEnd(model: SessionModel, each: Operation, login: Operation): boolean {
  if (each === login) return false;
  if (each.kind === "login" && each.user === login.user && model.mayEvict(each)) return true;
  return each.kind === "revokeUser" ? each.user === login.user : each.visitor === login.visitor;
}

/**
 * Whether a response arrived after that of the login which had left, or was about to, before the login was
 * done.
 */
function isOvertaken(login: Operation, own: readonly Operation[]): boolean {
  const { arrivedAt = 0, end } = login;
  return own.some(
    (each) =>
      each !== login &&
      each.setCookie !== undefined &&
      sentAt(each) < arrivedAt &&
      (each.arrivedAt ?? each.end) > arrivedAt &&
      (each.headAt ?? 0) <= end,
  );
}
