import { newSessionKey } from "../../core/ids.ts";
import type { Deadline } from "../../core/deadlines.ts";
import type { RedisReply } from "../../redis/commands.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import { RedisScript } from "../../redis/script.ts";
import { escapeGlob } from "./arguments.ts";
import type { BucketKeys, BucketPlace } from "./bucket-keys.ts";
import { settleWrites } from "./settle-writes.ts";

const FIELDS = new RedisScript("bucket-fields", new URL("../../redis/scripts/bucket-fields.lua", import.meta.url));
const SWEEP = new RedisScript("bucket-sweep", new URL("../../redis/scripts/bucket-sweep.lua", import.meta.url));

/** How many keys Redis looks at for one page of a scan: some tenths of a millisecond of its time. */
const SCAN_COUNT = 1000;

/** How many fields a script looks at: with records of 1 KB some tenths of a millisecond, too. */
const HSCAN_COUNT = "100";

/** How many hashes are looked at at once: other commands wait for no longer than that. */
const HASHES_AT_ONCE = 64;

/**
 * Which hashes a sweep looks at: `"all"`, that many at random, or those whose names the function gives.
 *
 * The names are those that `hashKeyGenerator` makes, without the prefix.
 */
export type HashKeysCheckForExpiry = "all" | number | (() => Iterable<string> | AsyncIterable<string>);

/** Walks through the hashes of a namespace and their fields, in steps that Redis does not feel. */
export class BucketWalk {
  readonly #connection: RedisConnection;
  readonly #keys: BucketKeys;

  constructor(connection: RedisConnection, keys: BucketKeys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  /** Places of live records. One may come twice, as may what is foreign. */
  async *places(pageDeadline: () => Deadline): AsyncGenerator<BucketPlace, void, undefined> {
    for await (const hashes of this.#allHashes(pageDeadline)) {
      for (const group of groupsOf(hashes)) {
        const lists = await Promise.all(group.map((hash) => this.#pagesOf(FIELDS, hash, [], pageDeadline)));
        for (const [at, fields] of lists.entries()) {
          for (const field of fields) yield { hash: group[at] ?? "", field: String(field) };
        }
      }
    }
  }

  /** Deletes expired records. @returns How many. */
  async sweep(which: HashKeysCheckForExpiry, pageDeadline: () => Deadline): Promise<number> {
    let deleted = 0;
    for await (const hashes of this.#hashes(which, pageDeadline)) {
      for (const group of groupsOf(hashes)) {
        const sweeps = group.map((hash) => this.#sweepHash(hash, pageDeadline));
        for (const count of await settleWrites(sweeps, deleted > 0)) deleted += count;
      }
    }
    return deleted;
  }

  async #sweepHash(hash: string, pageDeadline: () => Deadline): Promise<number> {
    const counts = await this.#pagesOf(SWEEP, hash, [String(this.#keys.fieldLength)], pageDeadline);
    return counts.reduce((sum: number, count) => sum + Number(count), 0);
  }

  async #pagesOf(
    script: RedisScript,
    hash: string,
    args: readonly string[],
    pageDeadline: () => Deadline,
  ): Promise<RedisReply[]> {
    const found: RedisReply[] = [];
    let cursor = "0";
    do {
      const reply = await this.#connection.run(script, [hash], [cursor, HSCAN_COUNT, ...args], pageDeadline());
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

function* groupsOf(hashes: readonly string[]): Generator<readonly string[], void, undefined> {
  for (let start = 0; start < hashes.length; start += HASHES_AT_ONCE) yield hashes.slice(start, start + HASHES_AT_ONCE);
}
