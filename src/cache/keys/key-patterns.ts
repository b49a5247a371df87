/**
 * A pattern of keys in Redis's glob style, which works on the bytes of UTF-8: `*` matches any
 * bytes, `?` any one byte, `[abc]`, `[a-z]` and `[^a]` one byte of a set; `\` escapes the next
 * byte.
 */
export interface KeyPattern {
  /** Common beginning of all matching keys. */
  readonly head: string;
  matches(key: string): boolean;
}

/** Matcher of one byte: a bit for each byte that it accepts. Or {@link STAR}. */
type Part = Uint8Array | typeof STAR;

const STAR = "*";
const SPECIAL = /[*?[\]\\]/;

const [ASTERISK, QUESTION_MARK, OPENING, CLOSING, BACKSLASH, CARET, HYPHEN] = [
  0x2a, 0x3f, 0x5b, 0x5d, 0x5c, 0x5e, 0x2d,
];

/** Returns the pattern of all keys with a beginning, which is taken literally. */
export function keysBeginningWith(prefix: string): string {
  return `${prefix.replaceAll(/[*?[\]\\]/g, String.raw`\$&`)}*`;
}

/** Parses a pattern. Every text is one. */
export function toKeyPattern(pattern: string): KeyPattern {
  const special = pattern.search(SPECIAL);
  const head = special === -1 ? pattern : pattern.slice(0, special);
  const parts = new PatternReader(Buffer.from(pattern)).read();
  return { head, matches: (key) => isMatch(parts, Buffer.from(key)) };
}

/**
 * Takes at most parts times bytes steps: only the last star can have to cover more than it did at
 * first.
 */
function isMatch(parts: readonly Part[], key: Uint8Array): boolean {
  let [part, byte] = [0, 0];
  let star = -1;
  let covered = 0;
  while (byte < key.length) {
    const each = parts[part];
    if (each === STAR) {
      star = part++;
      covered = byte;
    } else if (each !== undefined && allows(each, key[byte] as number)) {
      part++;
      byte++;
    } else {
      if (star === -1) return false;
      part = star + 1;
      byte = ++covered;
    }
  }
  while (parts[part] === STAR) part++;
  return part === parts.length;
}

/** Parses a pattern as `stringmatchlen` of Redis 7 does (`src/util.c`). */
class PatternReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(): Part[] {
    const parts: Part[] = [];
    while (this.#at < this.#bytes.length) {
      const part = this.#readPart();
      if (part !== STAR || parts.at(-1) !== STAR) parts.push(part);
    }
    return parts;
  }

  #readPart(): Part {
    const byte = this.#next();
    if (byte === ASTERISK) return STAR;
    if (byte === QUESTION_MARK) return ANY;
    if (byte === OPENING) return this.#readSet();
    return setOf(byte === BACKSLASH && this.#left > 0 ? this.#next() : byte);
  }

  /** Reads a set. An unclosed one extends to the end. */
  #readSet(): Uint8Array {
    const isNegated = this.#peek(0) === CARET;
    if (isNegated) this.#at++;
    const set = noBytes();
    while (this.#left > 0) {
      if (this.#peek(0) === CLOSING) {
        this.#at++;
        break;
      }
      this.#readMember(set);
    }
    return isNegated ? set.map((bits) => ~bits) : set;
  }

  #readMember(set: Uint8Array): void {
    const first = this.#next();
    if (first === BACKSLASH && this.#left > 0) add(set, this.#next());
    else if (this.#peek(0) === HYPHEN && this.#left > 1) {
      this.#at++;
      addRange(set, first, this.#next());
    } else add(set, first);
  }

  get #left(): number {
    return this.#bytes.length - this.#at;
  }

  #peek(ahead: number): number | undefined {
    return this.#bytes[this.#at + ahead];
  }

  #next(): number {
    return this.#bytes[this.#at++] as number;
  }
}

function noBytes(): Uint8Array {
  return new Uint8Array(32);
}

const ANY = noBytes().fill(0xff);

function setOf(byte: number): Uint8Array {
  const set = noBytes();
  add(set, byte);
  return set;
}

function add(set: Uint8Array, byte: number): void {
  set[byte >> 3] = (set[byte >> 3] as number) | (1 << (byte & 7));
}

/**
 * Adds a range. Both ends are included, in either order. Bytes have a sign, as `char` has on x86:
 * 0x80 to 0xff come before 0.
 */
function addRange(set: Uint8Array, first: number, last: number): void {
  const [start, end] = [signed(first), signed(last)].toSorted((left, right) => left - right) as [
    number,
    number,
  ];
  for (let byte = start; byte <= end; byte++) add(set, byte & 0xff);
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}

function allows(set: Uint8Array, byte: number): boolean {
  return (((set[byte >> 3] as number) >> (byte & 7)) & 1) === 1;
}
