import { MAX_DEPTH, MAX_INTEGER_DIGITS } from "./limits.ts";

/** A value as it is in the text, without loss until it is parsed. */
export interface RawValue {
  readonly text: string;
  /** Whether `JSON.parse` reads it without loss. */
  readonly isPlain: boolean;
}

/** A member of an object, as it is in the text. */
export interface RawMember extends RawValue {
  /** The key with its quotes and escapes. */
  readonly keyText: string;
}

/**
 * Cuts a JSON object into one slice per key. Checks the whole text, and builds no values.
 *
 * Python's `NaN`, `Infinity` and `-Infinity` are read. Of a repeated key the last value counts, at
 * the place of the first (as in a Python `dict`).
 *
 * @throws {SyntaxError} When the text is not a JSON object or nests more than {@link MAX_DEPTH}
 *   levels. The message has the position and nothing of the text.
 */
export function readMembers(text: string): Map<string, RawMember> {
  return new LosslessReader(text).readMembers();
}

/**
 * Reads one value. Integers beyond 2^53 become bigint; `-0`, and Python's `NaN` and infinities,
 * numbers.
 *
 * @throws {SyntaxError} As {@link readMembers}.
 */
export function readJson(raw: RawValue): unknown {
  return raw.isPlain ? JSON.parse(raw.text) : new LosslessReader(raw.text).readDocument();
}

/** Makes a {@link RawValue} of the output of {@link writeJson}. */
export function rawValue(text: string): RawValue {
  return { text, isPlain: !MAY_LOSE.test(text) };
}

// Sixteen digits in a row may be an integer beyond 2^53; the letters are of NaN and Infinity. A
// string that looks like either is read the slow way, with the same result.
const MAY_LOSE = /\d{16}|NaN|Infinity/;

const NUMBER = /-?(?:(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?|Infinity)|NaN/y;
// Characters of a string without special meaning: all but the quote, the backslash and control
// characters.
const STRING_RUN = /[^"\\\u0000-\u001f]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

class LosslessReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  readMembers(): Map<string, RawMember> {
    const members = new Map<string, RawMember>();
    this.#skipSpace();
    if (this.#text[this.#at] !== "{") throw this.#unexpected();
    this.#eachMember((key, keyText) => {
      const start = this.#at;
      this.#value(false);
      members.set(key, { keyText, ...rawValue(this.#text.slice(start, this.#at)) });
    });
    this.#expectEnd();
    return members;
  }

  readDocument(): unknown {
    this.#skipSpace();
    const value = this.#value(true);
    this.#expectEnd();
    return value;
  }

  /** Reads the value at the cursor, and builds it on request. */
  #value(build: boolean): unknown {
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(build);
      case "[":
        return this.#array(build);
      case '"': {
        const text = this.#string();
        return build ? JSON.parse(text) : undefined;
      }
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number(build);
    }
  }

  #object(build: boolean): unknown {
    const object: Record<string, unknown> = {};
    this.#eachMember((key) => {
      const value = this.#value(build);
      if (build) defineMember(object, key, value);
    });
    return object;
  }

  #array(build: boolean): unknown {
    const array: unknown[] = [];
    this.#eachItem("]", () => {
      const value = this.#value(build);
      if (build) array.push(value);
    });
    return array;
  }

  #eachMember(onMember: (key: string, keyText: string) => void): void {
    this.#eachItem("}", () => {
      if (this.#text[this.#at] !== '"') throw this.#unexpected();
      const keyText = this.#string();
      this.#skipSpace();
      this.#expect(":");
      this.#skipSpace();
      onMember(JSON.parse(keyText) as string, keyText);
    });
  }

  #eachItem(close: "]" | "}", onItem: () => void): void {
    if (++this.#depth > MAX_DEPTH) throw new SyntaxError(`JSON nests more than ${MAX_DEPTH} levels`);
    this.#at++;
    this.#skipSpace();
    if (this.#text[this.#at] !== close) {
      for (;;) {
        onItem();
        this.#skipSpace();
        if (this.#text[this.#at] !== ",") break;
        this.#at++;
        this.#skipSpace();
      }
    }
    this.#expect(close);
    this.#depth--;
  }

  #string(): string {
    const start = this.#at++;
    for (;;) {
      this.#match(STRING_RUN);
      if (this.#text[this.#at] === '"') return this.#text.slice(start, ++this.#at);
      if (this.#match(ESCAPE) === null) throw this.#unexpected();
    }
  }

  #number(build: boolean): number | bigint | undefined {
    const match = this.#match(NUMBER);
    if (match === null) throw this.#unexpected();
    const [text, fraction, exponent] = match;
    const isInteger =
      fraction === undefined && exponent === undefined && !text.endsWith("N") && !text.endsWith("y");
    if (isInteger && digitsIn(text) > MAX_INTEGER_DIGITS) {
      throw new SyntaxError("JSON has an integer of too many digits");
    }
    if (!build) return undefined;
    const number = Number(text);
    return isInteger && !Number.isSafeInteger(number) ? BigInt(text) : number;
  }

  #word<Value>(word: string, value: Value): Value {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected();
    this.#at += word.length;
    return value;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #expect(character: string): void {
    if (this.#text[this.#at] !== character) throw this.#unexpected();
    this.#at++;
  }

  #expectEnd(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected();
  }

  #unexpected(): SyntaxError {
    const where = this.#at < this.#text.length ? `at position ${this.#at}` : "at its end";
    return new SyntaxError(`JSON is malformed ${where}`);
  }
}

function digitsIn(integer: string): number {
  return integer.startsWith("-") ? integer.length - 1 : integer.length;
}

/**
 * Defines an own property, even with the name `__proto__` (assignment would change the prototype).
 */
export function defineMember(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, memberOf(value));
}

/** Returns the property that {@link defineMember} defines. */
export function memberOf(value: unknown): PropertyDescriptor {
  return { value, enumerable: true, configurable: true, writable: true };
}
