import { RecentValues } from "../recent-values.ts";

/** Maximum number of characters of text that are kept with their values, twice. */
const MAX_CHARACTERS = 8 * 1024 * 1024;

/**
 * Values by their text: equal texts give the same deeply frozen value, without parsing it again.
 *
 * A lookup is cheap: V8 keeps the hash of a string with it, and a memory store returns the same
 * string each time.
 */
export class FrozenValues {
  readonly #values = new RecentValues<object>(MAX_CHARACTERS);

  get(text: string, parse: () => unknown): unknown {
    const known = this.#values.get(text);
    if (known !== undefined) return known;
    const value = freeze(parse());
    if (typeof value === "object" && value !== null) this.#values.set(text, value, text.length);
    return value;
  }
}

/** Not recursive: the reader limits the depth of a value, not the stack. */
function freeze(value: unknown): unknown {
  const pending = [value];
  while (pending.length > 0) {
    const each = pending.pop();
    if (typeof each !== "object" || each === null) continue;
    // One by one: a long array spread into arguments overflows the stack.
    for (const inner of Object.values(Object.freeze(each)) as unknown[]) pending.push(inner);
  }
  return value;
}
