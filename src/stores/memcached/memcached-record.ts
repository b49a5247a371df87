import type { EpochMilliseconds } from "../../core/clock.ts";

/** A record and its end. */
export interface TimedRecord {
  readonly record: string;
  readonly expiresAt: EpochMilliseconds;
}

const FORM = /^([0-9a-z]{1,11}) /;

/**
 * Returns the value of a record: its end in milliseconds, in base 36, a space, and the record.
 * memcached itself counts whole seconds.
 */
export function writeRecord({ record, expiresAt }: TimedRecord): Buffer {
  const end = Math.min(Math.ceil(expiresAt), Number.MAX_SAFE_INTEGER);
  return Buffer.from(`${end.toString(36)} ${record}`);
}

/** Reads a value; `undefined` for one of another form. */
export function readRecord(value: Buffer): TimedRecord | undefined {
  const text = value.toString();
  const end = FORM.exec(text)?.[1];
  if (end === undefined) return undefined;
  return { record: text.slice(end.length + 1), expiresAt: Number.parseInt(end, 36) };
}
