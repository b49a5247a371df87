import { newSessionKey } from "../../../core/ids.ts";
import type { Deadline } from "../../../core/deadlines.ts";
import type { RedisReply } from "../../../redis/commands.ts";
import type { RedisConnection } from "../../../redis/connection.ts";
import type { ClearProgress } from "../../session-store.ts";
import { escapeGlob, SCAN_COUNT } from "../arguments.ts";
import type { BucketKeys, BucketPlace } from "./bucket-keys.ts";
import { awaitWrites } from "../../await-writes.ts";
import { BUCKET_FIELDS, BUCKET_SWEEP } from "../scripts/scripts.ts";

/**
 * Number of fields that a script examines: with records of 1 KB some tenths of a millisecond, too.
 */
const HSCAN_COUNT = "100";

/**
 * Number of hashes examined at once. Other commands wait for that long: 16 scripts on hashes of 42
 * records took 1.3 ms. More at once made a sweep no faster.
 */
const HASHES_AT_ONCE = 16;

/**
 * Hashes that a sweep examines: `"all"`, a number of random ones, or those named by the function.
 *
 * Names are those made by `hashKeyGenerator`, without the prefix.
 */
export type HashKeysCheckForExpiry = "all" | number | (() => Iterable<string> | AsyncIterable<string>);

/** Position of a sweep in a hash. */
interface SweepPage {
  readonly hash: string;
  /** "0" at first. */
  readonly cursor: string;
}

/** The next page, "0" if there is none, and the number of records deleted on this one. */
interface SweptPage extends SweepPage {
  readonly count: number;
}

/** Walks the hashes of a namespace and their fields, in steps short enough for Redis. */
export class BucketWalk {
  readonly #connection: RedisConnection;
  readonly #keys: BucketKeys;

  constructor(connection: RedisConnection, keys: BucketKeys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  /** Yields the places of live records. One may come twice, and foreign ones may be included. */
  async *places(pageDeadline: () => Deadline): AsyncGenerator<BucketPlace, void, undefined> {
    for await (const group of groupsOf(this.#allHashes(pageDeadline))) {
      const lists = await Promise.all(group.map((hash) => this.#fieldsOf(hash, pageDeadline)));
      for (const [at, fields] of lists.entries()) {
        for (const field of fields) yield { hash: group[at] ?? "", field: String(field) };
      }
    }
  }

  /**
   * Deletes expired records. A step is one page of each hash of a group.
   *
   * @param onProgress Called after each step, while nothing is under way.
   * @returns Number of deleted records.
   */
  async sweep(
    which: HashKeysCheckForExpiry,
    pageDeadline: () => Deadline,
    onProgress?: (progress: ClearProgress) => void,
  ): Promise<number> {
    let cleared = 0;
    for await (const group of groupsOf(this.#hashes(which, pageDeadline))) {
      let pages: readonly SweepPage[] = group.map((hash) => ({ hash, cursor: "0" }));
      while (pages.length > 0) {
        const swept = await awaitWrites(this.#sweepPages(pages, pageDeadline), cleared > 0);
        for (const { count } of swept) cleared += count;
        onProgress?.({ cleared });
        pages = swept.filter(({ cursor }) => cursor !== "0");
      }
    }
    return cleared;
  }

  #sweepPages(pages: readonly SweepPage[], pageDeadline: () => Deadline): Promise<SweptPage>[] {
    return pages.map(async ({ hash, cursor }) => {
      const args = [cursor, HSCAN_COUNT, String(this.#keys.fieldLength)];
      const reply = await this.#connection.run(BUCKET_SWEEP, [hash], args, pageDeadline());
      const [next, count] = reply as [string, number];
      return { hash, cursor: next, count };
    });
  }

  async #fieldsOf(hash: string, pageDeadline: () => Deadline): Promise<RedisReply[]> {
    const found: RedisReply[] = [];
    let cursor = "0";
    do {
      const reply = await this.#connection.run(BUCKET_FIELDS, [hash], [cursor, HSCAN_COUNT], pageDeadline());
      const [next, ...page] = reply as [string, ...RedisReply[]];
      for (const each of page) found.push(each);
      cursor = next;
    } while (cursor !== "0");
    return found;
  }

  #hashes(which: HashKeysCheckForExpiry, pageDeadline: () => Deadline): AsyncIterable<readonly string[]> {
    if (which === "all") return this.#allHashes(pageDeadline);
    return typeof which === "number" ? this.#randomHashes(which) : this.#namedHashes(which());
  }

  #allHashes(pageDeadline: () => Deadline): AsyncIterable<readonly string[]> {
    return this.#connection.scanKeys(`${escapeGlob(this.#keys.namespace)}*`, SCAN_COUNT, pageDeadline);
  }

  async *#randomHashes(count: number): AsyncGenerator<readonly string[], void, undefined> {
    yield [...new Set(Array.from({ length: count }, () => this.#keys.hashOf(newSessionKey())))];
  }

  async *#namedHashes(
    names: Iterable<string> | AsyncIterable<string>,
  ): AsyncGenerator<readonly string[], void, undefined> {
    let group: string[] = [];
    for await (const name of names) {
      group.push(this.#keys.namespace + name);
      if (group.length < HASHES_AT_ONCE) continue;
      yield group;
      group = [];
    }
    yield group;
  }
}

async function* groupsOf(
  pages: AsyncIterable<readonly string[]>,
): AsyncGenerator<readonly string[], void, undefined> {
  for await (const hashes of pages) {
    for (let start = 0; start < hashes.length; start += HASHES_AT_ONCE) {
      yield hashes.slice(start, start + HASHES_AT_ONCE);
    }
  }
}
