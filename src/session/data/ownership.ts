import { copyJson, defineMember, type RawValue, readJson, writeForComparison } from "../../json/index.ts";

/** Objects and arrays that an application has put into a session, its own or another session's. */
const givenByApplications = new WeakSet<object>();

/**
 * Ownership of the objects and arrays in the data of one session.
 *
 * The rule: objects that the library made for this session (parsed from a record, or copied) may be
 * changed in place, so that the application's references into them stay valid. Objects from the
 * application, a schema, a migration or a caller's function are never changed, nor are another
 * session's: they are replaced by a changed copy. An object at two places of the data counts as the
 * application's, since a change at one place does not apply to the other.
 */
export class Ownership {
  /** Made on first use: an empty WeakSet alone costs the garbage collector as much as a record. */
  #made: WeakSet<object> | undefined = undefined;

  /** Parses a value; the result is the library's own. */
  parse(raw: RawValue): unknown {
    return this.#claim(readJson(raw));
  }

  /** Copies a foreign value; see {@link copyJson}. The copy is the library's own. */
  copy(value: unknown): unknown {
    return copyJson(value, (copy) => this.#noteMade(copy));
  }

  /**
   * Marks a value that the application has put into this session: no session changes its objects
   * any more, whichever made them. Does not throw.
   */
  noteGiven(value: unknown): void {
    const met = new Set<object>();
    attempt(() => {
      walk(value, (container) => {
        if (this.#made?.has(container) !== true) givenByApplications.add(container);
        return isNew(container, met);
      });
    });
  }

  /** Returns whether the library made an object for this session. */
  hasMade(value: unknown): boolean {
    return !isContainer(value) || this.#made?.has(value) === true;
  }

  /**
   * Returns a function that makes values of the session equal to others, in place if allowed and
   * possible. Does not throw.
   *
   * @param all Returns all values of the session.
   * @returns A function that returns the new value: the old one, changed or unchanged, or `wanted`.
   *   `wanted` has to be made for the call: it becomes the library's own.
   */
  reconciler(all: () => readonly unknown[]): (value: unknown, wanted: unknown) => unknown {
    let isInOnePlace: ((container: object) => boolean) | undefined;
    const reconcile = (value: unknown, wanted: unknown): unknown => {
      if (value === wanted || !isContainer(value) || !isContainer(wanted)) return wanted;
      if (Array.isArray(value) !== Array.isArray(wanted)) return wanted;
      isInOnePlace ??= findSinglePlaces(all);
      if (!this.#mayChange(value) || !isInOnePlace(value)) return hasSameText(value, wanted) ? value : wanted;
      // An object that cannot be changed (with a property made read-only by the application) is
      // replaced.
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
    return (
      this.#made?.has(container) === true &&
      !givenByApplications.has(container) &&
      Object.isExtensible(container)
    );
  }

  #claim(value: unknown): unknown {
    if (isContainer(value)) walk(value, (container) => this.#noteMade(container));
    return value;
  }

  #noteMade(container: object): true {
    (this.#made ??= new WeakSet()).add(container);
    return true;
  }
}

type Members = Record<string, unknown>;
type Reconcile = (value: unknown, wanted: unknown) => unknown;

function changeArray(array: unknown[], wanted: readonly unknown[], reconcile: Reconcile): void {
  const items = wanted.map((item, index) => reconcile(array[index], item));
  // Emptied first, so that no index is an accessor or missing.
  array.length = 0;
  for (let index = 0; index < items.length; index++) array[index] = items[index];
}

function changeObject(object: Members, wanted: Members, reconcile: Reconcile): void {
  const before = new Map(Object.entries(object));
  const members = Object.entries(wanted).map(
    ([key, value]) => [key, reconcile(before.get(key), value)] as const,
  );
  // A different key order would give a different text, and so a change.
  const isSameOrder = isEqualList([...before.keys()], Object.keys(wanted));
  if (!isSameOrder) for (const key of before.keys()) delete object[key];
  for (const [key, value] of members)
    if (!isSameOrder || value !== before.get(key)) defineMember(object, key, value);
}

function isEqualList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}

/**
 * Returns a test for containers at a single place; it fails for all when the values cannot be
 * traversed.
 */
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
 * Calls a function with each object and array in a value, including the value itself.
 *
 * @param enter Returns whether to visit its members.
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

/**
 * Returns whether an action succeeds: reading application objects (accessors, proxies) may throw,
 * which must not fail a commit.
 */
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
