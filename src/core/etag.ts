/**
 * What identifies one version of a record: a piece of the record itself, so a store keeps nothing beside it.
 *
 * The signature that ends a signed record changes with every commit, so its 43 bytes are enough to compare
 * and all that is sent.
 */
export interface Etag {
  /** Where the piece starts, in bytes, as for `String.prototype.slice`: a negative number counts from the end. */
  readonly start: number;
  /** The piece: ASCII, or one character a byte of UTF-8 where the store compares whole records. */
  readonly text: string;
}

/** Tells whether a record is the version that an etag stands for. */
export function hasEtag(record: string, etag: Etag): boolean {
  const bytes = asBytes(record);
  const from = etag.start < 0 ? bytes.length + etag.start : etag.start;
  return from >= 0 && bytes.startsWith(etag.text, from);
}

/** UTF-8 with one character a byte. */
function asBytes(text: string): string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString("latin1");
}
