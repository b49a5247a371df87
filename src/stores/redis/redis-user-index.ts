import type { EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";
import { isSessionKey, type SessionKey } from "../../core/ids.ts";
import type { RedisReply } from "../../redis/commands.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import type { RedisScript } from "../../redis/script.ts";
import {
  endOf,
  EVICTION_CANDIDATES,
  type IndexedSession,
  MAX_EVICTIONS,
  type Unlisting,
  type UserIndex,
  type UserIndexAddition,
  type UserIndexCheck,
  type UserIndexLimits,
  type UserIndexPage,
  type UserIndexRange,
} from "../user-index.ts";
import { toRedisTtl } from "./arguments.ts";
import { warnOfEviction } from "./eviction-warning.ts";
import {
  USER_INDEX_ADD,
  USER_INDEX_CHECK,
  USER_INDEX_PAGE,
  USER_INDEX_PUT,
  USER_INDEX_REMOVE,
  USER_INDEX_REPLACE,
  USER_INDEX_REVOKE,
} from "./scripts/scripts.ts";

/** Field of the details that is not a session: session keys have 32 characters. */
const EPOCH_FIELD = "epoch";

/**
 * The sessions of each user: a sorted set of session keys by the expiry of their entries,
 * `{project name}:{prefix}-users:{id=user id}:list`, and a hash with the details and the epoch,
 * `…:details`. The braces around the user's id are part of these names: they put both keys into one
 * slot of a cluster, so each method is one command.
 *
 * The entries of a user whose sessions have all expired expire by themselves.
 */
export class RedisUserIndex implements UserIndex {
  readonly #connection: RedisConnection;
  readonly #vital: RedisConnection;
  readonly #namespace: string;
  #hasCheckedEviction = false;

  /**
   * @param vital Connection for revocations, whose writes may wait for replicas.
   * @param namespace Prefix of the user's id, with its colon.
   * @throws {ImproperlyConfigured} On a cluster, if the namespace makes Redis ignore later braces.
   */
  constructor(connection: RedisConnection, vital: RedisConnection, namespace: string) {
    this.#connection = connection;
    this.#vital = vital;
    this.#namespace = namespace;
    // Redis considers only the first "{" and the first "}" after it, and the whole key if nothing
    // is between them.
    if (!connection.isCluster || !/^[^{]*\{\}/.test(namespace)) return;
    throw new ImproperlyConfigured(
      "projectName",
      'expected no "{}" in it, or in the prefix of the store, on a cluster.',
    );
  }

  async epoch(userId: string, deadline: Deadline): Promise<string> {
    const details = this.#detailsOf(userId);
    const epoch = await this.#connection.command(["HGET", details, EPOCH_FIELD], deadline, details);
    return typeof epoch === "string" ? epoch : "";
  }

  async add(
    userId: string,
    { key, entry }: IndexedSession,
    { now, slack, most = 0, replaces = "", isWaiting = false }: UserIndexLimits,
    deadline: Deadline,
  ): Promise<UserIndexAddition> {
    this.#checkEvictionOnce(deadline);
    const details = `${whole(entry.createdAt)}|${whole(entry.lastSeenAt)}|${entry.device}`;
    const limits = [
      whole(now),
      whole(slack),
      String(most),
      replaces,
      String(MAX_EVICTIONS),
      String(EVICTION_CANDIDATES),
      isWaiting ? "1" : "",
    ];
    const reply = await this.#run(
      USER_INDEX_ADD,
      userId,
      [key, details, whole(entry.keepUntil), ...limits],
      deadline,
    );
    const [epoch = "", ...evicted] = reply as string[];
    return { epoch, evicted };
  }

  async check(userId: string, key: SessionKey, deadline: Deadline): Promise<UserIndexCheck> {
    const [epoch, isListed] = (await this.#run(USER_INDEX_CHECK, userId, [key], deadline)) as [
      string,
      number,
    ];
    return { epoch, isListed: isListed === 1 };
  }

  async put(
    userId: string,
    { key, entry }: IndexedSession,
    now: EpochMilliseconds,
    deadline: Deadline,
  ): Promise<void> {
    const { createdAt, lastSeenAt, keepUntil, device } = entry;
    const args = [key, whole(createdAt), whole(lastSeenAt), device, whole(keepUntil), whole(now)];
    await this.#run(USER_INDEX_PUT, userId, args, deadline);
  }

  async replace(userId: string, old: SessionKey, by: SessionKey, deadline: Deadline): Promise<void> {
    await this.#run(USER_INDEX_REPLACE, userId, [old, by], deadline);
  }

  async remove(userId: string, sessions: readonly Unlisting[], deadline: Deadline): Promise<void> {
    if (sessions.length === 0) return;
    const args = sessions.flatMap(({ key, keptUntil }) => [
      key,
      keptUntil === undefined ? "" : whole(keptUntil),
    ]);
    await this.#run(USER_INDEX_REMOVE, userId, args, deadline);
  }

  async page(
    userId: string,
    { after = ":", until = ":", limit }: UserIndexRange,
    deadline: Deadline,
  ): Promise<UserIndexPage> {
    this.#checkEvictionOnce(deadline);
    const args = [...after.split(":"), ...until.split(":"), String(limit)];
    const fields = (await this.#run(USER_INDEX_PAGE, userId, args, deadline)) as string[];
    const isLast = fields.length < 3 * limit;
    return { sessions: decodePage(fields), next: isLast ? undefined : `${fields.at(-2)}:${fields.at(-3)}` };
  }

  async revoke(userId: string, epoch: string, ttl: Milliseconds, deadline: Deadline): Promise<void> {
    this.#checkEvictionOnce(deadline);
    await this.#vital.run(USER_INDEX_REVOKE, [this.#detailsOf(userId)], [epoch, toRedisTtl(ttl)], deadline);
  }

  #run(
    script: RedisScript,
    userId: string,
    args: readonly string[],
    deadline: Deadline,
  ): Promise<RedisReply> {
    return this.#connection.run(script, [this.#listOf(userId), this.#detailsOf(userId)], args, deadline);
  }

  #listOf(userId: string): string {
    return `${this.#namespace}{id=${userId}}:list`;
  }

  #detailsOf(userId: string): string {
    return `${this.#namespace}{id=${userId}}:details`;
  }

  #checkEvictionOnce(deadline: Deadline): void {
    if (this.#hasCheckedEviction) return;
    this.#hasCheckedEviction = true;
    void warnOfEviction(this.#connection, deadline).then(
      (hasAnswered) => (this.#hasCheckedEviction = hasAnswered),
    );
  }
}

function whole(number: number): string {
  return String(Math.ceil(number));
}

/** Foreign entries are not listed: the store may hold anything. */
function decodePage(fields: readonly string[]): IndexedSession[] {
  const sessions: IndexedSession[] = [];
  for (let at = 0; at + 2 < fields.length; at += 3) {
    const [key = "", score = "", details = ""] = fields.slice(at, at + 3);
    const [, createdAt = 0, lastSeenAt = 0, device = ""] =
      /^(\d{1,15})\|(\d{1,15})\|(.*)$/s.exec(details) ?? [];
    const keepUntil = endOf(Number(score));
    const entry = { createdAt: Number(createdAt), lastSeenAt: Number(lastSeenAt), keepUntil, device };
    if (isSessionKey(key)) sessions.push({ key, entry });
  }
  return sessions;
}
