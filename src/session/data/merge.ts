import { isDeepStrictEqual } from "node:util";
import { isPlainObject, rawValue, readJson, writeForComparison } from "../../json/index.ts";
import { isAuthKey } from "../login/auth.ts";
import { FLASH_KEY } from "./flash.ts";
import type { Delta, SessionRecord } from "../record/session-record.ts";

/** Represents a missing part, for which JSON has no value. */
export const ABSENT: unique symbol = Symbol("absent");

/** Path of a part that both sides changed; the change committed last wins. */
export type ConflictPath = readonly string[];

/** Result of merging a value. */
export interface MergedValue {
  readonly value: unknown;
  readonly conflicts: readonly ConflictPath[];
}

/** Result of merging a session's changes into a record. */
export class MergedRecord {
  readonly record: SessionRecord;
  readonly conflicts: readonly ConflictPath[];

  constructor(record: SessionRecord, conflicts: readonly ConflictPath[]) {
    this.record = record;
    this.conflicts = conflicts;
  }
}

/**
 * Merges two changes of one value, three-way.
 *
 * Plain objects are merged member by member; arrays and single values are one part. If only one
 * side changed a part, its change wins; if both did, `mine` wins, and the part is a conflict. An
 * object that both sides added is merged as if it had been empty before.
 *
 * The result may contain objects of both sides.
 *
 * @param path Path of the value, for the conflicts.
 */
export function mergeValues(
  base: unknown,
  mine: unknown,
  theirs: unknown,
  path: readonly string[] = [],
): MergedValue {
  const conflicts: ConflictPath[] = [];
  const { value } = merge({ base, mine, theirs }, { path: [...path], conflicts });
  return { value, conflicts };
}

/** The three sides of a merge; {@link ABSENT} for a missing part. */
export interface ThreeSides {
  readonly base: unknown;
  readonly mine: unknown;
  readonly theirs: unknown;
}

/** {@link mergeValues} of a top-level part. */
export function mergeMembers(key: string, { base, mine, theirs }: ThreeSides): MergedValue {
  if (key !== FLASH_KEY) return mergeValues(base, mine, theirs, [key]);
  // Taking the last message does not conflict with adding another, so for messages, absence equals
  // {}.
  const { value, conflicts } = mergeValues(orEmpty(base), orEmpty(mine), orEmpty(theirs), [key]);
  return { value: isDeepStrictEqual(value, {}) ? ABSENT : value, conflicts };
}

function orEmpty(value: unknown): unknown {
  return value === ABSENT ? {} : value;
}

/** State of a merge: the path of the part that is being merged, and the conflicts so far. */
interface Merging {
  readonly path: string[];
  readonly conflicts: ConflictPath[];
}

/** A merged part, and the sides that changed it. */
interface Merged {
  readonly value: unknown;
  readonly isMineChanged: boolean;
  readonly isTheirsChanged: boolean;
}

/** Compares each part once: in deep data, comparing on every level would be quadratic. */
function merge(sides: ThreeSides, merging: Merging): Merged {
  const { base, mine, theirs } = sides;
  if (isPlainObject(mine) && isPlainObject(theirs)) {
    if (base === ABSENT) return { ...mergeObjects({}, mine, theirs, merging), ...BOTH_CHANGED };
    if (isPlainObject(base)) return mergeObjects(base, mine, theirs, merging);
  }
  const isMineChanged = !isDeepStrictEqual(mine, base);
  const isTheirsChanged = !isDeepStrictEqual(theirs, base);
  if (!isMineChanged) return { value: theirs, isMineChanged, isTheirsChanged };
  if (isTheirsChanged && !isDeepStrictEqual(mine, theirs)) merging.conflicts.push([...merging.path]);
  return { value: mine, isMineChanged, isTheirsChanged };
}

const BOTH_CHANGED = { isMineChanged: true, isTheirsChanged: true };

function mergeObjects(
  base: Record<string, unknown>,
  mine: Record<string, unknown>,
  theirs: Record<string, unknown>,
  merging: Merging,
): Merged {
  const parts = new Map<string, unknown>();
  let [isMineChanged, isTheirsChanged] = [false, false];
  for (const key of new Set([...Object.keys(theirs), ...Object.keys(mine), ...Object.keys(base)])) {
    merging.path.push(key);
    const part = merge({ base: own(base, key), mine: own(mine, key), theirs: own(theirs, key) }, merging);
    merging.path.pop();
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
export function mergeDelta(delta: Delta, base: BaseSnapshot, theirs: SessionRecord): MergedRecord {
  const merged = new Map<string, string | undefined>();
  const conflicts: ConflictPath[] = [];
  for (const [key, mine] of delta) {
    if (isAuthKey(key)) continue;
    const texts = { base: base.textOf(key), mine, theirs: theirs.members.get(key)?.text };
    merged.set(key, mergeTexts(key, texts, conflicts));
  }
  mergeAuth(delta, base, theirs, { merged, conflicts });
  return new MergedRecord(theirs.with(merged), conflicts);
}

/** The three sides of a merge, as JSON; `undefined` for a missing part. */
interface ThreeTexts {
  readonly base: string | undefined;
  readonly mine: string | undefined;
  readonly theirs: string | undefined;
}

function mergeTexts(
  key: string,
  { base, mine, theirs }: ThreeTexts,
  conflicts: ConflictPath[],
): string | undefined {
  if (theirs === base || theirs === mine) return mine;
  const merged = mergeMembers(key, { base: parse(base), mine: parse(mine), theirs: parse(theirs) });
  conflicts.push(...merged.conflicts);
  // Values that only Python can write come from one of the three sides and are kept as they are.
  return merged.value === ABSENT ? undefined : writeForComparison(merged.value, key).text;
}

function mergeAuth(
  delta: Delta,
  base: BaseSnapshot,
  theirs: SessionRecord,
  { merged, conflicts }: { merged: Map<string, string | undefined>; conflicts: ConflictPath[] },
): void {
  const mine = [...delta].filter(([key]) => isAuthKey(key));
  if (mine.length === 0) return;
  const theirKeys = [...theirs.members.keys()].filter(isAuthKey);
  const isTheirsChanged = [...new Set([...theirKeys, ...mine.map(([key]) => key)])].some(
    (key) =>
      theirs.members.get(key)?.text !== base.textOf(key) && theirs.members.get(key)?.text !== delta.get(key),
  );
  if (isTheirsChanged) {
    conflicts.push(["_auth_*"]);
    // Mine as a whole: the base of the keys that I did not change, and no key that only they have.
    for (const key of theirKeys) if (!delta.has(key)) merged.set(key, base.textOf(key));
  }
  for (const [key, text] of mine) merged.set(key, text);
}

function parse(text: string | undefined): unknown {
  return text === undefined ? ABSENT : readJson(rawValue(text));
}
