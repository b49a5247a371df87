import type { Deadline } from "../core/deadlines.ts";
import type { SessionKey } from "../core/ids.ts";
import { type LoginOptions, loginRecord, userIdOf } from "./auth.ts";
import { Conflicts } from "./conflicts.ts";
import type { SeenParts } from "./merge.ts";
import { type Delta, SessionRecord } from "./session-record.ts";
import type { StoredSession } from "./session-records.ts";
import type { SessionServices } from "./session-services.ts";
import type { Creation } from "./user-sessions.ts";

/** A login that is about to happen. */
export interface Login {
  readonly userId: string;
  readonly options: LoginOptions;
  /** The session that the visitor has. */
  readonly stored: StoredSession | undefined;
  /** The key that the request came with, whether or not there is a record. */
  readonly presentedKey: SessionKey | undefined;
  /** What this request has changed and not saved, and what it saw before. */
  readonly pending: Delta;
  readonly seen: SeenParts;
  readonly creation: Creation;
  readonly deadline: Deadline;
}

/**
 * How a login came about.
 *
 * - `"moved"`: the visitor's session has a new key; what was pending is saved.
 * - `"joined"`: a login of the same user for the same visitor was first (a double click); what was pending still is.
 * - `"begun"`: the old record is gone, and stays gone; of the data there is what this request has set.
 */
export type LoginResult =
  | { readonly kind: "moved" | "joined"; readonly stored: StoredSession }
  | { readonly kind: "begun"; readonly stored: StoredSession | undefined };

/** Gives the visitor a session that is the user's, under a key that nobody knew before (OWASP: session fixation). */
export async function logIn(services: SessionServices, login: Login): Promise<LoginResult> {
  const moved = login.stored && (await move(services, login, login.stored));
  if (moved) return { kind: "moved", stored: moved };
  const joined = await join(services, login);
  return joined ? { kind: "joined", stored: joined } : { kind: "begun", stored: await begin(services, login) };
}

async function move(services: SessionServices, login: Login, stored: StoredSession) {
  const { records, recentLogins, events } = services;
  const conflicts = new Conflicts();
  const change = (newest: SessionRecord) =>
    makeRecord(services, login, conflicts.merge(login.pending, login.seen, newest));
  const moved = await records.move(stored, change, login.creation, login.deadline);
  if (moved === undefined) return undefined;
  conflicts.emit(events);
  recentLogins.remember(stored.key, { userId: login.userId, key: moved.key });
  return moved;
}

async function join({ records, recentLogins }: SessionServices, { presentedKey, userId, deadline }: Login) {
  const recent = recentLogins.find(presentedKey, userId);
  if (recent === undefined) return undefined;
  const loaded = await records.load(recent.key, deadline);
  if (loaded.status !== "live" || userIdOf(loaded.stored.version.record) !== userId) return undefined;
  return loaded.stored;
}

async function begin(services: SessionServices, login: Login): Promise<StoredSession | undefined> {
  const { records, recentLogins } = services;
  const { pending, presentedKey, userId, creation, deadline } = login;
  const own = new Map([...pending].filter(([, text]) => text !== undefined));
  const stored = await records.create(makeRecord(services, login, SessionRecord.empty.with(own)), creation, deadline);
  if (stored && presentedKey !== undefined) recentLogins.remember(presentedKey, { userId, key: stored.key });
  return stored;
}

function makeRecord(
  { clock, secretKey }: SessionServices,
  { userId, options }: Login,
  record: SessionRecord,
): SessionRecord {
  const now = clock.now();
  return loginRecord(record, userId, options, secretKey).withFacts({ created: now, authenticated: now });
}
