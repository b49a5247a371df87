/** Markup that may go into a page as it is. */
export class Html {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/**
 * What a template takes: text is escaped, markup is not, lists are joined, and `undefined` and `false` are
 * nothing.
 */
export type Part = Html | string | number | false | undefined | readonly Part[];

/** Makes markup from a template literal. Only for text and for attribute values in quotes. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const pieces = strings.map((text, index) => text + write(parts[index]));
  return new Html(pieces.join(""));
}

function write(part: Part): string {
  if (part instanceof Html) return part.toString();
  if (part === undefined || part === false) return "";
  if (typeof part === "object") return part.map(write).join("");
  return String(part).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
