import { CacheUsageError } from "../../core/errors.ts";

/** Makes the error for an unexpected value: names its kind, and never shows it. */
export function refuse(expected: string, value: unknown): CacheUsageError {
  return new CacheUsageError(`Expected ${expected}, got ${kindOf(value)}.`);
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === "string") return "a text of another form";
  if (typeof value === "number") return "another number";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "another object" : `a ${typeof value}`;
}
