import { inspect } from "node:util";
import { SessionUsageError } from "../core/errors.ts";
import {
  defineMember,
  isPlainObject,
  type RawMember,
  rawValue,
  readJson,
  writeForComparison,
  writeJson,
} from "../json/index.ts";
import { ABSENT, mergeMembers, type OnConflict, type SeenParts } from "./merge.ts";
import { type Delta, FACTS_KEY, SessionRecord } from "./session-record.ts";

/** A part as the session last saw it in the store. */
interface Seen {
  /** `undefined`: the part is not in the store, but was assumed. */
  readonly text: string | undefined;
  /** `write(parse(text))`: what the text would be, had this side written it. Made when it is first needed. */
  canonical?: string;
}

const ignoreConflict: OnConflict = () => {};

/**
 * The object behind `session.data`, and what has changed in it.
 *
 * Every part starts as an accessor over its text and becomes a value when it is first read. Changes are found by
 * writing the parts that were read or set and comparing the texts, so the object needs no proxy and any way to change
 * it counts.
 */
export class SessionData<Data extends object> implements SeenParts {
  readonly object: Data;
  readonly #seen = new Map<string, Seen>();

  constructor(record: SessionRecord = SessionRecord.empty) {
    this.object = {} as Data;
    // Not enumerable: invisible to Object.keys, JSON and deep equality. Without it, a part that nobody has read yet
    // is shown as [Getter/Setter].
    Object.defineProperty(this.object, inspect.custom, { value: showValues });
    this.#show(record);
  }

  textOf(key: string): string | undefined {
    return this.#seen.get(key)?.text;
  }

  get isEmpty(): boolean {
    return Object.keys(this.object).every((key) => this.#isAssumed(key));
  }

  /**
   * Shows values as if they had been in the store all along: what a schema has converted, and its defaults. They are
   * no changes, and are written with the first change of their part.
   */
  assume(values: object): void {
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined) continue;
      const { text } = writeForComparison(value, `session.data.${key}`);
      if (this.#canonicalOf(key) === text) continue;
      this.#seen.set(key, { text: this.#seen.get(key)?.text, canonical: text });
      defineMember(this.object, key, value);
    }
  }

  /** What was assumed of parts that are not in the store. */
  get assumptions(): Record<string, unknown> {
    const assumed = [...this.#seen].filter(([, { text }]) => text === undefined);
    return Object.fromEntries(assumed.map(([key, { canonical = "null" }]) => [key, readJson(rawValue(canonical))]));
  }

  /**
   * What has changed since the object was last in step with the store.
   *
   * @throws {NotJsonError} Naming the part that JSON cannot hold.
   */
  delta(): Delta {
    const delta = new Map<string, string | undefined>();
    for (const key of Object.keys(this.object)) {
      const text = this.#changedText(key);
      if (text !== undefined) delta.set(key, text);
    }
    for (const [key, { text }] of this.#seen) if (text !== undefined && !this.#has(key)) delta.set(key, undefined);
    return delta;
  }

  /** Notes that a delta is in the store now. What was changed since the delta was taken stays a change. */
  settle(delta: Delta): void {
    for (const [key, text] of delta) {
      if (text === undefined) this.#seen.delete(key);
      else this.#seen.set(key, { text, canonical: text });
    }
  }

  /**
   * Takes over what others have written. Parts changed here since {@link settle} keep their change. Objects and
   * arrays are changed in place, so references that the application holds stay good.
   */
  absorb(record: SessionRecord): void {
    for (const [key, member] of record.members) this.#absorbMember(key, member);
    for (const key of this.#seen.keys()) if (!record.members.has(key)) this.#absorbAbsence(key);
  }

  /** Shows another record instead: of what is here now, nothing stays. */
  replace(record: SessionRecord): void {
    for (const key of Object.keys(this.object)) delete (this.object as Record<string, unknown>)[key];
    this.#seen.clear();
    this.#show(record);
  }

  #show(record: SessionRecord): void {
    for (const [key, member] of record.members) this.#showMember(key, member);
  }

  #showMember(key: string, member: RawMember): void {
    this.#seen.set(key, { text: member.text });
    const { object } = this;
    Object.defineProperty(object, key, {
      enumerable: true,
      configurable: true,
      get() {
        const value = readJson(member);
        defineMember(object, key, value);
        return value;
      },
      set(value: unknown) {
        defineMember(object, key, value);
      },
    });
  }

  #changedText(key: string): string | undefined {
    if (this.#isUnread(key)) return undefined;
    const path = `session.data.${key}`;
    const value = (this.object as Record<string, unknown>)[key];
    if (value === undefined) return undefined;
    if (key === FACTS_KEY) {
      throw new SessionUsageError(`session.data.${FACTS_KEY} is reserved for Sojourn itself. Use another key.`);
    }
    const { text, refusal } = writeForComparison(value, path);
    if (text === this.#canonicalOf(key)) return undefined;
    if (refusal) throw refusal;
    // A key of Python's stays as it was written; writing an object of a new one alone checks it.
    if (!this.#seen.has(key) && !key.isWellFormed()) writeJson({ [key]: null }, "session.data");
    return text;
  }

  #canonicalOf(key: string): string | undefined {
    const seen = this.#seen.get(key);
    if (seen === undefined) return undefined;
    seen.canonical ??= writeForComparison(readJson(rawValue(seen.text ?? "null")), key).text;
    return seen.canonical;
  }

  #isAssumed(key: string): boolean {
    const seen = this.#seen.get(key);
    return seen !== undefined && seen.text === undefined && this.#changedText(key) === undefined;
  }

  /** A key with the value `undefined` is no part, as in `JSON.stringify`. */
  #has(key: string): boolean {
    if (!Object.hasOwn(this.object, key)) return false;
    return this.#isUnread(key) || (this.object as Record<string, unknown>)[key] !== undefined;
  }

  #isUnread(key: string): boolean {
    return Object.getOwnPropertyDescriptor(this.object, key)?.get !== undefined && this.#seen.has(key);
  }

  #absorbMember(key: string, member: RawMember): void {
    const seen = this.#seen.get(key);
    if (seen?.text === member.text) return;
    const isUntouched = seen === undefined ? !this.#has(key) : this.#isUnread(key);
    if (isUntouched) return this.#showMember(key, member);
    const theirs = readJson(member);
    const base = seen === undefined ? ABSENT : baseOf(seen);
    this.#put(key, mergeMembers(key, { base, mine: this.#valueOf(key), theirs }, ignoreConflict));
    this.#seen.set(key, { text: member.text });
  }

  #absorbAbsence(key: string): void {
    const seen = this.#seen.get(key);
    if (seen?.text === undefined) return;
    const sides = { base: baseOf(seen), mine: this.#valueOf(key), theirs: ABSENT };
    this.#put(key, mergeMembers(key, sides, ignoreConflict));
    this.#seen.delete(key);
  }

  #valueOf(key: string): unknown {
    return this.#has(key) ? (this.object as Record<string, unknown>)[key] : ABSENT;
  }

  #put(key: string, merged: unknown): void {
    const object = this.object as Record<string, unknown>;
    if (merged === ABSENT) delete object[key];
    else defineMember(object, key, reconcile(this.#valueOf(key), merged));
  }
}

function baseOf({ canonical, text = "null" }: Seen): unknown {
  return readJson(rawValue(canonical ?? text));
}

/** Makes `target` equal to `wanted` in place where both are objects or both arrays; else `wanted` takes its place. */
function reconcile(target: unknown, wanted: unknown): unknown {
  if (target === wanted) return target;
  if (Array.isArray(target) && Array.isArray(wanted)) {
    target.splice(0, target.length, ...wanted.map((item, index): unknown => reconcile(target[index], item)));
    return target;
  }
  if (!isPlainObject(target) || !isPlainObject(wanted)) return wanted;
  const before = new Map(Object.entries(target));
  // All anew, for the order of the keys: another order would be another text, and so a change.
  for (const key of before.keys()) delete target[key];
  for (const [key, value] of Object.entries(wanted)) defineMember(target, key, reconcile(before.get(key), value));
  return target;
}

function showValues(this: object): object {
  return { ...this };
}
