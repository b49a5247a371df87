import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { RedisRegistry } from "../../redis/registry.ts";
import type { EarlierRecords } from "../../stores/earlier-records.ts";
import type { CookieLifetime, SetCookie } from "../http/cookie.ts";

/** Members of an object, as JSON has them. */
export type JsonMembers = Readonly<Record<string, unknown>>;

/** Ids in the cookies of a request. */
export interface EarlierIds {
  /** Ids whose signature is right, in header order: at most {@link MAX_IDS}. */
  readonly ids: readonly string[];
  /** Value of a cookie without a right signature; `undefined` if there is none. */
  readonly forged: string | undefined;
}

/** Maximum number of ids to look up: each costs commands. */
export const MAX_IDS = 4;

/** Maximum length of an id, in characters. */
export const MAX_ID_LENGTH = 256;

/** Cookies of another session library. */
export interface EarlierCookies {
  /** Reads a Cookie header. */
  idsIn(header: string | undefined): EarlierIds;
  /** Returns the part of a Cookie header for an id. A secret. */
  headerOf(id: string): string;
  /** Returns the cookies that give a browser an id. */
  set(id: string, lifetime: CookieLifetime): readonly SetCookie[];
  /** Returns the cookies that delete those of the library. */
  clear(isSecure: boolean): readonly SetCookie[];
}

/** Form of the records of another session library. */
export interface EarlierFormat {
  /** Converts a record to the text of a JSON object. @returns `undefined` if it is none. */
  toJson(text: string): string | undefined;
  /** Converts the text of a JSON object to a record. */
  fromJson(json: string): string;
  /** Returns whether a member belongs to the library, not to the application. */
  isOwn(name: string): boolean;
  /** Returns the library's members for a record that is written now. @param previous Those it had. */
  ownMembers(previous: JsonMembers, now: EpochMilliseconds): JsonMembers;
  /** Returns the life of a session after each activity, if its record states one. */
  lifeOf(own: JsonMembers): Milliseconds | undefined;
  /** Returns the end that the library's members state, if the library heeds it. */
  endOf(own: JsonMembers): EpochMilliseconds | undefined;
  /** Returns the user who is logged in; `undefined` for an anonymous visitor. */
  userOf(data: JsonMembers): unknown;
  /** Logs a user in, by changing the data. @param userId `undefined`: logs out. */
  setUser(data: Record<string, unknown>, userId: string | undefined): void;
}

/** Sessions of the library that an application had before. */
export interface EarlierSessions {
  /** Name of the library, for events. */
  readonly name: string;
  readonly cookies: EarlierCookies;
  readonly format: EarlierFormat;
  readonly records: EarlierRecords;
}

/** Settings that a source of {@link EarlierSessions} shares with the rest of the application. */
export interface EarlierSessionsContext {
  readonly redis: RedisRegistry;
  readonly clock: Clock;
  /** Maximum size of a record, in bytes: `sessions.maxBytes`. */
  readonly maxBytes: number;
}

/** Result of `expressSessionSource()` and its like: makes the source once the settings are complete. */
export type EarlierSessionsFactory = (context: EarlierSessionsContext) => EarlierSessions;
