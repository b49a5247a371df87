import type { DecodeResult, RecordCodec } from "../../codec/index.ts";
import type { Clock } from "../../core/clock.ts";
import type { Etag } from "../../core/etag.ts";
import { isPlainObject } from "../../json/index.ts";
import { isAuthKey, isUserId, userIdOf } from "../login/auth.ts";
import { type Delta, SessionRecord } from "../record/session-record.ts";
import { etagOf, readEarlier, textsOf, toObject } from "./earlier-record.ts";
import type { EarlierFormat } from "./earlier-sessions.ts";

/** Text in place of a record that is too large to be read. No library stores an empty record. */
export const TOO_LARGE = "";

/** Name under which the library's own members are kept in the metadata, while a request has them. */
const OWN = "earlier";

/**
 * Records in the form of another library, for servers with that library and with Sojourn at the
 * same time. The library's own members are written again, and Sojourn's metadata is a member
 * beside the application's, which the library keeps.
 */
export class EarlierCodec implements RecordCodec {
  readonly format = "earlier";
  readonly metadataFirst = false;
  readonly #format: EarlierFormat;
  readonly #clock: Clock;

  constructor(format: EarlierFormat, clock: Clock) {
    this.#format = format;
    this.#clock = clock;
  }

  encode(payload: string): string {
    const record = SessionRecord.parse(payload);
    const previous = record.metadata[OWN];
    const own = this.#format.ownMembers(isPlainObject(previous) ? previous : {}, this.#clock.now());
    const written = withoutAuth(record).with(this.#userChange(record)).with(textsOf(own));
    return this.#format.fromJson(written.withMetadata({ [OWN]: undefined }).toPayload(false));
  }

  decode(text: string): DecodeResult {
    if (text === TOO_LARGE) return { ok: false, reason: "too-large" };
    const content = readEarlier(text, this.#format, { keepsExpiry: true });
    if (content === undefined) return { ok: false, reason: "malformed" };
    const payload = content.record.withMetadata({ [OWN]: content.own }).toPayload(false);
    return { ok: true, value: { payload, writtenAt: undefined, isOutdated: false } };
  }

  etag(text: string): Etag {
    return etagOf(text);
  }

  /** Changes of the data by a login or a logout that the data does not show yet. */
  #userChange(record: SessionRecord): Delta {
    const userId = userIdOf(record);
    const data = toObject(withoutAuth(record));
    const known = this.#format.userOf(data);
    if (userId === (isUserId(known) ? String(known) : undefined)) return new Map();
    const names = new Set(Object.keys(data));
    this.#format.setUser(data, userId);
    const changes = new Map<string, string | undefined>(textsOf(data));
    for (const name of names) if (!Object.hasOwn(data, name)) changes.set(name, undefined);
    return changes;
  }
}

function withoutAuth(record: SessionRecord): SessionRecord {
  return record.with(new Map([...record.members.keys()].filter(isAuthKey).map((name) => [name, undefined])));
}
