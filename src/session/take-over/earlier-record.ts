import type { EpochMilliseconds } from "../../core/clock.ts";
import { Etag } from "../../core/etag.ts";
import { readJson, writeJson } from "../../json/index.ts";
import { isAuthKey, isUserId, USER_ID_KEY } from "../login/auth.ts";
import { type Delta, SessionRecord } from "../record/session-record.ts";
import { EXPIRY_KEY } from "../record/timeouts.ts";
import type { EarlierFormat, JsonMembers } from "./earlier-sessions.ts";

/** Content of a record of another library. */
export interface EarlierContent {
  /** The application's data, and the user as Sojourn names it. */
  readonly record: SessionRecord;
  /** The library's own members. */
  readonly own: JsonMembers;
  /** End that the library's members state. */
  readonly end: EpochMilliseconds | undefined;
}

/**
 * Reads a record of another library. Members that are Sojourn's own are dropped: such a record is
 * not signed, and an application may have put a visitor's input there.
 *
 * @param options.keepsExpiry Keeps the expiry that `session.setExpiry()` has set.
 * @returns `undefined` for a text that is no record.
 */
export function readEarlier(
  text: string,
  format: EarlierFormat,
  { keepsExpiry = false }: { readonly keepsExpiry?: boolean } = {},
): EarlierContent | undefined {
  const stored = parse(text, format);
  if (stored === undefined) return undefined;
  const own: Record<string, unknown> = {};
  const dropped = new Map<string, undefined>();
  for (const [name, member] of stored.members) {
    const isOwn = format.isOwn(name);
    if (isOwn) define(own, name, readJson(member));
    if (isOwn || isAuthKey(name) || (name === EXPIRY_KEY && !keepsExpiry)) dropped.set(name, undefined);
  }
  const data = stored.with(dropped);
  const userId = format.userOf(toObject(data));
  const record = isUserId(userId) ? data.with(login(String(userId))) : data;
  return { record, own, end: format.endOf(own) };
}

/** Returns the members of a record as an object. A member named `__proto__` stays a member. */
export function toObject(record: SessionRecord): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [name, member] of record.members) define(object, name, readJson(member));
  return object;
}

/**
 * Returns a record with a new end, if its library heeds the end that a record states.
 *
 * @returns `undefined` if the record has none.
 */
export function renewEarlier(
  text: string,
  format: EarlierFormat,
  now: EpochMilliseconds,
): string | undefined {
  const content = readEarlier(text, format);
  const record = parse(text, format);
  if (content?.end === undefined || record === undefined) return undefined;
  return format.fromJson(record.with(textsOf(format.ownMembers(content.own, now))).toPayload(false));
}

/** Returns the members of an object as JSON. */
export function textsOf(members: JsonMembers): Map<string, string> {
  const given = Object.entries(members).filter(([, value]) => value !== undefined);
  return new Map(given.map(([name, value]) => [name, writeJson(value, name)]));
}

/** Returns the changes from one record to another. */
export function deltaOf(before: SessionRecord, after: SessionRecord): Delta {
  const delta = new Map<string, string | undefined>();
  for (const name of new Set([...before.members.keys(), ...after.members.keys()])) {
    const text = after.members.get(name)?.text;
    if (text !== before.members.get(name)?.text) delta.set(name, text);
  }
  return delta;
}

/** Returns a record without metadata, which another library may have kept, and anyone have written. */
export function withoutMetadata(record: SessionRecord): SessionRecord {
  return SessionRecord.empty.with(new Map([...record.members].map(([name, { text }]) => [name, text])));
}

/** The whole record is the etag: the other library keeps no version. */
export function etagOf(text: string): Etag {
  return new Etag(0, Buffer.from(text).toString("latin1"));
}

function login(userId: string): Delta {
  return new Map([[USER_ID_KEY, writeJson(userId, USER_ID_KEY)]]);
}

function parse(text: string, format: EarlierFormat): SessionRecord | undefined {
  try {
    const json = format.toJson(text);
    return json === undefined ? undefined : SessionRecord.parse(json);
  } catch {
    // A serializer of the application throws what it likes.
    return undefined;
  }
}

function define(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}
