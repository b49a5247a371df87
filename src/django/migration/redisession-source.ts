import { inflateSync } from "node:zlib";

import type { Clock } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import { chunksOf, COMMANDS_AT_ONCE } from "../../stores/chunks.ts";
import type { PickledRecord, UnreadableReason } from "./pickled-session.ts";

/** Set-up of django-redisession. */
export interface RedisessionLayout {
  /** `USE_HASH` */
  readonly useHash: boolean;
  /** Undoes `COMPRESS_LIB`; `undefined` if Node does not have that library. */
  readonly decompress: ((bytes: Uint8Array) => Uint8Array) | undefined;
}

const KEY_BYTES = 16;
const EXPIRY_BYTES = 4;
const COMPRESSED = 1;
const BUCKETS = 65_536;
const AT_ONCE = 64;
const SCAN_COUNT = "1000";

/** Maximum size of an inflated session, in bytes. */
const MAX_INFLATED = 16 * 1024 * 1024;

/** `COMPRESS_LIB = "zlib"` */
export const inflate = (bytes: Uint8Array): Uint8Array =>
  inflateSync(bytes, { maxOutputLength: MAX_INFLATED });

/**
 * Walks through the sessions of django-redisession, with its default key generators: 16 bytes, the
 * session key in hexadecimal; in hash mode in 65 536 hashes, each named by the first two bytes.
 */
export function redisessionRecords(
  connection: RedisConnection,
  layout: RedisessionLayout,
  clock: Clock,
  pageDeadline: () => Deadline,
): AsyncGenerator<PickledRecord, void, undefined> {
  const source = new RedisessionSource(connection, layout, clock, pageDeadline);
  return layout.useHash ? source.hashes() : source.strings();
}

class RedisessionSource {
  readonly #connection: RedisConnection;
  readonly #layout: RedisessionLayout;
  readonly #clock: Clock;
  readonly #pageDeadline: () => Deadline;

  constructor(
    connection: RedisConnection,
    layout: RedisessionLayout,
    clock: Clock,
    pageDeadline: () => Deadline,
  ) {
    this.#connection = connection;
    this.#layout = layout;
    this.#clock = clock;
    this.#pageDeadline = pageDeadline;
  }

  async *hashes(): AsyncGenerator<PickledRecord, void, undefined> {
    for (let first = 0; first < BUCKETS; first += AT_ONCE) {
      const pages = await Promise.all(
        Array.from({ length: AT_ONCE }, (_, offset) => this.#readHash(bucketAt(first + offset))),
      );
      yield* pages.flat();
    }
  }

  async *strings(): AsyncGenerator<PickledRecord, void, undefined> {
    let cursor = "0";
    do {
      const scan = ["SCAN", cursor, "COUNT", SCAN_COUNT, "TYPE", "string"] as const;
      const [next, keys] = (await this.#connection.command(
        scan,
        this.#pageDeadline(),
        undefined,
        "bytes",
      )) as [Buffer, Buffer[]];
      cursor = next.toString();
      // In a dedicated database every key is a session's; foreign keys have another length than 16
      // bytes.
      const sessions = keys.filter((key) => key.length === KEY_BYTES);
      for (const some of chunksOf(sessions, COMMANDS_AT_ONCE / 2)) {
        yield* await Promise.all(some.map((key) => this.#readString(key)));
      }
    } while (cursor !== "0");
  }

  async #readHash(hash: Buffer): Promise<PickledRecord[]> {
    const records: PickledRecord[] = [];
    if ((await this.#ask("TYPE", hash))?.toString() !== "hash") return records;
    let cursor = "0";
    do {
      // Not HGETALL, which returns a map: field names would become text.
      const scan = ["HSCAN", hash, cursor, "COUNT", SCAN_COUNT] as const;
      const [next, found] = (await this.#connection.command(
        scan,
        this.#pageDeadline(),
        undefined,
        "bytes",
      )) as [Buffer, Buffer[]];
      cursor = next.toString();
      // One by one: the server decides the number of entries in a reply
      // (hash-max-listpack-entries).
      for (const record of this.#fieldsOf(found)) records.push(record);
    } while (cursor !== "0");
    return records;
  }

  #fieldsOf(found: readonly Buffer[]): PickledRecord[] {
    return Array.from({ length: found.length / 2 }, (_, index) => {
      const [field, value] = found.slice(2 * index, 2 * index + 2) as [Buffer, Buffer];
      const ttl = value.length <= EXPIRY_BYTES ? 0 : value.readUInt32BE() * 1000 - this.#clock.now();
      return this.#toRecord(field, value.subarray(EXPIRY_BYTES), ttl);
    });
  }

  async #readString(key: Buffer): Promise<PickledRecord> {
    const [value, ttl] = await Promise.all([this.#ask("GET", key), this.#askNumber("PTTL", key)]);
    return value === undefined ? "expired" : this.#toRecord(key, value, ttl);
  }

  #toRecord(key: Buffer, value: Buffer, ttl: number): PickledRecord {
    const [flag] = value;
    if (key.length !== KEY_BYTES || flag === undefined || flag > COMPRESSED) return "foreign";
    if (ttl <= 0) return "expired";
    const pickle = flag === COMPRESSED ? this.#decompress(value.subarray(1)) : value.subarray(1);
    return typeof pickle === "string" ? pickle : { key: key.toString("hex"), pickle, ttl };
  }

  #decompress(bytes: Uint8Array): Uint8Array | UnreadableReason {
    try {
      return this.#layout.decompress?.(bytes) ?? "compressed";
    } catch {
      // Compressed by another library, or truncated.
      return "compressed";
    }
  }

  async #ask(command: "GET" | "TYPE", key: Buffer): Promise<Buffer | undefined> {
    const reply = await this.#connection.command([command, key], this.#pageDeadline(), undefined, "bytes");
    if (Buffer.isBuffer(reply)) return reply;
    return typeof reply === "string" ? Buffer.from(reply) : undefined;
  }

  async #askNumber(command: "PTTL", key: Buffer): Promise<number> {
    return Number(await this.#connection.command([command, key], this.#pageDeadline()));
  }
}

function bucketAt(index: number): Buffer {
  return Buffer.from([index >> 8, index & 0xff]);
}
