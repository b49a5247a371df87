import type { HeaderFields } from "../node/header-fields.ts";

/** Web `Headers` with the methods of Node's responses. */
export class WebHeaders implements HeaderFields {
  readonly #headers: Headers;

  constructor(headers: Headers) {
    this.#headers = headers;
  }

  getHeader(name: string): string | readonly string[] | undefined {
    if (name.toLowerCase() === "set-cookie") return this.#headers.getSetCookie();
    return this.#headers.get(name) ?? undefined;
  }

  hasHeader(name: string): boolean {
    return this.#headers.has(name);
  }

  setHeader(name: string, value: string | readonly string[]): void {
    this.#headers.delete(name);
    for (const each of [value].flat()) this.#headers.append(name, each);
  }

  removeHeader(name: string): void {
    this.#headers.delete(name);
  }

  getHeaderNames(): readonly string[] {
    return Array.from(this.#headers.keys());
  }
}
