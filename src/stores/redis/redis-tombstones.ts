import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { RedisReply } from "../../redis/commands.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import type { SessionTombstones } from "../session-tombstones.ts";
import { toRedisTtl } from "./arguments.ts";
import { TOMBSTONE_ADD } from "./scripts/scripts.ts";

/**
 * Tombstones as Redis strings, which expire by themselves: `{project name}:{prefix}-moved:{name}`.
 * Each method is one command.
 */
export class RedisTombstones implements SessionTombstones {
  readonly #connection: RedisConnection;
  readonly #namespace: string;

  /** @param namespace Prefix of the names, with its colon. */
  constructor(connection: RedisConnection, namespace: string) {
    this.#connection = connection;
    this.#namespace = namespace;
  }

  async read(name: string, deadline: Deadline): Promise<string | undefined> {
    const redisKey = this.#namespace + name;
    return textOf(await this.#connection.command(["GET", redisKey], deadline, redisKey));
  }

  async add(name: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<string | undefined> {
    return textOf(
      await this.#connection.run(TOMBSTONE_ADD, [this.#namespace + name], [text, toRedisTtl(ttl)], deadline),
    );
  }

  async replace(name: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<void> {
    const redisKey = this.#namespace + name;
    await this.#connection.command(["SET", redisKey, text, "PX", toRedisTtl(ttl)], deadline, redisKey);
  }

  async delete(name: string, deadline: Deadline): Promise<void> {
    const redisKey = this.#namespace + name;
    await this.#connection.command(["DEL", redisKey], deadline, redisKey);
  }
}

function textOf(reply: RedisReply): string | undefined {
  return typeof reply === "string" ? reply : undefined;
}
