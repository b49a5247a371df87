import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { CacheCorruptError } from "../../core/errors.ts";
import type { CacheStore, EntryHead, StoredValue } from "../../stores/cache-store.ts";
import { writeInChunks } from "../../stores/await-writes.ts";
import type { ClockWatch } from "../entry/clock-watch.ts";
import { type EntryCodec, type EntryHeader, writeHeader } from "../entry/entry-codec.ts";
import { isFresh } from "../entry/freshness.ts";
import { type EntryKey, storageKeys } from "../keys/keys.ts";
import { validateTags, type TagTokens, type Tags } from "../entry/tags.ts";

/** What {@link touchEntries} works with. */
export interface TouchServices {
  readonly store: CacheStore;
  readonly codec: EntryCodec;
  readonly tags: Tags;
  readonly clocks: ClockWatch;
  readonly clock: Clock;
}

/** How long the entries are to live from now on, and where their tags are. */
export interface Touch {
  /** `null` is no expiry. */
  readonly ttl: Milliseconds | null;
  readonly version: number | undefined;
  readonly deadline: Deadline;
}

/** An entry with a header, and what is to take the place of that. */
interface Headed {
  readonly key: EntryKey;
  readonly head: StoredValue;
  readonly next: EntryHeader;
  /** For how long the store is to keep it. */
  readonly ttl: Milliseconds | null;
}

/**
 * Lets entries live for a time from now on, in the store and by their headers, and the tokens of their tags for
 * at least as long.
 *
 * An entry without a header takes one command, and its value stays where it is; of others the header alone
 * is read and written.
 *
 * @returns Which of them are there, fresh and with their tags as they were, in their order.
 */
export async function touchEntries(
  services: TouchServices,
  keys: readonly EntryKey[],
  touch: Touch,
): Promise<readonly boolean[]> {
  const { store } = services;
  const answers = await store.touchHeadless(storageKeys(keys), touch.ttl, touch.deadline);
  if (answers.every((each) => typeof each === "boolean")) return answers;
  const touched = new Set(keys.filter((_, index) => answers[index] === true));
  const plain: EntryKey[] = [];
  const headed: Headed[] = [];
  for (const [index, key] of keys.entries()) {
    const found = answers[index];
    if (typeof found !== "object") continue;
    const header = headerOf(found, key, services);
    if (header === undefined) plain.push(key);
    else if (isFresh(header, services.clock.now()))
      headed.push(prolong(key, found, header, touch, services.clock.now()));
  }
  const arePlain = await store.touchMany(storageKeys(plain), touch.ttl, touch.deadline);
  for (const [index, key] of plain.entries()) if (arePlain[index] === true) touched.add(key);
  const living = await ensureTags(services, headed, touch);
  for (const key of await replaceHeads(store, living, touch)) touched.add(key);
  return keys.map((key) => touched.has(key));
}

/** `undefined` where the value only begins as a header does, and where the header cannot be read: as for `has`. */
function headerOf({ head }: EntryHead, key: EntryKey, { codec, clocks }: TouchServices): EntryHeader | undefined {
  try {
    const header = codec.readHead(head, key);
    return header && clocks.adjust(header);
  } catch (error) {
    if (error instanceof CacheCorruptError) return undefined;
    throw error;
  }
}

function prolong(
  key: EntryKey,
  { head, ttl: left }: EntryHead,
  header: EntryHeader,
  { ttl }: Touch,
  now: EpochMilliseconds,
): Headed {
  const grace = graceOf(header, left, now);
  const freshUntil = ttl === null || grace === undefined ? undefined : now + ttl;
  return {
    key,
    head,
    next: { ...header, freshUntil, grace, touched: now },
    ttl: ttl === null ? null : ttl + (grace ?? 0),
  };
}

/** For how long the store keeps an entry past its time; `undefined` where the store's time is the only one. */
function graceOf(
  { freshUntil, grace }: EntryHeader,
  left: Milliseconds | null,
  now: EpochMilliseconds,
): Milliseconds | undefined {
  if (grace !== undefined || freshUntil === undefined) return grace;
  return left === null ? 0 : Math.max(0, Math.round(left - (freshUntil - now)));
}

/** Lets the tokens of tags live for long enough. @returns The entries whose tokens have not changed. */
async function ensureTags(
  { tags }: TouchServices,
  headed: readonly Headed[],
  touch: Touch,
): Promise<readonly Headed[]> {
  const names = tagsOf(headed);
  if (names.length === 0) return headed;
  // First, so that no token is made for what is dead anyway.
  const living = alive(headed, await tags.read(names, touch.version, touch.deadline));
  const ttls = living.map(({ ttl }) => ttl ?? Number.POSITIVE_INFINITY);
  const longest = Math.max(0, ...ttls);
  const ttl = Number.isFinite(longest) ? longest : null;
  const ensured = await tags.ensure(tagsOf(living), touch.version, ttl, touch.deadline);
  return alive(living, new Map(Object.entries(ensured ?? {})));
}

function tagsOf(headed: readonly Headed[]): string[] {
  return [...new Set(headed.flatMap(({ next }) => Object.keys(next.tags ?? {})))];
}

function alive(headed: readonly Headed[], tokens: TagTokens): readonly Headed[] {
  return headed.filter(({ next }) => validateTags(next, tokens) === "valid");
}

/** @returns The keys of the entries that are touched. */
async function replaceHeads(store: CacheStore, headed: readonly Headed[], touch: Touch): Promise<readonly EntryKey[]> {
  const areReplaced = await writeInChunks(headed, ({ key, head, next, ttl }) =>
    store.replaceHead(key.storageKey, head, { value: writeHeader(next), ttl }, touch.deadline),
  );
  const refused = headed.filter((_, index) => areReplaced[index] !== true);
  const answers = await store.touchHeadless(
    refused.map(({ key }) => key.storageKey),
    touch.ttl,
    touch.deadline,
  );
  // Another caller has written since, which is as if it had done so after this one; what it wrote may also be
  // without a head, or gone. A head that is still the same says that the store has not written.
  const others = refused.filter(({ head }, index) => {
    const found = answers[index];
    return typeof found === "object" ? !Buffer.from(found.head).equals(Buffer.from(head)) : found;
  });
  return [...headed.filter((_, index) => areReplaced[index] === true), ...others].map(({ key }) => key);
}
