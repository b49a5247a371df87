interface Kept<Value> {
  readonly value: Value;
  readonly size: number;
}

/**
 * Values by texts, of which those that were not used for the longest time are dropped.
 *
 * There are two generations: when the young one is full it becomes the old one, and the old one is
 * dropped, except for what is used meanwhile. A look-up is one into a `Map`, without the list that
 * an exact order needs, which costs as much again.
 */
export class RecentValues<Value> {
  readonly #maxSize: number;
  #young = new Map<string, Kept<Value>>();
  #old = new Map<string, Kept<Value>>();
  /** Sum of the sizes of the young generation. */
  #size = 0;

  /** @param maxSize Maximum sum of the sizes in a generation. */
  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  get(text: string): Value | undefined {
    const young = this.#young.get(text);
    if (young !== undefined) return young.value;
    const old = this.#old.get(text);
    if (old !== undefined) this.#keep(text, old);
    return old?.value;
  }

  /** Sets the value of a text. One that exceeds a generation is not kept. */
  set(text: string, value: Value, size: number): void {
    if (size <= this.#maxSize) this.#keep(text, { value, size });
  }

  delete(text: string): void {
    this.#size -= this.#young.get(text)?.size ?? 0;
    this.#young.delete(text);
    this.#old.delete(text);
  }

  #keep(text: string, kept: Kept<Value>): void {
    this.#size += kept.size - (this.#young.get(text)?.size ?? 0);
    if (this.#size > this.#maxSize) this.#age(kept.size);
    this.#young.set(text, kept);
  }

  #age(size: number): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#size = size;
  }
}
