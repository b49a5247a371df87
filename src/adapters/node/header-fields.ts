/** Headers of a response, as Node's responses have them. */
export interface HeaderFields {
  getHeader(name: string): number | string | readonly string[] | undefined;
  hasHeader(name: string): boolean;
  setHeader(name: string, value: string | readonly string[]): unknown;
  removeHeader(name: string): void;
  getHeaderNames(): readonly string[];
}
