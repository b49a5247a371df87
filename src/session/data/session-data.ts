import { inspect } from "node:util";
import { NotJsonError, SessionUsageError } from "../../core/errors.ts";
import {
  defineMember,
  memberOf,
  type RawValue,
  rawValue,
  readJson,
  writeForComparison,
  writeJson,
} from "../../json/index.ts";
import { ABSENT, type BaseSnapshot, mergeMembers } from "./merge.ts";
import { attempt, Ownership } from "./ownership.ts";
import { type Delta, METADATA_KEY, SessionRecord } from "../record/session-record.ts";

/** A part as this session last read or saved it: the base of a merge. */
interface BasePart {
  /** `undefined`: the part is a default that is not in the store. */
  readonly text: string | undefined;
  /** `write(parse(text))`: the text in this side's own form. Made on first use. */
  canonical?: string | undefined;
  /** Accessor that represents the value until it is read. */
  unread?: (() => unknown) | undefined;
  /** The read value, if the accessor cannot be replaced. */
  frozenValue?: unknown;
}

type Reconcile = (value: unknown, wanted: unknown) => unknown;

/**
 * The object behind `session.data`, and its changes.
 *
 * Every part starts as an accessor over its text and becomes a value on first read. Changes are
 * found by writing the parts that were read or set and comparing the texts, so the object needs no
 * proxy, and changes of any kind count.
 */
export class SessionData<Data extends object> implements BaseSnapshot {
  #object = emptyObject() as Data;
  readonly #base = new Map<string, BasePart>();
  readonly #ownership = new Ownership();

  constructor(record: SessionRecord = SessionRecord.empty) {
    this.#show(record);
  }

  /** Always the same object, unless the application freezes it. */
  get object(): Data {
    return this.#object;
  }

  textOf(key: string): string | undefined {
    return this.#base.get(key)?.text;
  }

  get isEmpty(): boolean {
    return Object.keys(this.#object).every((key) => this.#isAssumed(key));
  }

  /**
   * Adds copies of a schema's converted values and defaults as if they were stored already. They
   * are no changes, and are written with the first change of their part.
   */
  applyDefaults(values: object): void {
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined) continue;
      const copy = this.#ownership.copy(value);
      const { text } = writeForComparison(copy, `session.data.${key}`);
      if (this.#canonicalOf(key) === text) continue;
      this.#base.set(key, { text: this.#base.get(key)?.text, canonical: text });
      this.#set(key, copy);
    }
  }

  /**
   * Sets parts to copies of values: the result of a migration, or the initial data of a session.
   */
  take(values: object): void {
    for (const [key, value] of Object.entries(values)) this.#set(key, this.#ownership.copy(value));
  }

  /** Defaults of parts that are not in the store. */
  get defaults(): Record<string, unknown> {
    const assumed = [...this.#base].filter(([, { text }]) => text === undefined);
    return Object.fromEntries(
      assumed.map(([key, { canonical = "null" }]) => [key, readJson(rawValue(canonical))]),
    );
  }

  /**
   * Returns the changes since the object last matched the store.
   *
   * @throws {NotJsonError} Naming the part that JSON cannot represent.
   */
  delta(): Delta {
    const delta = new Map<string, string | undefined>();
    for (const key of Object.keys(this.#object)) {
      const text = this.#changedText(key);
      if (text !== undefined) delta.set(key, text);
    }
    for (const [key, { text }] of this.#base)
      if (text !== undefined && !this.#has(key)) delta.set(key, undefined);
    return delta;
  }

  /** Marks a delta as stored. Later changes remain changes. Does not throw. */
  markSaved(delta: Delta): void {
    for (const [key, text] of delta) {
      if (text === undefined) this.#base.delete(key);
      else this.#base.set(key, { text, canonical: text });
    }
  }

  /**
   * Rebases the data onto a newer record. Parts changed here since {@link markSaved} keep their
   * change. Objects and arrays that were parsed here are changed in place, so the application's
   * references to them stay valid; the application's own are replaced. Never throws, whatever the
   * data contains, since it follows a commit.
   */
  rebaseOnto(record: SessionRecord): void {
    const reconcile = this.#ownership.reconciler(() => this.#readValues());
    for (const [key, member] of record.members) this.#absorbMember(key, member, reconcile);
    for (const key of this.#base.keys()) if (!record.members.has(key)) this.#absorbAbsence(key, reconcile);
  }

  /** Replaces all data by that of another record. Does not throw. */
  replace(record: SessionRecord): void {
    for (const key of Object.keys(this.#object)) this.#delete(key);
    this.#base.clear();
    this.#show(record);
  }

  #show(record: SessionRecord): void {
    for (const [key, member] of record.members) this.#showMember(key, member);
  }

  #showMember(key: string, raw: RawValue): void {
    const object = this.#object;
    const ownership = this.#ownership;
    const seen: BasePart = { text: raw.text, canonical: undefined, unread: undefined };
    const accessor = {
      enumerable: true,
      configurable: true,
      get(this: void): unknown {
        if (seen.unread === undefined) return seen.frozenValue;
        seen.unread = undefined;
        const value = ownership.parse(raw);
        // An object that the application has frozen keeps the accessor.
        if (!Reflect.defineProperty(object, key, memberOf(value))) seen.frozenValue = value;
        return value;
      },
      set(value: unknown) {
        defineMember(object, key, value);
      },
    };
    seen.unread = accessor.get;
    this.#base.set(key, seen);
    if (Reflect.defineProperty(object, key, accessor)) return;
    this.#unfreeze();
    this.#showMember(key, raw);
  }

  #changedText(key: string): string | undefined {
    if (this.#isUnread(key)) return undefined;
    const path = `session.data.${key}`;
    const value = this.#members[key];
    if (value === undefined) return undefined;
    if (key === METADATA_KEY) {
      throw new SessionUsageError(
        `session.data.${METADATA_KEY} is reserved for Sojourn itself. Use another key.`,
      );
    }
    const { text, refusal } = writeForComparison(value, path);
    const isChanged = text !== this.#canonicalOf(key);
    if (isChanged || !this.#ownership.hasMade(value)) this.#ownership.noteGiven(value);
    if (!isChanged) return undefined;
    if (refusal) throw refusal;
    // A key written by Python stays as it is; a new one is checked by writing an object of it
    // alone.
    if (!this.#base.has(key) && !key.isWellFormed()) writeJson({ [key]: null }, "session.data");
    return text;
  }

  #canonicalOf(key: string): string | undefined {
    const seen = this.#base.get(key);
    if (seen === undefined) return undefined;
    seen.canonical ??= writeForComparison(readJson(rawValue(seen.text ?? "null")), key).text;
    return seen.canonical;
  }

  #isAssumed(key: string): boolean {
    const seen = this.#base.get(key);
    return seen !== undefined && seen.text === undefined && this.#changedText(key) === undefined;
  }

  /** A key with the value `undefined` is no part, as in `JSON.stringify`. */
  #has(key: string): boolean {
    if (!Object.hasOwn(this.#object, key)) return false;
    return this.#isUnread(key) || this.#members[key] !== undefined;
  }

  #isUnread(key: string): boolean {
    const unread = this.#base.get(key)?.unread;
    return unread !== undefined && Object.getOwnPropertyDescriptor(this.#object, key)?.get === unread;
  }

  #readValues(): unknown[] {
    const read = Object.keys(this.#object).filter((key) => !this.#isUnread(key));
    return read.map((key) => this.#members[key]);
  }

  #absorbMember(key: string, member: RawValue, reconcile: Reconcile): void {
    const seen = this.#base.get(key);
    if (seen?.text === member.text) return;
    const isUntouched = seen === undefined ? !Object.hasOwn(this.#object, key) : this.#isUnread(key);
    if (isUntouched) return this.#showMember(key, member);
    if (this.#merge(key, readJson(member), reconcile)) this.#base.set(key, { text: member.text });
  }

  #absorbAbsence(key: string, reconcile: Reconcile): void {
    if (this.#base.get(key)?.text === undefined) return;
    if (this.#isUnread(key)) this.#delete(key);
    else if (!this.#merge(key, ABSENT, reconcile)) return;
    this.#base.delete(key);
  }

  /**
   * Merges the changes of others into a part that may have been changed here.
   *
   * @returns `false` when the part is no longer JSON. It stays, with its old base: the next save
   *   refuses it by its path, or merges it if it is JSON again.
   */
  #merge(key: string, theirs: unknown, reconcile: Reconcile): boolean {
    const seen = this.#base.get(key);
    let mine = this.#canonicalOf(key);
    try {
      mine = this.#has(key) ? writeForComparison(this.#members[key], key).text : undefined;
    } catch (error) {
      if (error instanceof NotJsonError) return false;
      // An accessor or a proxy that throws: it was read before the commit, and can never be saved.
    }
    const base = seen === undefined ? ABSENT : baseOf(seen);
    const isChanged = mine !== this.#canonicalOf(key);
    const mineValue = mine === undefined ? ABSENT : readJson(rawValue(mine));
    this.#put(
      key,
      isChanged ? mergeMembers(key, { base, mine: mineValue, theirs }).value : theirs,
      reconcile,
    );
    return true;
  }

  #put(key: string, merged: unknown, reconcile: Reconcile): void {
    if (merged === ABSENT) return this.#delete(key);
    let value: unknown;
    attempt(() => (value = this.#members[key]));
    this.#set(key, reconcile(value, merged));
  }

  get #members(): Record<string, unknown> {
    return this.#object as Record<string, unknown>;
  }

  #set(key: string, value: unknown): void {
    if (Reflect.defineProperty(this.#object, key, memberOf(value))) return;
    this.#unfreeze();
    defineMember(this.#object, key, value);
  }

  #delete(key: string): void {
    if (Reflect.deleteProperty(this.#object, key)) return;
    this.#unfreeze();
    delete this.#members[key];
  }

  /** Replaces an object that the application has frozen. */
  #unfreeze(): void {
    const frozen = this.#object;
    const unread = new Set(Object.keys(frozen).filter((key) => this.#isUnread(key)));
    this.#object = emptyObject() as Data;
    for (const key of Object.keys(frozen)) {
      const text = unread.has(key) ? this.#base.get(key)?.text : undefined;
      if (text !== undefined) this.#showMember(key, rawValue(text));
      else this.#copyMember(frozen, key);
    }
  }

  #copyMember(frozen: Data, key: string): void {
    const isRead = attempt(() => defineMember(this.#object, key, (frozen as Record<string, unknown>)[key]));
    if (isRead) return;
    const accessor = Object.getOwnPropertyDescriptor(frozen, key);
    Object.defineProperty(this.#object, key, { ...accessor, configurable: true });
  }
}

function emptyObject(): object {
  // Not enumerable: invisible to Object.keys, JSON and deep equality. Without it, an unread part is
  // shown as [Getter/Setter].
  return Object.defineProperty({}, inspect.custom, { value: showValues });
}

function baseOf({ canonical, text = "null" }: BasePart): unknown {
  return readJson(rawValue(canonical ?? text));
}

function showValues(this: object): object {
  return { ...this };
}
