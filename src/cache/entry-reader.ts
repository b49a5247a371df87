import type { Deadline } from "../core/deadlines.ts";
import { CacheCorruptError } from "../core/errors.ts";
import type { CacheStore, StoredValue } from "../stores/cache-store.ts";
import type { ReadOptions } from "./cache-options.ts";
import type { CacheMonitor } from "./cache-monitor.ts";
import type { EntryCodec, EntryHeader } from "./entry-codec.ts";
import type { EntryKey } from "./keys.ts";
import { judgeTags, type TagTokens, type Tags } from "./tags.ts";

/** What a read has found. */
export type Found =
  | { readonly status: "missing" }
  /** One of its tags was invalidated. */
  | { readonly status: "dead"; readonly seen: StoredValue }
  /** Something is there that cannot be read. */
  | { readonly status: "unreadable" }
  | FoundEntry;

/** An entry that can be read, and whose tags are as they were. Its time may be over. */
export interface FoundEntry {
  readonly status: "entry";
  readonly value: unknown;
  /** The value as it was serialized. */
  readonly text: string;
  readonly header: EntryHeader | undefined;
  readonly seen: StoredValue;
}

/** How to read. */
export interface ReadPlan {
  /** Tags that the entry may have: their tokens come with it. Those of other tags take another round trip. */
  readonly tags: readonly string[];
  readonly version: number | undefined;
  /** Whether an entry that cannot be read is an error, or only told by the event `corrupt`. */
  readonly corrupt: "throw" | "bury";
}

const NO_TAGS: readonly string[] = [];
const NO_TOKENS: TagTokens = new Map();
const MISSING = { status: "missing" } as const;

/** Reads entries: from the store to a value that may be given. */
export class EntryReader {
  readonly #store: CacheStore;
  readonly #codec: EntryCodec;
  readonly #tags: Tags;
  readonly #monitor: CacheMonitor;

  constructor(store: CacheStore, codec: EntryCodec, tags: Tags, monitor: CacheMonitor) {
    this.#store = store;
    this.#codec = codec;
    this.#tags = tags;
    this.#monitor = monitor;
  }

  /** @throws {CacheCorruptError} */
  read(key: EntryKey, plan: ReadPlan, deadline: Deadline): Promise<Found> {
    if (plan.tags.length > 0) return this.readMany([key], plan, deadline).then(([found = MISSING]) => found);
    return this.#store
      .get(key.whole, deadline)
      .then((stored) => (stored === undefined ? MISSING : this.judge(key, stored, plan, deadline)));
  }

  /** Reads entries, in the order of their keys, with one call. @throws {CacheCorruptError} */
  async readMany(keys: readonly EntryKey[], plan: ReadPlan, deadline: Deadline): Promise<Found[]> {
    const { tags, version } = plan;
    const tagKeys = tags.map((tag) => this.#tags.keyOf(tag, version));
    const stored = await this.#store.getMany([...keys.map(({ whole }) => whole), ...tagKeys], deadline);
    const known = this.#tags.tokensOf(tags, stored.slice(keys.length));
    const found: (Found | Promise<Found>)[] = [];
    for (const [index, key] of keys.entries()) {
      const each = stored[index];
      found.push(each === undefined ? MISSING : this.#judgeOne(key, each, plan, deadline, known));
    }
    return isReady(found) ? found : Promise.all(found.map(async (each) => each));
  }

  /** What a stored entry is good for: at once, but where tokens have to be read first. @throws {CacheCorruptError} */
  judge(
    key: EntryKey,
    stored: StoredValue,
    plan: ReadPlan,
    deadline: Deadline,
    known: TagTokens = NO_TOKENS,
  ): Found | Promise<Found> {
    const entry = this.#take(key, stored, plan);
    if (entry.status !== "entry" || entry.header?.tags === undefined) return entry;
    const verdict = judgeTags(entry.header, known);
    if (verdict === "valid") return entry;
    if (verdict === "invalid") return { status: "dead", seen: entry.seen };
    return this.#judgeWith(verdict, entry, plan, deadline, known);
  }

  /** {@link judge} of one of many, whose error must not leave the others unheard. */
  #judgeOne(
    key: EntryKey,
    stored: StoredValue,
    plan: ReadPlan,
    deadline: Deadline,
    known: TagTokens,
  ): Found | Promise<Found> {
    try {
      return this.judge(key, stored, plan, deadline, known);
    } catch (error) {
      return rejected(error);
    }
  }

  async #judgeWith(
    missing: readonly string[],
    entry: FoundEntry,
    { version }: ReadPlan,
    deadline: Deadline,
    known: TagTokens,
  ): Promise<Found> {
    const read = await this.#tags.read(missing, version, deadline);
    const verdict = judgeTags(entry.header, new Map([...known, ...read]));
    return verdict === "valid" ? entry : { status: "dead", seen: entry.seen };
  }

  #take(key: EntryKey, stored: StoredValue, { corrupt }: ReadPlan): Found {
    try {
      const { header, text, seen } = this.#codec.read(stored, key);
      return { status: "entry", value: this.#codec.parse(text, key), text, header, seen };
    } catch (error) {
      if (corrupt === "throw" || !(error instanceof CacheCorruptError)) throw error;
      this.#monitor.emit("corrupt", { key: key.given, problem: error.problem });
      return { status: "unreadable" };
    }
  }
}

// An async function, since nothing says that what was caught is an Error.
async function rejected(error: unknown): Promise<never> {
  throw error;
}

/** A promise for each of many entries would be most of what reading them costs. */
function isReady(found: readonly (Found | Promise<Found>)[]): found is Found[] {
  return !found.some((each) => each instanceof Promise);
}

/** How an operation reads that gives errors to its caller. */
export function toReadPlan({ tags = NO_TAGS }: ReadOptions, version: number | undefined): ReadPlan {
  return { tags, version, corrupt: "throw" };
}
