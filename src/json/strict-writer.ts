import { withArticle } from "../core/descriptions.ts";
import { NotJsonError } from "../core/errors.ts";
import { stringifyOrdinary } from "./ordinary.ts";
import { MAX_DEPTH, MAX_INTEGER_DIGITS, MAX_WRITTEN_DEPTH } from "./limits.ts";

/** Result of {@link writeForComparison}. */
export interface Written {
  readonly text: string;
  /**
   * Set when the value has a part that only Python's JSON can hold (`NaN`, an infinity or a lone
   * surrogate), or nests more than {@link MAX_WRITTEN_DEPTH} levels. Such a value may stay in a
   * record as Python wrote it, but is not rewritten.
   */
  readonly refusal: NotJsonError | undefined;
}

/**
 * Writes a value as JSON, or throws with the path of a part that JSON cannot hold exactly.
 *
 * Keys keep their order, a property that is `undefined` is left out, a bigint is written as digits.
 * Negative zero is written as `-0.0`, and a number that is an integer beyond 2^53 with an exponent,
 * so that Python, and {@link readJson}, read them as floats.
 *
 * @param path Name of the value in messages, such as `data.cart`.
 * @throws {NotJsonError} Date, Map, Set, Buffer, NaN, an infinity, undefined in an array, a
 *   function, a symbol, a class instance, a lone surrogate, a cycle, a bigint of more than
 *   {@link MAX_INTEGER_DIGITS} digits, or more than {@link MAX_WRITTEN_DEPTH} levels.
 */
export function writeJson(value: unknown, path: string): string {
  const { text, refusal } = writeForComparison(value, path);
  if (refusal) throw refusal;
  return text;
}

/**
 * Writes like {@link writeJson}, but reports values that only Python can write instead of throwing,
 * for a comparison with the text that was read.
 */
export function writeForComparison(value: unknown, path: string): Written {
  const ordinary = stringifyOrdinary(value);
  if (ordinary !== undefined) return { text: ordinary, refusal: undefined };
  const writer = new StrictWriter(path);
  return { text: writer.write(value), refusal: writer.refusal };
}

class StrictWriter {
  refusal: NotJsonError | undefined;
  readonly #root: string;
  readonly #keys: (string | number)[] = [];
  readonly #ancestors: object[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  write(value: unknown): string {
    switch (typeof value) {
      case "string":
        return this.#writeString(value);
      case "number":
        return this.#writeNumber(value);
      case "boolean":
        return value ? "true" : "false";
      case "bigint":
        return this.#writeBigint(value);
      case "object":
        return value === null ? "null" : this.#writeObject(value);
      case "undefined":
        throw this.#refuse("undefined", "Use null.");
      case "function":
      case "symbol":
        throw this.#refuse(`a ${typeof value}`, "Leave it out.");
    }
  }

  #writeString(text: string): string {
    if (!text.isWellFormed()) {
      this.refusal ??= this.#refuse(
        "a string with a lone surrogate",
        "Repair it, for example with toWellFormed().",
      );
    }
    return JSON.stringify(text);
  }

  #writeNumber(number: number): string {
    if (Number.isSafeInteger(number)) return Object.is(number, -0) ? "-0.0" : String(number);
    if (!Number.isFinite(number)) {
      this.refusal ??= this.#refuse(String(number), "Use null or a finite number.");
      return String(number);
    }
    // Digits alone would come back as a bigint.
    return Number.isInteger(number) ? number.toExponential() : String(number);
  }

  #writeBigint(integer: bigint): string {
    const text = integer.toString();
    if (text.length - (integer < 0n ? 1 : 0) <= MAX_INTEGER_DIGITS) return text;
    throw this.#refuse(`an integer of more than ${MAX_INTEGER_DIGITS} digits`, "Store it as text.");
  }

  #writeObject(object: object): string {
    if (this.#ancestors.includes(object))
      throw this.#refuse("a reference to one of its own parents", "Break the cycle.");
    this.#checkDepth();
    this.#ancestors.push(object);
    const text = Array.isArray(object) ? this.#writeArray(object) : this.#writePlainObject(object);
    this.#ancestors.pop();
    return text;
  }

  #checkDepth(): void {
    const depth = this.#ancestors.length;
    if (depth < MAX_WRITTEN_DEPTH) return;
    this.refusal ??= this.#refuse(`nested more than ${MAX_WRITTEN_DEPTH} levels deep`, "Flatten it.");
    if (depth >= MAX_DEPTH) throw this.refusal;
  }

  #writeArray(array: readonly unknown[]): string {
    let text = "";
    for (let index = 0; index < array.length; index++) {
      this.#keys.push(index);
      text += (index === 0 ? "" : ",") + this.write(array[index]);
      this.#keys.pop();
    }
    return `[${text}]`;
  }

  #writePlainObject(object: object): string {
    if (!isPlainObject(object)) throw this.#refuse(describeInstance(object), adviceFor(object));
    if (hasSymbolKeys(object)) {
      throw this.#refuse("an object with symbols as keys", "Use strings as keys.");
    }
    let text = "";
    for (const key of Object.keys(object)) {
      const value = object[key];
      if (value === undefined) continue;
      this.#keys.push(key);
      text += (text === "" ? "" : ",") + this.#writeString(key) + ":" + this.write(value);
      this.#keys.pop();
    }
    return `{${text}}`;
  }

  #refuse(found: string, advice: string): NotJsonError {
    return new NotJsonError(this.#root + this.#keys.map(pathStep).join(""), found, advice);
  }
}

/** Returns whether an object has enumerable properties whose keys are symbols. */
export function hasSymbolKeys(object: object): boolean {
  return Object.getOwnPropertySymbols(object).some((symbol) =>
    Object.prototype.propertyIsEnumerable.call(object, symbol),
  );
}

function pathStep(key: string | number): string {
  if (typeof key === "number") return `[${key}]`;
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/**
 * Returns whether a value is an object literal or similar (of any realm), not an array or an
 * instance.
 */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  if (Symbol.toStringTag in value || Symbol.iterator in value) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Another realm's Object.prototype is a different object, but has no prototype either.
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function describeInstance(object: object): string {
  const name: unknown = object.constructor?.name;
  return typeof name === "string" && name !== "" && name !== "Object"
    ? withArticle(name)
    : "an object with a prototype of its own";
}

function adviceFor(object: object): string {
  if (object instanceof Promise) return "Await it first, and store its result.";
  if (object instanceof Date) return "Store toISOString() or getTime().";
  if (object instanceof Map) return "Store Object.fromEntries(map) or [...map].";
  if (object instanceof Set) return "Store [...set].";
  if (ArrayBuffer.isView(object) || object instanceof ArrayBuffer)
    return "Store it as text, for example in base64.";
  return "Store a plain object with the fields that you need.";
}
