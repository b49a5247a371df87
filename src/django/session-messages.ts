import { isPlainObject, readJson, writeForComparison } from "../json/index.ts";

/** Django's `SessionStorage.session_key`. */
export const MESSAGES_KEY = "_messages";

// `MessageEncoder.message_key`.
const MARK = "__json_message";

/** A message as stored in the session. */
export interface StoredMessage {
  readonly level: number;
  readonly message: string;
  /** `undefined`: Python's `None`. */
  readonly extraTags: string | undefined;
  /** Whether Django inserts it into a page as HTML, without escaping (`mark_safe`). */
  readonly isSafe: boolean;
}

/** Messages taken out of a list, and the remaining items. */
export interface Split {
  readonly messages: readonly StoredMessage[];
  readonly rest: readonly unknown[];
}

/**
 * Reads the list in a session: Django's JSON text, or a bare array, which Django reads too.
 *
 * @returns `undefined` for a value that is not a list.
 */
export function readItems(stored: unknown): readonly unknown[] | undefined {
  const value = typeof stored === "string" && stored !== "" ? tryReadJson(stored) : stored;
  if (!Array.isArray(value)) return isEmpty(value) ? [] : undefined;
  const items: readonly unknown[] = value;
  // A single message without a list, which Django cannot show.
  return items[0] === MARK ? [items] : items;
}

/** Writes the list as text, like Django's `MessageEncoder`. */
export function writeItems(items: readonly unknown[]): string {
  // Items of other writers may hold values that only Python writes. They are written back as read.
  return writeForComparison(items, MESSAGES_KEY).text;
}

/** Converts a message to the form of `MessageEncoder`. */
export function toItem({ level, message, extraTags, isSafe }: StoredMessage): unknown[] {
  return [MARK, isSafe ? 1 : 0, level, message, ...(extraTags === undefined ? [] : [extraTags])];
}

/**
 * Takes the messages out of a list, and out of nested lists and objects, as Django's
 * `MessageDecoder` finds them. All other items stay.
 */
export function splitItems(items: readonly unknown[]): Split {
  const messages: StoredMessage[] = [];
  return { rest: items.map((item) => take(item, messages)).filter(isLeft), messages };
}

const TAKEN = Symbol("taken");

function take(item: unknown, messages: StoredMessage[]): unknown {
  const message = readMessage(item);
  if (message === undefined) return takeInside(item, messages);
  messages.push(message);
  return TAKEN;
}

/** Returns a list or an object without its messages, or `TAKEN` if it held nothing else. */
function takeInside(item: unknown, messages: StoredMessage[]): unknown {
  // A message that cannot be read is left as it is, even if it contains others.
  if (Array.isArray(item) && item[0] !== MARK) {
    const left = item.map((each) => take(each, messages)).filter(isLeft);
    return left.length === 0 && item.length > 0 ? TAKEN : left;
  }
  if (!isPlainObject(item)) return item;
  const entries = Object.entries(item).map(([key, each]) => [key, take(each, messages)] as const);
  const left = entries.filter(([, each]) => isLeft(each));
  return left.length === 0 && entries.length > 0 ? TAKEN : Object.fromEntries(left);
}

function isLeft(item: unknown): boolean {
  return item !== TAKEN;
}

function readMessage(item: unknown): StoredMessage | undefined {
  if (!Array.isArray(item) || item[0] !== MARK || item.length < 4 || item.length > 5) return undefined;
  const [, safe, level, message, extraTags = null] = item as unknown[];
  if (typeof level !== "number" || !Number.isSafeInteger(level) || typeof message !== "string")
    return undefined;
  if (extraTags !== null && typeof extraTags !== "string") return undefined;
  return { level, message, extraTags: extraTags ?? undefined, isSafe: !isEmpty(safe) };
}

function tryReadJson(text: string): unknown {
  try {
    // Only the lossless reader limits the depth.
    return readJson({ text, isPlain: false });
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** Returns whether Python treats a value as false. */
function isEmpty(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return (
    value === undefined || value === null || value === "" || value === false || value === 0 || value === 0n
  );
}
