import { PickleError } from "./pickle-error.ts";
import {
  PickleBytearray,
  PickleDict,
  PickleFloat,
  PickleSet,
  PickleTuple,
  type PickleValue,
} from "./pickle-values.ts";

/** Limits of a pickle. */
export interface PickleLimits {
  /** Bytes of the pickle, and of its texts and bytes with shared values counted each time. */
  readonly maxBytes: number;
  /** Levels of nested lists, tuples, sets and dicts. */
  readonly maxDepth: number;
  /** Values, with shared ones counted each time. */
  readonly maxItems: number;
}

/** The error for an exceeded limit. */
export function tooLarge(limit: keyof PickleLimits, limits: PickleLimits, offset?: number): PickleError {
  return new PickleError("too-large", `The pickle exceeds ${limit}, which is ${limits[limit]}`, offset);
}

/**
 * Walks through a value, shared parts each time, and throws if it is too large or contains itself.
 */
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
    if (this.#ancestors.has(value))
      throw new PickleError("cycle", "The pickle holds a structure that contains itself");
    if (this.#ancestors.size >= this.#limits.maxDepth) throw tooLarge("maxDepth", this.#limits);
    this.#ancestors.add(value);
    for (const part of parts) this.check(part);
    this.#ancestors.delete(value);
  }
}

/** Returns the size in bytes of a text, of bytes or of a bigint; 0 for anything else. */
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
