import { readLease, writeState } from "../cell-state.ts";
import type { Cell } from "../cells.ts";

const NO_ENTRY = "!";
const NO_END = "-";

const LINE_END = 10;
const FORM = /^([!-]|[0-9a-z]{1,11})(?: ([A-Za-z0-9+/=]+))?$/;

/**
 * Returns the text of a cell: a line with the end of its entry in base 36, and with the lease if
 * there is one; then the entry's value.
 */
export function writeItem(key: string, { entry, lease }: Cell): Buffer {
  const end = entry === undefined ? NO_ENTRY : toText(entry.expiresAt);
  const head = lease === undefined ? `${end}\n` : `${end} ${writeState(key, lease)}\n`;
  const bytes = Buffer.allocUnsafe(head.length + (entry?.value.length ?? 0));
  bytes.write(head, "latin1");
  entry?.value.copy(bytes, head.length);
  return bytes;
}

/** Reads a cell, whether its parts have expired or not. A text of another form is an empty one. */
export function readItem(bytes: Buffer): Cell {
  const lineEnd = bytes.indexOf(LINE_END);
  const [, end, state] = FORM.exec(bytes.toString("latin1", 0, Math.max(0, lineEnd))) ?? [];
  if (end === undefined) return {};
  const lease = state === undefined ? undefined : readLease(state);
  if (end === NO_ENTRY) return { lease };
  const expiresAt = end === NO_END ? Number.POSITIVE_INFINITY : Number.parseInt(end, 36);
  return { entry: { value: bytes.subarray(lineEnd + 1), expiresAt }, lease };
}

function toText(expiresAt: number): string {
  if (expiresAt === Number.POSITIVE_INFINITY) return NO_END;
  return Math.min(Math.ceil(expiresAt), Number.MAX_SAFE_INTEGER).toString(36);
}
