import { PickleError } from "./pickle-error.ts";
import { PickleBytearray, PickleDict, PickleFloat, PickleSet, PickleTuple, type PickleValue } from "./pickle-values.ts";

/** What a pickle may come to. */
export interface PickleLimits {
  /** Bytes of the pickle, and of its texts and bytes when what is shared is counted each time. */
  readonly maxBytes: number;
  /** Levels of lists, tuples, sets and dicts in one another. */
  readonly maxDepth: number;
  /** Values, when what is shared is counted each time. */
  readonly maxItems: number;
}

/** The error for a limit that was passed. */
export function tooLarge(limit: keyof PickleLimits, limits: PickleLimits, offset?: number): PickleError {
  return new PickleError("too-large", `The pickle passes ${limit}, which is ${limits[limit]}`, offset);
}

/** Walks through a value as if nothing in it was shared, and fails when it is too large or contains itself. */
export class PickleMeasure {
  readonly #limits: PickleLimits;
  readonly #ancestors = new Set<PickleValue>();
  #items = 0;
  #bytes = 0;

  constructor(limits: PickleLimits) {
    this.#limits = limits;
  }

  check(value: PickleValue): void {
    if (++this.#items > this.#limits.maxItems) throw tooLarge("maxItems", this.#limits);
    this.#bytes += sizeOf(value);
    if (this.#bytes > this.#limits.maxBytes) throw tooLarge("maxBytes", this.#limits);
    const parts = partsOf(value);
    if (parts !== undefined) this.#checkParts(value, parts);
  }

  #checkParts(value: PickleValue, parts: Iterable<PickleValue>): void {
    if (this.#ancestors.has(value)) throw new PickleError("cycle", "The pickle holds a structure that contains itself");
    if (this.#ancestors.size >= this.#limits.maxDepth) throw tooLarge("maxDepth", this.#limits);
    this.#ancestors.add(value);
    for (const part of parts) this.check(part);
    this.#ancestors.delete(value);
  }
}

/** Bytes of a text, of bytes, or of an integer that is no number; of anything else 0. */
export function sizeOf(value: PickleValue): number {
  if (typeof value === "string" || value instanceof Uint8Array) return value.length;
  if (typeof value === "bigint") return value.toString(16).length / 2;
  return value instanceof PickleBytearray ? value.bytes.length : 0;
}

function partsOf(value: PickleValue): Iterable<PickleValue> | undefined {
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return undefined;
  if (value instanceof PickleFloat || value instanceof PickleBytearray) return undefined;
  if (value instanceof PickleTuple) return value.items;
  if (value instanceof PickleSet) return value.members;
  return value instanceof PickleDict ? keysAndValues(value) : value;
}

function* keysAndValues(dict: PickleDict): Generator<PickleValue, void, undefined> {
  for (const entry of dict.entries) yield* entry;
}
