import type { StoredValue } from "../cache-store.ts";

/**
 * Form of values in memory: strings, since a string cannot be changed from outside and is not a
 * slice of one of Node's pools, which would keep 8 KiB alive.
 */
export interface StoredForm {
  readonly toStored: (value: StoredValue) => string;
  readonly fromStored: (stored: string) => StoredValue;
  /** Returns the number of bytes, of UTF-8 or of data. */
  readonly sizeOf: (stored: string) => number;
}

/** Values are read as text. */
export const TEXT_FORM: StoredForm = {
  toStored: (value) => (typeof value === "string" ? value : bytesOf(value).toString()),
  fromStored: (stored) => stored,
  sizeOf: (stored) => Buffer.byteLength(stored),
};

/** Values are read as bytes. They are kept as Latin-1, which is a byte a character in V8 too. */
export const BYTES_FORM: StoredForm = {
  toStored: (value) => bytesOf(value).toString("latin1"),
  fromStored: (stored) => Buffer.from(stored, "latin1"),
  sizeOf: (stored) => stored.length,
};

function bytesOf(value: StoredValue): Buffer {
  if (typeof value === "string") return Buffer.from(value);
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
