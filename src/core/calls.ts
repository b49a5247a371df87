import { describeValue } from "./descriptions.ts";
import { toMilliseconds } from "./durations.ts";
import { nearestName } from "./settings.ts";

/** Class of the error for a wrong call. */
export type UsageError = new (message: string) => Error;

/** Options of a call, for {@link checkOptions}. Made once for each method, not at each call. */
export interface KnownOptions {
  /** Name of the call in messages, such as `cache.set()`. */
  readonly call: string;
  readonly names: ReadonlySet<string>;
  /** Example of the options in messages, such as `{ timeout: 60 }`. */
  readonly example: string;
  readonly error: UsageError;
}

/** Returns the known options of a call. */
export function knownOptions(
  call: string,
  names: readonly string[],
  example: string,
  error: UsageError,
): KnownOptions {
  return { call, names: new Set(names), example, error };
}

/**
 * Checks the options of a call at runtime, as TypeScript does at compile time: an object, with
 * known names. Values are checked where they are used. The check costs one look-up for each option.
 */
export function checkOptions(options: unknown, known: KnownOptions): void {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw notOptions(options, known);
  let isEmpty = true;
  for (const name in options) {
    if (!known.names.has(name) && Object.hasOwn(options, name)) throw unknownOption(name, known);
    isEmpty = false;
  }
  // A Date or a Map has no names, and would count as no options at all.
  if (isEmpty && !isPlain(options)) throw notOptions(options, known);
}

function isPlain(options: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(options);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function notOptions(options: unknown, { call, example, error: UsageError }: KnownOptions): Error {
  return new UsageError(
    `${call} expected its options as an object such as ${example}, got ${describeGiven(options)}.`,
  );
}

/** Option names of other libraries, in lower case, and their names here. */
const FOREIGN_NAMES: ReadonlyMap<string, string> = new Map([
  ...["ttl", "ex", "px", "expire", "expires", "expiresin", "expiry", "maxage", "seconds", "age"].map(
    isTimeout,
  ),
  ["swr", "stale"],
  ["grace", "stale"],
  ["stalewhilerevalidate", "stale"],
  ["defaultvalue", "default"],
  ["fallback", "default"],
]);

function isTimeout(name: string): [string, string] {
  return [name, "timeout"];
}

function unknownOption(name: string, { call, names, error: UsageError }: KnownOptions): Error {
  const foreign = FOREIGN_NAMES.get(name.toLowerCase());
  const known = [...names];
  const meant = foreign !== undefined && names.has(foreign) ? foreign : nearestName(name, known);
  const list = known.map((each) => JSON.stringify(each)).join(", ");
  const advice = meant === undefined ? `It has ${list}.` : `Did you mean ${JSON.stringify(meant)}?`;
  const unit = meant === "timeout" ? ' It is in seconds, or text such as "10m".' : "";
  return new UsageError(`${call} has no option ${JSON.stringify(name)}. ${advice}${unit}`);
}

/** Describes a value, for a message. Text may come from a visitor, so only a duration is shown. */
export function describeGiven(value: unknown): string {
  if (typeof value !== "string") return describeValue(value);
  if (value === "") return "an empty text";
  return toMilliseconds(value) === undefined ? "a text" : `${JSON.stringify(value)} (a text)`;
}

/** Checks a function argument of a call. */
export function checkFunction(given: unknown, what: string, UsageErrorClass: UsageError): void {
  if (typeof given === "function") return;
  throw new UsageErrorClass(`${what} has to be a function, got ${describeGiven(given)}.`);
}
