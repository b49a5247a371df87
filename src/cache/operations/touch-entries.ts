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

/** Parts that {@link touchEntries} uses. */
export interface TouchServices {
  readonly store: CacheStore;
  readonly codec: EntryCodec;
  readonly tags: Tags;
  readonly clocks: ClockWatch;
  readonly clock: Clock;
}

/** New time to live of the entries, and the version of their tags. */
export interface Touch {
  /** `null`: no expiry. */
  readonly ttl: Milliseconds | null;
  readonly version: number;
  readonly deadline: Deadline;
}

/** An entry with a header, and its new header. */
interface Headed {
  readonly key: EntryKey;
  readonly head: StoredValue;
  readonly next: EntryHeader;
  /** Time for which the store keeps the entry. */
  readonly ttl: Milliseconds | null;
}

/**
 * Sets the remaining time of entries, in the store and in their headers; the tokens of their tags
 * live at least as long.
 *
 * An entry without a header takes one command, and its value is not transferred; of other entries
 * only the header is read and written.
 *
 * @returns Whether each of them exists, fresh and with unchanged tags, in their order.
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

/**
 * Returns `undefined` for a value that only begins like a header, and for an unreadable header, as
 * `has` does.
 */
function headerOf(
  { head }: EntryHead,
  key: EntryKey,
  { codec, clocks }: TouchServices,
): EntryHeader | undefined {
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

/**
 * Returns the time for which the store keeps an entry after it has expired; `undefined` if only the
 * store's expiry applies.
 */
function graceOf(
  { freshUntil, grace }: EntryHeader,
  left: Milliseconds | null,
  now: EpochMilliseconds,
): Milliseconds | undefined {
  if (grace !== undefined || freshUntil === undefined) return grace;
  return left === null ? 0 : Math.max(0, Math.round(left - (freshUntil - now)));
}

/** Extends the tokens of tags. @returns The entries with unchanged tokens. */
async function ensureTags(
  { tags }: TouchServices,
  headed: readonly Headed[],
  touch: Touch,
): Promise<readonly Headed[]> {
  const names = tagsOf(headed);
  if (names.length === 0) return headed;
  // First, so that no token is made for an invalid entry.
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

/** @returns The keys of the touched entries. */
async function replaceHeads(
  store: CacheStore,
  headed: readonly Headed[],
  touch: Touch,
): Promise<readonly EntryKey[]> {
  const areReplaced = await writeInChunks(headed, ({ key, head, next, ttl }) =>
    store.replaceHead(key.storageKey, head, { value: writeHeader(next), ttl }, touch.deadline),
  );
  const refused = headed.filter((_, index) => areReplaced[index] !== true);
  const answers = await store.touchHeadless(
    refused.map(({ key }) => key.storageKey),
    touch.ttl,
    touch.deadline,
  );
  // Another caller has written since, which counts as a write after this one; its entry may also
  // have no header, or be deleted. An unchanged header means that the store has not written.
  const others = refused.filter(({ head }, index) => {
    const found = answers[index];
    return typeof found === "object" ? !Buffer.from(found.head).equals(Buffer.from(head)) : found;
  });
  return [...headed.filter((_, index) => areReplaced[index] === true), ...others].map(({ key }) => key);
}
