import { copyJson, defineMember, type RawValue, readJson, writeForComparison } from "../../json/index.ts";

/** Objects and arrays that an application has put into a session, its own ones and those of another session. */
const givenByApplications = new WeakSet<object>();

/**
 * Ownership of the objects and arrays in the data of one session.
 *
 * The rule: what the library itself has made for this session (parsed from a record, or copied) it may change
 * in place, so that references which the application holds into it stay good. What came from the application,
 * a schema, a migration or a caller's function is never changed, and another session's objects neither: where
 * it has to look different, a copy takes its place. An object that stands in two places of the data counts as
 * the application's: a change of one place is none of the other.
 */
export class Ownership {
  readonly #made = new WeakSet<object>();

  /** Parses a value, which is the library's own. */
  parse(raw: RawValue): unknown {
    return this.#claim(readJson(raw));
  }

  /** Copies what somebody else has made; see {@link copyJson}. The copy is the library's own. */
  copy(value: unknown): unknown {
    return copyJson(value, (copy) => this.#made.add(copy));
  }

  /**
   * Notes that the application has put a value into this session: whatever session has made its objects, none
   * changes them any more. It does not throw.
   */
  noteGiven(value: unknown): void {
    const met = new Set<object>();
    attempt(() => {
      walk(value, (container) => {
        if (!this.#made.has(container)) givenByApplications.add(container);
        return isNew(container, met);
      });
    });
  }

  /** Whether the library has made an object itself. */
  hasMade(value: unknown): boolean {
    return !isContainer(value) || this.#made.has(value);
  }

  /**
   * Makes the values of a session equal to others, in place where that is allowed and possible. It does not
   * throw.
   *
   * @param all Gives all values of the session.
   * @returns What takes the place of a value: the value itself, changed or as it was, or `wanted`. `wanted`
   *   has to be made for this call: it becomes the library's own.
   */
  reconciler(all: () => readonly unknown[]): (value: unknown, wanted: unknown) => unknown {
    let isInOnePlace: ((container: object) => boolean) | undefined;
    const reconcile = (value: unknown, wanted: unknown): unknown => {
      if (value === wanted || !isContainer(value) || !isContainer(wanted)) return wanted;
      if (Array.isArray(value) !== Array.isArray(wanted)) return wanted;
      isInOnePlace ??= findSinglePlaces(all);
      if (!this.#mayChange(value) || !isInOnePlace(value)) return hasSameText(value, wanted) ? value : wanted;
      // An object that cannot be changed (the application has made a property read-only) is replaced.
      const isDone = attempt(() =>
        Array.isArray(value)
          ? changeArray(value, wanted as readonly unknown[], reconcile)
          : changeObject(value as Members, wanted as Members, reconcile),
      );
      return isDone ? value : wanted;
    };
    return (value, wanted) => reconcile(value, this.#claim(wanted));
  }

  #mayChange(container: object): boolean {
    return this.#made.has(container) && !givenByApplications.has(container) && Object.isExtensible(container);
  }

  #claim(value: unknown): unknown {
    walk(value, (container) => this.#made.add(container) !== undefined);
    return value;
  }
}

type Members = Record<string, unknown>;
type Reconcile = (value: unknown, wanted: unknown) => unknown;

function changeArray(array: unknown[], wanted: readonly unknown[], reconcile: Reconcile): void {
  const items = wanted.map((item, index) => reconcile(array[index], item));
  // Empty first: then no index is an accessor, and none is missing.
  array.length = 0;
  for (let index = 0; index < items.length; index++) array[index] = items[index];
}

function changeObject(object: Members, wanted: Members, reconcile: Reconcile): void {
  const before = new Map(Object.entries(object));
  const members = Object.entries(wanted).map(([key, value]) => [key, reconcile(before.get(key), value)] as const);
  // Another order of the keys would be another text, and so a change.
  const isSameOrder = isEqualList([...before.keys()], Object.keys(wanted));
  if (!isSameOrder) for (const key of before.keys()) delete object[key];
  for (const [key, value] of members) if (!isSameOrder || value !== before.get(key)) defineMember(object, key, value);
}

function isEqualList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}

/** Tells of containers whether they stand in one place only; of none when the values cannot be looked through. */
function findSinglePlaces(all: () => readonly unknown[]): (container: object) => boolean {
  const met = new Set<object>();
  const metAgain = new Set<object>();
  const hasLooked = attempt(() => {
    for (const value of all()) {
      walk(value, (container) => {
        if (met.has(container)) metAgain.add(container);
        return isNew(container, met);
      });
    }
  });
  return (container) => hasLooked && !metAgain.has(container);
}

function hasSameText(value: unknown, wanted: unknown): boolean {
  let isSame = false;
  attempt(() => {
    isSame = writeForComparison(value, "").text === writeForComparison(wanted, "").text;
  });
  return isSame;
}

/**
 * Calls a function with each object and array in a value, and with the value itself.
 *
 * @param enter Returns whether to look into it.
 */
function walk(value: unknown, enter: (container: object) => boolean): void {
  const pending = [value];
  while (pending.length > 0) {
    const each = pending.pop();
    if (!isContainer(each) || !enter(each)) continue;
    for (const inner of Object.values(each) as unknown[]) if (isContainer(inner)) pending.push(inner);
  }
}

function isNew(container: object, met: Set<object>): boolean {
  if (met.has(container)) return false;
  met.add(container);
  return true;
}

/** Objects of the application may throw when read (accessors, proxies), and that must not fail a commit. */
export function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
