import { LRUCache } from "lru-cache";

/** Characters of text that are kept with their values. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

/**
 * Values by the text that they were read from: equal texts give the same value, frozen in depth, without
 * parsing it again.
 *
 * A lookup costs little: V8 keeps the hash of a string with it, and a memory store gives the same string each
 * time.
 */
export class FrozenValues {
  readonly #values = new LRUCache<string, object>({
    maxSize: MAX_CHARACTERS,
    sizeCalculation: (_, text) => text.length,
  });

  get(text: string, parse: () => unknown): unknown {
    const known = this.#values.get(text);
    if (known !== undefined) return known;
    const value = freeze(parse());
    if (typeof value === "object" && value !== null) this.#values.set(text, value);
    return value;
  }
}

/** Not recursive: how deep a value may be is for the reader to say, not for the stack. */
function freeze(value: unknown): unknown {
  const pending = [value];
  while (pending.length > 0) {
    const each = pending.pop();
    if (typeof each !== "object" || each === null) continue;
    // One by one: spread into arguments, a long array is too much for the stack.
    for (const inner of Object.values(Object.freeze(each)) as unknown[]) pending.push(inner);
  }
  return value;
}
