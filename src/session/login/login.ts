import type { Deadline } from "../../core/deadlines.ts";
import { SessionInterrupted } from "../../core/errors.ts";
import type { SessionKey } from "../../core/ids.ts";
import { type LoginOptions, loginRecord, userIdOf } from "./auth.ts";
import { type BaseSnapshot, type ConflictPath, mergeDelta } from "../data/merge.ts";
import type { StoredSession } from "../stored/record-writer.ts";
import { type Delta, SessionRecord } from "../record/session-record.ts";
import type { FollowedDeparture, SessionRecords } from "../stored/session-records.ts";
import type { SessionServices } from "../session-services.ts";
import { EXPIRY_KEY, timeToLive } from "../record/timeouts.ts";
import type { Creation } from "../users/user-sessions.ts";

/** Dependencies of {@link logIn}. */
export interface LoginServices extends Pick<SessionServices, "clock" | "timeouts" | "secretKey"> {
  readonly records: SessionRecords;
}

/** Parameters of a login. */
export interface Login {
  readonly userId: string;
  readonly options: LoginOptions;
  /** The visitor's present session. */
  readonly stored: StoredSession | undefined;
  /** Key presented by the request, with or without a record. */
  readonly presentedKey: SessionKey | undefined;
  /** Unsaved changes of this request, and the snapshot that they are based on. */
  readonly pending: Delta;
  readonly base: BaseSnapshot;
  readonly creation: Creation;
  readonly deadline: Deadline;
}

/**
 * Result of a login.
 *
 * - `"moved"`: the visitor's session has a new key; pending changes are saved.
 * - `"joined"`: a login of the same user for the same visitor was first (a double click); pending
 *   changes are still unsaved.
 * - `"begun"`: the old record is gone, and stays gone; the data consists of this request's changes.
 */
export interface LoginResult {
  readonly kind: "moved" | "joined" | "begun";
  readonly stored: StoredSession;
  readonly conflicts: readonly ConflictPath[];
}

/**
 * Gives the visitor a session of the user, under a key that no one knew before (OWASP: session
 * fixation).
 */
export async function logIn(services: LoginServices, login: Login): Promise<LoginResult> {
  const moved = login.stored && (await move(services, login, login.stored));
  if (moved) return { kind: "moved", stored: moved.stored, conflicts: moved.conflicts };
  const { presentedKey, deadline } = login;
  const departure =
    presentedKey === undefined ? undefined : await services.records.departureToRecord(presentedKey, deadline);
  const joined = departure && (await join(services, login, departure));
  if (joined) return { kind: "joined", stored: joined, conflicts: [] };
  return { kind: "begun", stored: await begin(services, login, departure), conflicts: [] };
}

async function move(services: LoginServices, login: Login, stored: StoredSession) {
  const { records, clock, timeouts } = services;
  const { pending, base, creation, deadline } = login;
  const isOver = (record: SessionRecord) => timeToLive(record, timeouts, clock.now()) <= 0;
  const change = (newest: SessionRecord) => {
    const { record, conflicts } = mergeDelta(pending, base, newest);
    // A session that has expired meanwhile gets a new key only if this request sets a new expiry.
    return isOver(newest) && isOver(record)
      ? { record, conflicts }
      : { record: makeRecord(services, login, record), conflicts };
  };
  const result = await records.move(stored, { reason: "login", change, creation }, deadline);
  return result.status === "moved" ? result : undefined;
}

/** Joins the session of the first half of a double click, which both halves' key leads to. */
async function join(
  { records }: LoginServices,
  { userId, deadline }: Login,
  { reason, to }: FollowedDeparture,
) {
  if (reason !== "login" || to === undefined) return undefined;
  const loaded = await records.load(to.key, deadline);
  if (loaded.status !== "live" || userIdOf(loaded.stored.version.record) !== userId) return undefined;
  return loaded.stored;
}

async function begin(
  services: LoginServices,
  login: Login,
  departure: FollowedDeparture | undefined,
): Promise<StoredSession> {
  const { records } = services;
  const { pending, presentedKey, creation, deadline } = login;
  const own = new Map([...pending].filter(([, text]) => text !== undefined));
  const record = makeRecord(services, login, SessionRecord.empty.with(own));
  const stored = await records.create(record, creation, deadline);
  if (stored === undefined) throw new SessionInterrupted();
  if (presentedKey !== undefined) await records.noteLogin(presentedKey, departure, stored, deadline);
  return stored;
}

/** Makes the record, without an expiry that has passed: it would end the login at once. */
function makeRecord(
  { clock, secretKey, timeouts }: LoginServices,
  { userId, options }: Login,
  record: SessionRecord,
): SessionRecord {
  const now = clock.now();
  const made = loginRecord(record, userId, options, secretKey).withMetadata({
    created: now,
    authenticated: now,
  });
  return timeToLive(made, timeouts, now) > 0 ? made : made.with(new Map([[EXPIRY_KEY, undefined]]));
}
