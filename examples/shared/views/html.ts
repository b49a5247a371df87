/** Markup that needs no escaping. */
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
 * A part of a template: text is escaped, markup is not, lists are joined, and `undefined` and
 * `false` are omitted.
 */
export type Part = Html | string | number | false | undefined | readonly Part[];

/** Builds markup from a template literal. Only for text and for quoted attribute values. */
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
