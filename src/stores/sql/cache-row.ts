import { createHash } from "node:crypto";

import { pickleScalar, unpickleScalar } from "../scalar-pickle.ts";

/** Prefix of the names of rows whose keys no column can hold. */
export const HASHED_PREFIX = "sojourn:sha256:";

/** Django's bound, and that of memcached; the column has 255. */
const MAX_KEY = 250;

/**
 * Returns the name of a key's row: the key itself, as in Django, or a hash if it is longer than 250
 * characters or has a NUL, which PostgreSQL cannot store.
 */
export function nameOf(key: string): string {
  return isHashed(key) ? HASHED_PREFIX + createHash("sha256").update(key).digest("hex") : key;
}

/** @returns `undefined` if a row under a hash does not say what its key is. */
export function keyOf(name: string, column: string): string | undefined {
  if (!name.startsWith(HASHED_PREFIX)) return name;
  const rest = unpickleScalar(Buffer.from(column, "base64"))?.rest;
  return rest === undefined || rest.length === 0 ? undefined : rest.toString();
}

/**
 * Writes a value as Django does: the base64 of a pickle. After it, where `pickle.loads` does not
 * look, stands a key that is not the row's name.
 */
export function toColumn(key: string, value: Buffer): string {
  const pickle = pickleScalar(value);
  return (isHashed(key) ? Buffer.concat([pickle, Buffer.from(key)]) : pickle).toString("base64");
}

/** Reads the pickle of a scalar. Any other pickle is returned as the text of the column. */
export function toValue(column: string): Buffer {
  return unpickleScalar(Buffer.from(column, "base64"))?.value ?? Buffer.from(column);
}

function isHashed(key: string): boolean {
  return key.length > MAX_KEY || key.includes("\0") || key.startsWith(HASHED_PREFIX);
}
