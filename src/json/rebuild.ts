import { MAX_WRITTEN_DEPTH } from "./limits.ts";
import { defineMember } from "./lossless-reader.ts";
import { isPlainObject } from "./strict-writer.ts";

/** Callbacks of a {@link Rebuilder}. */
export interface RebuildRules {
  /** Returns the replacement of a value that is neither an array nor a plain object. */
  readonly replace: (value: unknown, rebuilder: Rebuilder) => unknown;
  /** Returns the replacement of the copy of a plain object. @defaultValue the copy itself */
  readonly wrapObject?: (copy: Record<string, unknown>) => unknown;
}

/**
 * Copies a value so that JSON can hold the copy.
 *
 * The copy keeps the values that JSON cannot hold in a form that `writeJson` refuses with their
 * path: a cycle stays one, an object with symbols is not copied, a hole in an array stays
 * undefined, and values nested too deeply end in an empty array or object.
 */
export class Rebuilder {
  readonly #rules: RebuildRules;
  /** Copies of the objects around the cursor. */
  readonly #ancestors = new Map<object, object>();

  constructor(rules: RebuildRules) {
    this.#rules = rules;
  }

  copy(value: unknown): unknown {
    if (Array.isArray(value)) return this.inside(value, [], (copy) => this.#copyItems(value, copy));
    if (!isPlainObject(value)) return this.#rules.replace(value, this);
    if (hasSymbols(value)) return value;
    const copy = this.inside(value, {}, (members) => this.#copyMembers(value, members));
    return this.#rules.wrapObject?.(copy) ?? copy;
  }

  /**
   * Fills the copy of a container.
   *
   * @returns The copy, or the unfinished one when the container contains itself.
   */
  inside<Copy extends object>(container: object, copy: Copy, fill: (copy: Copy) => void): Copy {
    const unfinished = this.#ancestors.get(container);
    if (unfinished !== undefined) return unfinished as Copy;
    if (this.#ancestors.size > MAX_WRITTEN_DEPTH) return copy;
    this.#ancestors.set(container, copy);
    fill(copy);
    this.#ancestors.delete(container);
    return copy;
  }

  #copyItems(items: readonly unknown[], copy: unknown[]): void {
    for (let index = 0; index < items.length; index++) {
      copy.push(index in items ? this.copy(items[index]) : undefined);
    }
  }

  #copyMembers(object: Record<string, unknown>, copy: Record<string, unknown>): void {
    for (const key of Object.keys(object)) defineMember(copy, key, this.copy(object[key]));
  }
}

function hasSymbols(object: object): boolean {
  const isEnumerable = (symbol: symbol): boolean =>
    Object.prototype.propertyIsEnumerable.call(object, symbol);
  return Object.getOwnPropertySymbols(object).some(isEnumerable);
}
