import { isDeepStrictEqual } from "node:util";
import { isPlainObject, rawValue, readJson, writeForComparison } from "../../json/index.ts";
import { isAuthKey } from "../login/auth.ts";
import { FLASH_KEY } from "./flash.ts";
import type { Delta, SessionRecord } from "../record/session-record.ts";

/** Represents a missing part, for which JSON has no value. */
export const ABSENT: unique symbol = Symbol("absent");

/** Called with the path of a part that both sides changed; the change committed last wins. */
export type OnConflict = (path: readonly string[]) => void;

/**
 * Merges two changes of one value, three-way.
 *
 * Plain objects are merged member by member; arrays and single values are one part. If only one
 * side changed a part, its change wins; if both did, `mine` wins, and `onConflict` is called. An
 * object that both sides added is merged as if it had been empty before.
 *
 * The result may contain objects of both sides.
 */
export function mergeValues(
  base: unknown,
  mine: unknown,
  theirs: unknown,
  onConflict: OnConflict,
  path: readonly string[] = [],
): unknown {
  return merge({ base, mine, theirs }, onConflict, [...path]).value;
}

/** The three sides of a merge; {@link ABSENT} for a missing part. */
export interface ThreeSides {
  readonly base: unknown;
  readonly mine: unknown;
  readonly theirs: unknown;
}

/** {@link mergeValues} of a top-level part. */
export function mergeMembers(
  key: string,
  { base, mine, theirs }: ThreeSides,
  onConflict: OnConflict,
): unknown {
  if (key !== FLASH_KEY) return mergeValues(base, mine, theirs, onConflict, [key]);
  // Taking the last message does not conflict with adding another, so for messages, absence equals
  // {}.
  const merged = mergeValues(orEmpty(base), orEmpty(mine), orEmpty(theirs), onConflict, [key]);
  return isDeepStrictEqual(merged, {}) ? ABSENT : merged;
}

function orEmpty(value: unknown): unknown {
  return value === ABSENT ? {} : value;
}

/** A merged part, and the sides that changed it. */
interface Merged {
  readonly value: unknown;
  readonly isMineChanged: boolean;
  readonly isTheirsChanged: boolean;
}

/** Compares each part once: in deep data, comparing on every level would be quadratic. */
function merge(sides: ThreeSides, onConflict: OnConflict, path: string[]): Merged {
  const { base, mine, theirs } = sides;
  if (isPlainObject(mine) && isPlainObject(theirs)) {
    if (base === ABSENT) return { ...mergeObjects({}, mine, theirs, onConflict, path), ...BOTH_CHANGED };
    if (isPlainObject(base)) return mergeObjects(base, mine, theirs, onConflict, path);
  }
  const isMineChanged = !isDeepStrictEqual(mine, base);
  const isTheirsChanged = !isDeepStrictEqual(theirs, base);
  if (!isMineChanged) return { value: theirs, isMineChanged, isTheirsChanged };
  if (isTheirsChanged && !isDeepStrictEqual(mine, theirs)) onConflict([...path]);
  return { value: mine, isMineChanged, isTheirsChanged };
}

const BOTH_CHANGED = { isMineChanged: true, isTheirsChanged: true };

function mergeObjects(
  base: Record<string, unknown>,
  mine: Record<string, unknown>,
  theirs: Record<string, unknown>,
  onConflict: OnConflict,
  path: string[],
): Merged {
  const parts = new Map<string, unknown>();
  let [isMineChanged, isTheirsChanged] = [false, false];
  for (const key of new Set([...Object.keys(theirs), ...Object.keys(mine), ...Object.keys(base)])) {
    path.push(key);
    const part = merge(
      { base: own(base, key), mine: own(mine, key), theirs: own(theirs, key) },
      onConflict,
      path,
    );
    path.pop();
    isMineChanged ||= part.isMineChanged;
    isTheirsChanged ||= part.isTheirsChanged;
    if (part.value !== ABSENT) parts.set(key, part.value);
  }
  // Unchanged, with the order of its keys.
  if (!isMineChanged) return { value: theirs, isMineChanged, isTheirsChanged };
  if (!isTheirsChanged) return { value: mine, isMineChanged, isTheirsChanged };
  // fromEntries defines its properties, so a key named __proto__ stays a key.
  return { value: Object.fromEntries(parts), isMineChanged, isTheirsChanged };
}

function own(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) && object[key] !== undefined ? object[key] : ABSENT;
}

/** The record that a session's changes are based on. */
export interface BaseSnapshot {
  /** Returns the base text of a part; `undefined` if there was none. */
  textOf(key: string): string | undefined;
}

/**
 * Applies a session's changes to a record that others may have changed since the session read it.
 *
 * The `_auth_*` keys are one part: a login is never mixed from two writers.
 */
export function mergeDelta(
  delta: Delta,
  seen: BaseSnapshot,
  theirs: SessionRecord,
  onConflict: OnConflict,
): SessionRecord {
  const merged = new Map<string, string | undefined>();
  for (const [key, mine] of delta) {
    if (isAuthKey(key)) continue;
    merged.set(key, mergeTexts(seen.textOf(key), mine, theirs.members.get(key)?.text, key, onConflict));
  }
  mergeAuth(delta, seen, theirs, onConflict, merged);
  return theirs.with(merged);
}

function mergeTexts(
  base: string | undefined,
  mine: string | undefined,
  theirs: string | undefined,
  key: string,
  onConflict: OnConflict,
): string | undefined {
  if (theirs === base || theirs === mine) return mine;
  const value = mergeMembers(
    key,
    { base: parse(base), mine: parse(mine), theirs: parse(theirs) },
    onConflict,
  );
  // Values that only Python can write come from one of the three sides and are kept as they are.
  return value === ABSENT ? undefined : writeForComparison(value, key).text;
}

function mergeAuth(
  delta: Delta,
  seen: BaseSnapshot,
  theirs: SessionRecord,
  onConflict: OnConflict,
  merged: Map<string, string | undefined>,
): void {
  const mine = [...delta].filter(([key]) => isAuthKey(key));
  if (mine.length === 0) return;
  const theirKeys = [...theirs.members.keys()].filter(isAuthKey);
  const isTheirsChanged = [...new Set([...theirKeys, ...mine.map(([key]) => key)])].some(
    (key) =>
      theirs.members.get(key)?.text !== seen.textOf(key) && theirs.members.get(key)?.text !== delta.get(key),
  );
  if (isTheirsChanged) {
    onConflict(["_auth_*"]);
    // Mine as a whole: the base of the keys that I did not change, and no key that only they have.
    for (const key of theirKeys) if (!delta.has(key)) merged.set(key, seen.textOf(key));
  }
  for (const [key, text] of mine) merged.set(key, text);
}

function parse(text: string | undefined): unknown {
  return text === undefined ? ABSENT : readJson(rawValue(text));
}
