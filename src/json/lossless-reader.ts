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
  /** The value, if it is read without `JSON.parse`; {@link NO_PRIMITIVE} for all others. */
  readonly primitive: unknown;
}

/** Stands for objects, arrays, strings with escapes and numbers that `JSON.parse` may change. */
export const NO_PRIMITIVE: unique symbol = Symbol("no primitive");

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

/** Makes a {@link RawMember} of a key and a value that were written by {@link writeJson}. */
export function rawMember(keyText: string, text: string): RawMember {
  return new Member(keyText, text, !MAY_LOSE.test(text));
}

/** Makes a {@link RawValue} of the output of {@link writeJson}. */
export function rawValue(text: string): RawValue {
  return { text, isPlain: !MAY_LOSE.test(text) };
}

// Sixteen digits in a row may be an integer beyond 2^53; the letters are of NaN and Infinity. A
// string that looks like either is read the slow way, with the same result.
const MAY_LOSE = /\d{16}|NaN|Infinity/;

// As many digits may be an integer beyond 2^53.
const LARGE_DIGITS = 16;

const [TAB, LINE_FEED, CARRIAGE_RETURN, SPACE] = [0x09, 0x0a, 0x0d, 0x20];
const [QUOTE, PLUS, COMMA, MINUS, POINT, COLON, BACKSLASH] = [0x22, 0x2b, 0x2c, 0x2d, 0x2e, 0x3a, 0x5c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const [ZERO, NINE] = [0x30, 0x39];
const [LETTER_CAPITAL_E, LETTER_CAPITAL_I, LETTER_CAPITAL_N] = [0x45, 0x49, 0x4e];
const [LETTER_E, LETTER_F, LETTER_N, LETTER_T, LETTER_U] = [0x65, 0x66, 0x6e, 0x74, 0x75];
const SINGLE_ESCAPES = new Set(Array.from('"\\/bfnrt', (escape) => escape.charCodeAt(0)));

// A class: V8 may allocate literals in the old generation.
class Member implements RawMember {
  readonly text: string;
  readonly isPlain: boolean;
  readonly keyText: string;
  /** `undefined`: not read yet. */
  #primitive: unknown = undefined;

  constructor(keyText: string, text: string, isPlain: boolean) {
    this.text = text;
    this.isPlain = isPlain;
    this.keyText = keyText;
  }

  get primitive(): unknown {
    return (this.#primitive ??= readPrimitive(this));
  }
}

function readPrimitive({ text, isPlain }: RawValue): unknown {
  switch (text.charCodeAt(0)) {
    case OPEN_OBJECT:
    case OPEN_ARRAY:
      return NO_PRIMITIVE;
    case QUOTE:
      return text.includes("\\") ? NO_PRIMITIVE : text.slice(1, -1);
    case LETTER_T:
      return true;
    case LETTER_F:
      return false;
    case LETTER_N:
      return null;
    default:
      return isPlain ? Number(text) : NO_PRIMITIVE;
  }
}

class LosslessReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  /** Whether `JSON.parse` reads all that was passed since this was set. */
  #isPlain = true;

  constructor(text: string) {
    this.#text = text;
  }

  readMembers(): Map<string, RawMember> {
    const members = new Map<string, RawMember>();
    this.#skipSpace();
    this.#expect(OPEN_OBJECT);
    this.#enter();
    if (!this.#close(CLOSE_OBJECT)) {
      do {
        const keyText = this.#readKeyText();
        const start = this.#at;
        this.#isPlain = true;
        this.#skipValue();
        const text = this.#text.slice(start, this.#at);
        members.set(unquote(keyText), new Member(keyText, text, this.#isPlain));
      } while (this.#hasNext(CLOSE_OBJECT));
    }
    this.#expectEnd();
    return members;
  }

  readDocument(): unknown {
    this.#skipSpace();
    const value = this.#readValue();
    this.#expectEnd();
    return value;
  }

  /** Passes the value at the cursor, and checks it. */
  #skipValue(): void {
    switch (this.#text.charCodeAt(this.#at)) {
      case OPEN_OBJECT:
        return this.#skipObject();
      case OPEN_ARRAY:
        return this.#skipArray();
      case QUOTE:
        return this.#skipString();
      case LETTER_T:
        return this.#word("true");
      case LETTER_F:
        return this.#word("false");
      case LETTER_N:
        return this.#word("null");
      default:
        this.#skipNumber();
    }
  }

  #skipObject(): void {
    this.#at++;
    this.#enter();
    if (this.#close(CLOSE_OBJECT)) return;
    do {
      this.#skipKey();
      this.#skipValue();
    } while (this.#hasNext(CLOSE_OBJECT));
  }

  #skipArray(): void {
    this.#at++;
    this.#enter();
    if (this.#close(CLOSE_ARRAY)) return;
    do this.#skipValue();
    while (this.#hasNext(CLOSE_ARRAY));
  }

  /** Reads the value at the cursor. */
  #readValue(): unknown {
    switch (this.#text.charCodeAt(this.#at)) {
      case OPEN_OBJECT:
        return this.#readObject();
      case OPEN_ARRAY:
        return this.#readArray();
      case QUOTE:
        return unquote(this.#readStringText());
      case LETTER_T:
        this.#word("true");
        return true;
      case LETTER_F:
        this.#word("false");
        return false;
      case LETTER_N:
        this.#word("null");
        return null;
      default:
        return this.#readNumber();
    }
  }

  #readObject(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.#at++;
    this.#enter();
    if (this.#close(CLOSE_OBJECT)) return object;
    do {
      const key = unquote(this.#readKeyText());
      defineMember(object, key, this.#readValue());
    } while (this.#hasNext(CLOSE_OBJECT));
    return object;
  }

  #readArray(): unknown[] {
    const array: unknown[] = [];
    this.#at++;
    this.#enter();
    if (this.#close(CLOSE_ARRAY)) return array;
    do array.push(this.#readValue());
    while (this.#hasNext(CLOSE_ARRAY));
    return array;
  }

  /** Enters an object or an array. */
  #enter(): void {
    if (++this.#depth > MAX_DEPTH) throw new SyntaxError(`JSON nests more than ${MAX_DEPTH} levels`);
    this.#skipSpace();
  }

  /** Leaves an object or an array that ends here. @returns Whether it does. */
  #close(bracket: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== bracket) return false;
    this.#at++;
    this.#depth--;
    return true;
  }

  /** Passes the comma to the next item, or leaves the object or array. */
  #hasNext(bracket: number): boolean {
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) !== COMMA) {
      if (!this.#close(bracket)) throw this.#unexpected();
      return false;
    }
    this.#at++;
    this.#skipSpace();
    return true;
  }

  #skipKey(): void {
    if (this.#text.charCodeAt(this.#at) !== QUOTE) throw this.#unexpected();
    this.#skipString();
    this.#skipSpace();
    this.#expect(COLON);
    this.#skipSpace();
  }

  #readKeyText(): string {
    if (this.#text.charCodeAt(this.#at) !== QUOTE) throw this.#unexpected();
    const keyText = this.#readStringText();
    this.#skipSpace();
    this.#expect(COLON);
    this.#skipSpace();
    return keyText;
  }

  #readStringText(): string {
    const start = this.#at;
    this.#skipString();
    return this.#text.slice(start, this.#at);
  }

  #skipString(): void {
    const text = this.#text;
    let at = this.#at + 1;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) break;
      if (code === BACKSLASH) {
        const length = escapeLength(text, at);
        if (length > 0) {
          at += length;
          continue;
        }
      }
      // Beyond the end of the text the code is NaN.
      if (code === BACKSLASH || !(code >= SPACE)) {
        this.#at = at;
        throw this.#unexpected();
      }
      at++;
    }
    this.#at = at + 1;
  }

  #readNumber(): number | bigint {
    const start = this.#at;
    const isInteger = this.#skipNumber();
    const text = this.#text.slice(start, this.#at);
    const number = Number(text);
    return isInteger && !Number.isSafeInteger(number) ? BigInt(text) : number;
  }

  /** Passes a number, or Python's NaN or an infinity. @returns Whether it is an integer. */
  #skipNumber(): boolean {
    const text = this.#text;
    const start = text.charCodeAt(this.#at) === MINUS ? this.#at + 1 : this.#at;
    const first = text.charCodeAt(start);
    if (!isDigit(first)) {
      if (first === LETTER_CAPITAL_I) return this.#special("Infinity", start);
      if (first === LETTER_CAPITAL_N && start === this.#at) return this.#special("NaN", start);
      throw this.#unexpected();
    }
    let at = first === ZERO ? start + 1 : endOfDigits(text, start);
    const digits = at - start;
    let isInteger = true;
    if (text.charCodeAt(at) === POINT && isDigit(text.charCodeAt(at + 1))) {
      isInteger = false;
      at = endOfDigits(text, at + 1);
    }
    const exponent = startOfExponent(text, at);
    if (exponent > 0) {
      isInteger = false;
      at = endOfDigits(text, exponent);
    }
    if (isInteger && digits > MAX_INTEGER_DIGITS)
      throw new SyntaxError("JSON has an integer of too many digits");
    if (isInteger && digits >= LARGE_DIGITS) this.#isPlain = false;
    this.#at = at;
    return isInteger;
  }

  #special(word: string, at: number): false {
    if (!this.#text.startsWith(word, at)) throw this.#unexpected();
    this.#isPlain = false;
    this.#at = at + word.length;
    return false;
  }

  #word(word: string): void {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected();
    this.#at += word.length;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== SPACE && code !== LINE_FEED && code !== CARRIAGE_RETURN && code !== TAB) return;
      this.#at++;
    }
  }

  #expect(code: number): void {
    if (this.#text.charCodeAt(this.#at) !== code) throw this.#unexpected();
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

/** Reads a string that was checked. */
function unquote(stringText: string): string {
  return stringText.includes("\\") ? (JSON.parse(stringText) as string) : stringText.slice(1, -1);
}

/** Returns the length of the escape at a backslash; 0 if it is none. */
function escapeLength(text: string, at: number): number {
  const code = text.charCodeAt(at + 1);
  if (code === LETTER_U) return areHexDigits(text, at + 2) ? 6 : 0;
  return SINGLE_ESCAPES.has(code) ? 2 : 0;
}

function areHexDigits(text: string, start: number): boolean {
  for (let at = start; at < start + 4; at++) {
    const code = text.charCodeAt(at);
    // Setting this bit turns capitals into small letters.
    const small = code | 0x20;
    if (!isDigit(code) && !(small >= 0x61 && small <= 0x66)) return false;
  }
  return true;
}

function endOfDigits(text: string, start: number): number {
  let at = start;
  while (isDigit(text.charCodeAt(at))) at++;
  return at;
}

/** Returns the index of the first digit of an exponent; 0 if there is no exponent. */
function startOfExponent(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code !== LETTER_E && code !== LETTER_CAPITAL_E) return 0;
  const sign = text.charCodeAt(at + 1);
  const digits = sign === PLUS || sign === MINUS ? at + 2 : at + 1;
  return isDigit(text.charCodeAt(digits)) ? digits : 0;
}

/** Beyond the end of the text `charCodeAt` returns NaN, which is no digit. */
function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
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
