/**
 * A pattern of keys in Redis's glob style: `*` is any text, `?` any character, `[abc]`, `[a-z]` and `[^a]` a
 * character of those, `\` takes the next one as it is.
 */
export interface KeyPattern {
  /** What all keys that match begin with. */
  readonly head: string;
  matches(key: string): boolean;
}

const SPECIAL = /[*?[\]\\]/;

/** Reads a pattern. A bracket that is not closed is a bracket. */
export function toKeyPattern(pattern: string): KeyPattern {
  const special = pattern.search(SPECIAL);
  const head = special === -1 ? pattern : pattern.slice(0, special);
  const expression = new RegExp(`^${toSource(pattern)}$`, "su");
  return { head, matches: (key) => expression.test(key) };
}

const TOKEN =
  /\\(?<escaped>[\s\S])|\[(?<not>\^?)(?<set>(?:\\[\s\S]|[^\]\\])+)\]|(?<star>\*+)|(?<any>\?)|(?<plain>[\s\S])/gu;

function toSource(pattern: string): string {
  return pattern.replace(TOKEN, (...args: unknown[]) => {
    const { escaped, not, set, star, any, plain } = args.at(-1) as Record<string, string | undefined>;
    if (set !== undefined) return `[${not}${set.replace(/\\?([\s\S])/gu, escapeInSet)}]`;
    if (star !== undefined) return ".*";
    return any === undefined ? escape(escaped ?? plain ?? "") : ".";
  });
}

function escapeInSet(whole: string, character: string): string {
  if (whole === "-") return "-";
  return /[\\\]^[-]/.test(character) ? `\\${character}` : character;
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
