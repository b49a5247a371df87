import type { Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { Etag } from "../../core/etag.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import type { RedisScript } from "../../redis/script.ts";
import type { EarlierRead, EarlierRecords } from "../earlier-records.ts";
import type { CommitResult } from "../session-store.ts";
import { escapeGlob, luaRange, SCAN_COUNT, toRedisTtl } from "./arguments.ts";
import { SESSION_COMMIT, SESSION_DELETE_IF_MATCH, SESSION_TOUCH } from "./scripts/scripts.ts";

/** Options of {@link RedisEarlierRecords}. */
export interface RedisEarlierRecordsOptions {
  /** First part of the keys, before the id. */
  readonly prefix: string;
  /** Returns whether what follows the prefix is an id. */
  readonly isId: (id: string) => boolean;
  /** Maximum size of a record, in bytes. */
  readonly maxBytes: number;
}

/** Records of another session library as Redis strings, such as `sess:{id}` of connect-redis. */
export class RedisEarlierRecords implements EarlierRecords {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  readonly #maxBytes: number;

  readonly #isId: (id: string) => boolean;

  constructor(connection: RedisConnection, { prefix, isId, maxBytes }: RedisEarlierRecordsOptions) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#isId = isId;
    this.#maxBytes = maxBytes;
  }

  async read(id: string, deadline: Deadline): Promise<EarlierRead> {
    const key = this.#prefix + id;
    const [bytes, ttl] = await Promise.all([
      // One byte more than a record may have shows that there are more.
      this.#connection.command(["GETRANGE", key, "0", String(this.#maxBytes)], deadline, key, "bytes"),
      this.#connection.command(["PTTL", key], deadline, key),
    ]);
    if (!Buffer.isBuffer(bytes) || bytes.length === 0 || Number(ttl) === -2) return "absent";
    if (bytes.length > this.#maxBytes) return "too-large";
    return { text: bytes.toString(), ttl: Number(ttl) < 0 ? undefined : Math.max(1, Number(ttl)) };
  }

  async create(id: string, text: string, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    const key = this.#prefix + id;
    const args = ["SET", key, text, "NX", "PX", toRedisTtl(ttl)] as const;
    return (await this.#connection.command(args, deadline, key)) !== null;
  }

  commit(id: string, text: string, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult> {
    return this.#runIfMatch(SESSION_COMMIT, id, etag, [text, toRedisTtl(ttl)], deadline);
  }

  touch(id: string, etag: Etag, ttl: Milliseconds, deadline: Deadline): Promise<CommitResult> {
    return this.#runIfMatch(SESSION_TOUCH, id, etag, [toRedisTtl(ttl)], deadline);
  }

  async delete(id: string, deadline: Deadline): Promise<boolean> {
    const key = this.#prefix + id;
    return (await this.#connection.command(["DEL", key], deadline, key)) === 1;
  }

  deleteIfMatch(id: string, etag: Etag, deadline: Deadline): Promise<CommitResult> {
    return this.#runIfMatch(SESSION_DELETE_IF_MATCH, id, etag, [], deadline);
  }

  async *scan(pageDeadline: () => Deadline): AsyncGenerator<readonly string[], void, undefined> {
    const pattern = `${escapeGlob(this.#prefix)}*`;
    const pages = this.#connection.scanKeys(pattern, SCAN_COUNT, pageDeadline, "text", "string");
    for await (const page of pages)
      yield page.map((key) => key.slice(this.#prefix.length)).filter((id) => this.#isId(id));
  }

  async ping(deadline: Deadline): Promise<void> {
    await this.#connection.command(["PING"], deadline);
  }

  async #runIfMatch(
    script: RedisScript,
    id: string,
    etag: Etag,
    args: readonly string[],
    deadline: Deadline,
  ): Promise<CommitResult> {
    const bytes = Buffer.from(etag.text, "latin1");
    const [first] = luaRange(etag);
    // Whole records are compared: to their last byte, not only where the etag ends.
    const reply = await this.#connection.run(
      script,
      [this.#prefix + id],
      [first, "-1", bytes, ...args],
      deadline,
    );
    if (reply === 1) return { status: "committed" };
    return typeof reply === "string" ? { status: "conflict", record: reply } : { status: "gone" };
  }
}
