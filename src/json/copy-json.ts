import { MAX_DEPTH } from "./limits.ts";
import { hasSymbolKeys, isPlainObject } from "./strict-writer.ts";

/**
 * Copies a JSON value, in depth: every object and array of the value becomes a new one at each
 * place where it occurs. Each property is read once.
 *
 * @param onCopy Called with each new object and array.
 * @returns The value itself if {@link writeJson} refuses a part of it (a Date, an instance, a hole
 *   in an array, a cycle, an object with symbols as keys), so that the writer refuses it by its
 *   path.
 */
export function copyJson(value: unknown, onCopy: (copy: object) => void = () => {}): unknown {
  const copier = new Copier(onCopy);
  const copy = copier.copy(value);
  return copier.isRefused ? value : copy;
}

class Copier {
  /** Whether the value has a part that JSON cannot hold. */
  isRefused = false;
  readonly #onCopy: (copy: object) => void;
  readonly #ancestors: object[] = [];

  constructor(onCopy: (copy: object) => void) {
    this.#onCopy = onCopy;
  }

  copy(value: unknown): unknown {
    if (typeof value !== "object" || value === null || this.isRefused) return value;
    if (this.#ancestors.length >= MAX_DEPTH || this.#ancestors.includes(value)) return this.#refuse();
    this.#ancestors.push(value);
    const copy = Array.isArray(value) ? this.#copyArray(value) : this.#copyObject(value);
    this.#ancestors.pop();
    return copy;
  }

  #copyArray(array: readonly unknown[]): unknown {
    const copy: unknown[] = [];
    this.#onCopy(copy);
    for (let index = 0; index < array.length && !this.isRefused; index++) {
      const item = array[index];
      // It may be a hole: an array may have 2^32 of them.
      copy.push(item === undefined ? this.#refuse() : this.copy(item));
    }
    return copy;
  }

  #copyObject(object: object): unknown {
    if (!isPlainObject(object) || hasSymbolKeys(object)) return this.#refuse();
    // fromEntries defines its properties, so a key named __proto__ stays a key.
    const copy = Object.fromEntries(Object.keys(object).map((key) => [key, this.copy(object[key])]));
    this.#onCopy(copy);
    return copy;
  }

  #refuse(): undefined {
    this.isRefused = true;
  }
}
