import { NotJsonError, SessionUsageError } from "../../core/errors.ts";
import {
  defineMember,
  memberOf,
  NO_PRIMITIVE,
  type RawValue,
  rawValue,
  readJson,
  writeForComparison,
  writeJson,
} from "../../json/index.ts";
import { ABSENT, type BaseSnapshot, mergeMembers } from "./merge.ts";
import { attempt, Ownership } from "./ownership.ts";
import { accessorOf, emptyObject, isAccessor, linkParts, type UnreadParts } from "./part-accessors.ts";
import { type Delta, METADATA_KEY, SessionRecord } from "../record/session-record.ts";

/** A part as this session last read or saved it: the base of a merge. */
interface BasePart {
  /** `undefined`: the part is a default that is not in the store. */
  readonly text: string | undefined;
  /** `write(parse(text))`: the text in this side's own form. Made on first use. */
  canonical: string | undefined;
}

type Reconcile = (value: unknown, wanted: unknown) => unknown;

const NO_CHANGES: Delta = new Map();

/**
 * The object behind `session.data`, and its changes.
 *
 * A part that is an object or an array is an accessor over its text, which is parsed on first read;
 * most others are plain values. Changes are found by comparing values, or the texts of the parts that
 * were read or set, so the object needs no proxy, and changes of any kind count.
 */
export class SessionData<Data extends object> implements BaseSnapshot, UnreadParts {
  /** Made on first use: many requests use only the session's metadata. */
  #object: Data | undefined = undefined;
  /** Base of the parts that {@link #base} does not name. */
  #record: SessionRecord;
  /** Bases that differ from the record or have a canonical text; `undefined`: no base. */
  #base: Map<string, BasePart | undefined> | undefined = undefined;
  /** Values of the accessors that were read. */
  #values: Map<string, unknown> | undefined = undefined;
  readonly #ownership = new Ownership();

  constructor(record: SessionRecord = SessionRecord.empty) {
    this.#record = record;
  }

  /** Always the same object, unless the application freezes it. */
  get object(): Data {
    return (this.#object ??= this.#makeObject());
  }

  textOf(key: string): string | undefined {
    return this.#base?.has(key) ? this.#base.get(key)?.text : this.#record.members.get(key)?.text;
  }

  get isEmpty(): boolean {
    if (this.#object === undefined) return this.#record.isEmpty;
    return Object.keys(this.#object).every((key) => this.#isDefault(key));
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
      this.#rebase(key, { text: this.textOf(key), canonical: text });
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
    const defaults: Record<string, unknown> = {};
    for (const [key, part] of this.#base ?? [])
      if (part !== undefined && part.text === undefined)
        defineMember(defaults, key, readJson(rawValue(part.canonical ?? "null")));
    return defaults;
  }

  /**
   * Returns whether there are changes since the object last matched the store: {@link delta} has some.
   *
   * @throws {NotJsonError} Naming the part that JSON cannot represent.
   */
  get hasChanges(): boolean {
    return this.#object !== undefined && this.#changes(true).size > 0;
  }

  /**
   * Returns the changes since the object last matched the store.
   *
   * @throws {NotJsonError} Naming the part that JSON cannot represent.
   */
  delta(): Delta {
    return this.#object === undefined ? NO_CHANGES : this.#changes(false);
  }

  /** @param isFirstEnough Whether to stop at the first change. */
  #changes(isFirstEnough: boolean): Delta {
    let delta: Map<string, string | undefined> | undefined;
    let stored = 0;
    for (const key of Object.keys(this.object)) {
      if (this.#isUnchanged(key)) {
        stored++;
        continue;
      }
      if (this.#members[key] !== undefined && this.textOf(key) !== undefined) stored++;
      const text = this.#changedText(key);
      if (text === undefined) continue;
      (delta ??= new Map()).set(key, text);
      if (isFirstEnough) return delta;
    }
    if (stored < this.#storedSize)
      for (const key of this.#baseKeys())
        if (this.textOf(key) !== undefined && !this.#has(key)) (delta ??= new Map()).set(key, undefined);
    return delta ?? NO_CHANGES;
  }

  /** Marks a delta as stored. Later changes remain changes. Does not throw. */
  markSaved(delta: Delta): void {
    for (const [key, text] of delta)
      this.#rebase(key, text === undefined ? undefined : { text, canonical: text });
  }

  /**
   * Rebases the data onto a newer record. Parts changed here since {@link markSaved} keep their
   * change. Objects and arrays that were parsed here are changed in place, so the application's
   * references to them stay valid; the application's own are replaced. Never throws, whatever the
   * data contains, since it follows a commit.
   */
  rebaseOnto(record: SessionRecord): void {
    const kept = new Map<string, BasePart | undefined>();
    if (this.#object !== undefined) {
      const reconcile = this.#ownership.reconciler(() => this.#readValues());
      const keys = this.#baseKeys();
      for (const [key, member] of record.members)
        if (!this.#rebaseMember(key, member, reconcile)) kept.set(key, this.#partOf(key));
      for (const key of keys)
        if (!record.members.has(key) && !this.#rebaseAbsence(key, reconcile))
          kept.set(key, this.#partOf(key));
    }
    this.#record = record;
    this.#base = kept.size > 0 ? kept : undefined;
  }

  /** Replaces all data by that of another record. Does not throw. */
  replace(record: SessionRecord): void {
    const object = this.#object;
    if (object !== undefined) for (const key of Object.keys(object)) this.#delete(key);
    this.#record = record;
    this.#base = undefined;
    if (object !== undefined) for (const key of record.members.keys()) this.#showMember(key);
  }

  /** Returns the value of a part that the object shows through its accessor. */
  readPart(key: string): unknown {
    const values = (this.#values ??= new Map<string, unknown>());
    if (values.has(key)) return values.get(key);
    const raw = this.#record.members.get(key);
    const value = raw && this.#ownership.parse(raw);
    values.set(key, value);
    return value;
  }

  /** Replaces the accessor of a part by a value. */
  assignPart(key: string, value: unknown): void {
    defineMember(this.object, key, value);
  }

  #makeObject(): Data {
    const { members } = this.#record;
    const object = emptyObject();
    linkParts(object, this);
    for (const [key, { primitive }] of members) {
      if (primitive === NO_PRIMITIVE) Object.defineProperty(object, key, accessorOf(key));
      // An inherited setter would take the assignment, which takes a fraction of the time of a definition.
      else if (key in object) defineMember(object, key, primitive);
      else (object as Record<string, unknown>)[key] = primitive;
    }
    return object as Data;
  }

  #showMember(key: string): void {
    this.#values?.delete(key);
    if (Reflect.defineProperty(this.object, key, accessorOf(key))) return;
    this.#unfreeze();
    this.#showMember(key);
  }

  /** Sets the base of a part. */
  #rebase(key: string, part: BasePart | undefined): void {
    (this.#base ??= new Map<string, BasePart | undefined>()).set(key, part);
  }

  #partOf(key: string): BasePart | undefined {
    if (this.#base?.has(key)) return this.#base.get(key);
    const member = this.#record.members.get(key);
    return member && { text: member.text, canonical: undefined };
  }

  /** Number of parts that are in the store. */
  get #storedSize(): number {
    const { members } = this.#record;
    let size = members.size;
    for (const [key, part] of this.#base ?? [])
      size += Number(part?.text !== undefined) - Number(members.has(key));
    return size;
  }

  #baseKeys(): Iterable<string> {
    const keys = this.#record.members.keys();
    return this.#base === undefined ? keys : new Set([...keys, ...this.#base.keys()]);
  }

  #changedText(key: string): string | undefined {
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
    if (this.#partOf(key) === undefined && !key.isWellFormed()) writeJson({ [key]: null }, "session.data");
    return text;
  }

  #canonicalOf(key: string): string | undefined {
    const part = this.#partOf(key);
    if (part === undefined) return undefined;
    if (part.canonical === undefined) {
      part.canonical = writeForComparison(readJson(rawValue(part.text ?? "null")), key).text;
      this.#rebase(key, part);
    }
    return part.canonical;
  }

  /** Returns whether a part is a default that is not in the store. */
  #isDefault(key: string): boolean {
    const part = this.#base?.get(key);
    return part !== undefined && part.text === undefined && this.#changedText(key) === undefined;
  }

  /** A key with the value `undefined` is no part, as in `JSON.stringify`. */
  #has(key: string): boolean {
    if (!Object.hasOwn(this.object, key)) return false;
    return this.#isUnread(key) || this.#members[key] !== undefined;
  }

  #isUnread(key: string): boolean {
    return this.#values?.has(key) !== true && isAccessor(this.object, key);
  }

  /** Returns whether a part is as in the store, without a look at its text. */
  #isUnchanged(key: string): boolean {
    const stored = this.#base?.has(key) === true ? undefined : this.#record.members.get(key);
    if (stored !== undefined && stored.primitive !== NO_PRIMITIVE)
      return Object.is(this.#members[key], stored.primitive);
    if (!isAccessor(this.object, key)) return false;
    // An object may have been changed in place.
    const value = this.#values?.get(key);
    return value === null || typeof value !== "object";
  }

  #readValues(): unknown[] {
    const read = Object.keys(this.object).filter((key) => !this.#isUnread(key));
    return read.map((key) => this.#members[key]);
  }

  /** @returns Whether the member is the part's base now. */
  #rebaseMember(key: string, member: RawValue, reconcile: Reconcile): boolean {
    const part = this.#partOf(key);
    if (part?.text === member.text) {
      // The canonical text of a part that was read stays known.
      return part.canonical === undefined;
    }
    const isUntouched = part === undefined ? !Object.hasOwn(this.object, key) : this.#isUnread(key);
    if (!isUntouched) return this.#merge(key, readJson(member), reconcile);
    this.#showMember(key);
    return true;
  }

  /** @returns Whether the part has no base any more. */
  #rebaseAbsence(key: string, reconcile: Reconcile): boolean {
    if (this.textOf(key) === undefined) return this.#partOf(key) === undefined;
    if (!this.#isUnread(key)) return this.#merge(key, ABSENT, reconcile);
    this.#delete(key);
    return true;
  }

  /**
   * Merges the changes of others into a part that may have been changed here.
   *
   * @returns `false` when the part is no longer JSON. It stays, with its old base: the next save
   *   refuses it by its path, or merges it if it is JSON again.
   */
  #merge(key: string, theirs: unknown, reconcile: Reconcile): boolean {
    const part = this.#partOf(key);
    let mine = this.#canonicalOf(key);
    try {
      mine = this.#has(key) ? writeForComparison(this.#members[key], key).text : undefined;
    } catch (error) {
      if (error instanceof NotJsonError) return false;
      // An accessor or a proxy that throws: it was read before the commit, and can never be saved.
    }
    const base = part === undefined ? ABSENT : baseOf(part);
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
    return this.object as Record<string, unknown>;
  }

  #set(key: string, value: unknown): void {
    this.#values?.delete(key);
    if (Reflect.defineProperty(this.object, key, memberOf(value))) return;
    this.#unfreeze();
    defineMember(this.object, key, value);
  }

  #delete(key: string): void {
    this.#values?.delete(key);
    if (Reflect.deleteProperty(this.object, key)) return;
    this.#unfreeze();
    delete this.#members[key];
  }

  /** Replaces an object that the application has frozen. */
  #unfreeze(): void {
    const frozen = this.object;
    const object = emptyObject() as Data;
    linkParts(object, this);
    this.#object = object;
    for (const key of Object.keys(frozen)) {
      if (isAccessor(frozen, key)) Object.defineProperty(object, key, accessorOf(key));
      else this.#copyMember(frozen, key);
    }
  }

  #copyMember(frozen: Data, key: string): void {
    const isRead = attempt(() => defineMember(this.object, key, (frozen as Record<string, unknown>)[key]));
    if (isRead) return;
    const accessor = Object.getOwnPropertyDescriptor(frozen, key);
    Object.defineProperty(this.object, key, { ...accessor, configurable: true });
  }
}

function baseOf({ canonical, text = "null" }: BasePart): unknown {
  return readJson(rawValue(canonical ?? text));
}
