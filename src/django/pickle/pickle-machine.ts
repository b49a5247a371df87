import { PickleError } from "./pickle-error.ts";
import { type PickleLimits, sizeOf, tooLarge } from "./pickle-limits.ts";
import type { PickleValue } from "./pickle-values.ts";

/** The stack, the marks and the memo of an unpickler. */
export class PickleMachine {
  /** Offset of the current opcode. */
  offset = 0;
  readonly #limits: PickleLimits;
  readonly #stack: PickleValue[] = [];
  readonly #marks: number[] = [];
  /** Keyed by text: see the identity of keys in `pickle-values.ts`. */
  readonly #memo = new Map<string, PickleValue>();
  #pushed = 0;
  #keyBytes = 0;

  constructor(limits: PickleLimits) {
    this.#limits = limits;
  }

  push(value: PickleValue): void {
    if (++this.#pushed > this.#limits.maxItems) throw tooLarge("maxItems", this.#limits, this.offset);
    this.#stack.push(value);
  }

  pop(): PickleValue {
    const value = this.#stack.length > this.#floor ? this.#stack.pop() : undefined;
    return value === undefined ? this.#fail("nothing is on the stack that it could take") : value;
  }

  /** Returns the value on top without removing it. */
  top(): PickleValue {
    const value = this.#stack.length > this.#floor ? this.#stack.at(-1) : undefined;
    return value === undefined ? this.#fail("nothing is on the stack that it could take") : value;
  }

  popMany(count: number): PickleValue[] {
    if (this.#stack.length - this.#floor < count) this.#fail("there is too little on the stack");
    return this.#stack.splice(-count);
  }

  mark(): void {
    if (++this.#pushed > this.#limits.maxItems) throw tooLarge("maxItems", this.#limits, this.offset);
    this.#marks.push(this.#stack.length);
  }

  /** Removes and returns the values since the last mark, and removes the mark. */
  popToMark(): PickleValue[] {
    const mark = this.#marks.pop();
    return mark === undefined ? this.#fail("there is no mark") : this.#stack.splice(mark);
  }

  /** Counts a key that will be compared with others, repeated keys each time. */
  countKey(key: PickleValue): void {
    this.#keyBytes += sizeOf(key);
    if (this.#keyBytes > this.#limits.maxBytes) throw tooLarge("maxBytes", this.#limits, this.offset);
  }

  memoize(index: number = this.#memo.size): void {
    this.#memo.set(`m${index}`, this.top());
    if (this.#memo.size > this.#limits.maxItems) throw tooLarge("maxItems", this.#limits, this.offset);
  }

  pushMemo(index: number): void {
    const value = this.#memo.get(`m${index}`);
    this.push(value === undefined ? this.#fail("there is no such entry in the memo") : value);
  }

  /** Returns the value that is left at the end. */
  result(): PickleValue {
    const value = this.pop();
    if (this.#stack.length > 0 || this.#marks.length > 0)
      this.#fail("more than one value is left at the end");
    return value;
  }

  #fail(what: string): never {
    throw new PickleError("malformed", `The pickle is broken: ${what}`, this.offset);
  }

  get #floor(): number {
    return this.#marks.at(-1) ?? 0;
  }
}
