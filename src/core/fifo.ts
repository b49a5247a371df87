/** Number of taken items from which a queue gives up their place. */
const COMPACT_FROM = 1024;

/**
 * A queue of any length. `Array.shift` moves all items of a long array: with 60 000 of them it takes
 * 0.1 ms (Node.js 20).
 */
export class Fifo<Item> {
  #items = Array.of<Item | undefined>();
  #taken = 0;

  get length(): number {
    return this.#items.length - this.#taken;
  }

  /** The item that is taken next. */
  get first(): Item | undefined {
    return this.#items[this.#taken];
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  shift(): Item | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#taken];
    this.#items[this.#taken++] = undefined;
    if (this.length === 0) this.#restart([]);
    else if (this.#taken >= COMPACT_FROM && this.#taken >= this.length)
      this.#restart(this.#items.slice(this.#taken));
    return item;
  }

  /** Takes all items. */
  takeAll(): Item[] {
    const items = this.#items.slice(this.#taken) as Item[];
    this.#restart([]);
    return items;
  }

  #restart(items: (Item | undefined)[]): void {
    this.#items = items;
    this.#taken = 0;
  }
}
