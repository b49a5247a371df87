import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { isSessionKey, type SessionKey } from "../../core/ids.ts";
import type { RedisReply } from "../../redis/commands.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import { RedisScript } from "../../redis/script.ts";
import type {
  IndexedSession,
  UserIndex,
  UserIndexAddition,
  UserIndexCheck,
  UserIndexEntry,
  UserIndexLimits,
} from "../user-index.ts";
import { toRedisTtl } from "./arguments.ts";

const ADD = new RedisScript("user-index-add", new URL("../../redis/scripts/user-index-add.lua", import.meta.url));
const PUT = new RedisScript("user-index-put", new URL("../../redis/scripts/user-index-put.lua", import.meta.url));
const LIST = new RedisScript("user-index-list", new URL("../../redis/scripts/user-index-list.lua", import.meta.url));
const REVOKE = new RedisScript(
  "user-index-revoke",
  new URL("../../redis/scripts/user-index-revoke.lua", import.meta.url),
);

/** The field of a list that is no session: session keys have 32 characters. */
const EPOCH_FIELD = "epoch";

/**
 * The sessions of each user, one Redis hash a user: `{project name}:{prefix}-user:{user id}`.
 *
 * The list of a user whose sessions have all ended expires by itself.
 */
export class RedisUserIndex implements UserIndex {
  readonly #connection: RedisConnection;
  readonly #namespace: string;

  /** @param namespace What precedes the user's id, with its colon. */
  constructor(connection: RedisConnection, namespace: string) {
    this.#connection = connection;
    this.#namespace = namespace;
  }

  async add(
    userId: string,
    { key, entry }: IndexedSession,
    { most = 0, replaces = "", ttl, now }: UserIndexLimits,
    deadline: Deadline,
  ): Promise<UserIndexAddition> {
    const args = [key, encodeEntry(entry), String(most), toRedisTtl(ttl), whole(now), replaces];
    const reply = await this.#connection.run(ADD, [this.#listOf(userId)], args, deadline);
    const [epoch = "", ...evicted] = reply as string[];
    return { epoch, evicted };
  }

  async check(userId: string, key: SessionKey, deadline: Deadline): Promise<UserIndexCheck> {
    const list = this.#listOf(userId);
    const reply = await this.#connection.command(["HMGET", list, EPOCH_FIELD, key], deadline, list);
    const [epoch, entry] = reply as [string | null, string | null];
    return { epoch: epoch ?? "", isListed: entry !== null };
  }

  async put(userId: string, { key, entry }: IndexedSession, ttl: Milliseconds, deadline: Deadline): Promise<void> {
    await this.#connection.run(PUT, [this.#listOf(userId)], [key, encodeEntry(entry), toRedisTtl(ttl)], deadline);
  }

  async remove(userId: string, keys: readonly SessionKey[], deadline: Deadline): Promise<void> {
    if (keys.length === 0) return;
    const list = this.#listOf(userId);
    await this.#connection.command(["HDEL", list, ...keys], deadline, list);
  }

  async list(userId: string, deadline: Deadline): Promise<readonly IndexedSession[]> {
    return decodeList(await this.#connection.run(LIST, [this.#listOf(userId)], [], deadline));
  }

  async revoke(
    userId: string,
    epoch: string,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<readonly IndexedSession[]> {
    return decodeList(await this.#connection.run(REVOKE, [this.#listOf(userId)], [epoch, toRedisTtl(ttl)], deadline));
  }

  #listOf(userId: string): string {
    return this.#namespace + userId;
  }
}

function whole(number: number): string {
  return String(Math.ceil(number));
}

function encodeEntry({ createdAt, lastSeenAt, expiresAt, device }: UserIndexEntry): string {
  return `${whole(createdAt)}|${whole(lastSeenAt)}|${whole(expiresAt)}|${device}`;
}

/** What is not of our making is not listed: the store may hold anything. */
function decodeList(reply: RedisReply): IndexedSession[] {
  const fields = reply as string[];
  const sessions: IndexedSession[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [key = "", text = ""] = [fields[at], fields[at + 1]];
    const entry = decodeEntry(text);
    if (isSessionKey(key) && entry) sessions.push({ key, entry });
  }
  return sessions;
}

function decodeEntry(text: string): UserIndexEntry | undefined {
  const [, createdAt, lastSeenAt, expiresAt, device = ""] =
    /^(\d{1,15})\|(\d{1,15})\|(\d{1,15})\|(.*)$/s.exec(text) ?? [];
  if (createdAt === undefined) return undefined;
  return { createdAt: Number(createdAt), lastSeenAt: Number(lastSeenAt), expiresAt: Number(expiresAt), device };
}
