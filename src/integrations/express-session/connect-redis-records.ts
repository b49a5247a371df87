import { createHash } from "node:crypto";
import type { Deadline } from "../../core/deadlines.ts";
import { SessionConflictError } from "../../core/errors.ts";
import {
  type Make,
  type RecordData,
  REPLACED_FOR,
  type SessionRecords,
  type StoredRecord,
  type Written,
} from "./session-records.ts";
import type { SessionData, SessionStoreLike } from "./types.ts";

/** The parts of connect-redis 9 that are used. */
interface ConnectRedis extends SessionStoreLike {
  readonly client: {
    get(key: string): Promise<string | null>;
    eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
    expire(key: string, seconds: number): Promise<unknown>;
    set(key: string, value: string, options: { EX: number }): Promise<unknown>;
    del(keys: string[]): Promise<unknown>;
  };
  readonly prefix: string;
  readonly serializer: { parse(text: string): unknown; stringify(session: unknown): string };
  readonly disableTTL?: boolean;
  readonly disableTouch?: boolean;
  getTTL(session: SessionData): number;
}

/** Returns whether a store is connect-redis 9 as it is published, not a subclass with other records. */
export function isConnectRedis(store: SessionStoreLike): store is ConnectRedis {
  const { client, prefix, serializer, getTTL } = store as Partial<ConnectRedis>;
  const own = Object.getPrototypeOf(store) as object;
  const isItself = own.constructor.name === "RedisStore" && Object.hasOwn(own, "get");
  const isReplaced = ["get", "set", "touch", "destroy"].some((name) => Object.hasOwn(store, name));
  return (
    isItself &&
    !isReplaced &&
    typeof client?.eval === "function" &&
    typeof prefix === "string" &&
    typeof serializer?.parse === "function" &&
    typeof getTTL === "function"
  );
}

// KEYS: the record. ARGV: SHA-1 of the expected record, or "" for none; the new record; its time to
// live in seconds, or "" for no expiry. The whole of a record that differs is returned.
const REPLACE = `
local stored = redis.call('GET', KEYS[1])
if stored then
  if redis.sha1hex(stored) ~= ARGV[1] then return stored end
elseif ARGV[1] ~= '' then
  return 0
end
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
return 1`;

/**
 * The records of connect-redis, in its own form and over its own client: each write is one step in
 * Redis that compares and sets, so processes with express-session and with this middleware can
 * serve the same visitors.
 */
export class ConnectRedisRecords implements SessionRecords {
  readonly touchEvery = 60_000;
  readonly #store: ConnectRedis;

  constructor(store: ConnectRedis) {
    this.#store = store;
  }

  async read(sid: string): Promise<StoredRecord | undefined> {
    const text = await this.#store.client.get(this.#keyOf(sid));
    return text ? this.#parse(text) : undefined;
  }

  async write(
    sid: string,
    expected: StoredRecord | undefined,
    make: Make,
    deadline: Deadline,
  ): Promise<Written> {
    const { client, serializer, disableTTL } = this.#store;
    let stored = expected;
    while (!deadline.hasPassed) {
      const session = make(stored);
      const ttl = this.#store.getTTL(session);
      if (ttl <= 0) {
        await this.destroy(sid);
        return "ended";
      }
      const text = serializer.stringify(session);
      const digest = stored ? createHash("sha1").update(stored.text).digest("hex") : "";
      const args = [digest, text, disableTTL ? "" : String(ttl)];
      const answer = await client.eval(REPLACE, { keys: [this.#keyOf(sid)], arguments: args });
      if (answer === 1) return { text, data: this.#parse(text).data };
      if (typeof answer !== "string") return "gone";
      stored = this.#parse(answer);
    }
    throw new SessionConflictError(
      `Other requests kept changing this session for ${deadline.total} ms, so nothing was saved.`,
    );
  }

  async touch(sid: string, session: SessionData): Promise<void> {
    const { client, disableTTL, disableTouch } = this.#store;
    if (disableTTL || disableTouch) return;
    await client.expire(this.#keyOf(sid), this.#store.getTTL(session));
  }

  async destroy(sid: string): Promise<void> {
    await this.#store.client.del([this.#keyOf(sid)]);
  }

  async noteReplaced(sid: string): Promise<void> {
    await this.#store.client.set(this.#replacedKeyOf(sid), "1", { EX: REPLACED_FOR / 1000 });
  }

  async isReplaced(sid: string): Promise<boolean> {
    return (await this.#store.client.get(this.#replacedKeyOf(sid))) !== null;
  }

  #parse(text: string): StoredRecord {
    return { text, data: this.#store.serializer.parse(text) as RecordData };
  }

  #keyOf(sid: string): string {
    return this.#store.prefix + sid;
  }

  /** Outside of the prefix, under which connect-redis takes every key for a session. */
  #replacedKeyOf(sid: string): string {
    return `replaced:${this.#store.prefix}${createHash("sha256").update(sid).digest("base64url")}`;
  }
}
