/**
 * Identifies one version of a record by a part of the record itself, so that a store keeps no
 * separate field.
 *
 * The signature that ends a signed record changes with every commit, so its 43 bytes are enough to
 * compare, and nothing else is sent.
 */
export class Etag {
  /**
   * Start of the part, in bytes, as for `String.prototype.slice`: a negative number counts from the
   * end.
   */
  readonly start: number;
  /** The part: ASCII, or one character a byte of UTF-8 if the store compares whole records. */
  readonly text: string;

  constructor(start: number, text: string) {
    this.start = start;
    this.text = text;
  }
}

/** Returns whether a record is the version that an etag identifies. */
export function hasEtag(record: string, etag: Etag): boolean {
  const bytes = asBytes(record);
  const from = etag.start < 0 ? bytes.length + etag.start : etag.start;
  return from >= 0 && bytes.startsWith(etag.text, from);
}

/** UTF-8 with one character a byte. */
function asBytes(text: string): string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString("latin1");
}
