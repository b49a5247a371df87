import * as v from "valibot";

import { describeValue } from "./descriptions.ts";
import { ImproperlyConfigured } from "./errors.ts";

export { describeValue } from "./descriptions.ts";

/** A schema of settings, as {@link parseSettings} takes it. */
export type SettingsSchema<Input, Output> = v.GenericSchema<Input, Output>;

/**
 * Checks settings and returns them in their inner form.
 *
 * A message in a schema states the expected form (`"a port from 1 to 65535"`); the given value is
 * added here. Values of settings whose name indicates a secret, and texts that look like a URL, are
 * never shown.
 *
 * @param path Path of the settings in the application's code, such as `redis.session`.
 * @throws {ImproperlyConfigured} For the first wrong setting; an unknown name comes before a
 *   missing one, since it is often the same one, misspelt.
 */
export function parseSettings<const Schema extends v.GenericSchema>(
  schema: Schema,
  input: unknown,
  path: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, input, { message: describeExpectation });
  if (result.success) return result.output;
  throw toImproperlyConfigured(result.issues.find(isUnknownName) ?? result.issues[0], path);
}

/**
 * Schema of an object of settings. An unknown name is an error that proposes the nearest known one.
 *
 * Use it for every object of a schema that {@link parseSettings} reads.
 */
export function settingsObject<const Entries extends v.ObjectEntries>(
  entries: Entries,
): v.StrictObjectSchema<Entries, (issue: v.StrictObjectIssue) => string> {
  return v.strictObject(entries, (issue) => {
    if (isUnknownName(issue)) return describeUnknownName(String(issue.input), Object.keys(entries));
    const missing = issue.path?.[0];
    return missing === undefined ? describeExpectation(issue) : expectationOf(entries[String(missing.key)]);
  });
}

/** Returns the message for an unknown setting, with the nearest known name. */
export function describeUnknownName(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  if (nearest !== undefined) return `is not a setting; did you mean "${nearest}"?`;
  return `is not a setting; expected one of ${known.map((each) => `"${each}"`).join(", ")}.`;
}

function toImproperlyConfigured(issue: v.BaseIssue<unknown>, path: string): ImproperlyConfigured {
  const steps = issue.path ?? [];
  const setting = path + steps.map((step) => joinStep(step.key)).join("");
  if (isUnknownName(issue)) return new ImproperlyConfigured(setting, issue.message);
  const names = [path, ...steps.map((step) => String(step.key))];
  return new ImproperlyConfigured(
    setting,
    `expected ${issue.message}, got ${describeValue(issue.input, names.slice(-2).join("."))}.`,
  );
}

function joinStep(key: unknown): string {
  return typeof key === "number" ? `[${key}]` : `.${String(key)}`;
}

function isUnknownName(issue: v.BaseIssue<unknown>): boolean {
  return issue.type === "strict_object" && issue.expected === "never";
}

const EXPECTATIONS: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  bigint: "a bigint",
  boolean: "true or false",
  Object: "an object",
  Array: "an array",
  Function: "a function",
};

function describeExpectation(issue: v.BaseIssue<unknown>): string {
  return describeExpected(issue.expected ?? issue.type);
}

function describeExpected(expected: string): string {
  return EXPECTATIONS[expected] ?? expected.replace(/^\((.*)\)$/, "$1").replaceAll(" | ", " or ");
}

function expectationOf(schema: (v.GenericSchema & { message?: unknown }) | undefined): string {
  if (typeof schema?.message === "string") return schema.message;
  return describeExpected(schema?.expects ?? "a value");
}

/** Returns the known name that needs the fewest edits, if they are few enough for a slip. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  // Two, since a transposition ("prot") is two; but not all letters of the name.
  const allowed = Math.min(name.length - 1, Math.max(2, Math.floor(name.length / 3)));
  const ranked = known
    .map((each) => ({ each, edits: countEdits(name.toLowerCase(), each.toLowerCase()) }))
    .toSorted((left, right) => left.edits - right.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= allowed ? best.each : undefined;
}

/** Returns Levenshtein's distance: insertions, deletions and replacements of one character. */
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let line = 1; line <= from.length; line++) {
    const next = [line];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (row[column - 1] ?? 0) + (from[line - 1] === to[column - 1] ? 0 : 1);
      next.push(Math.min((row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1, replaced));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
