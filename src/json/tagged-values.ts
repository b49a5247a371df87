import { types } from "node:util";
import { MAX_DEPTH } from "./limits.ts";
import { defineMember } from "./lossless-reader.ts";
import { parseJson } from "./parse-json.ts";
import { Rebuilder } from "./rebuild.ts";
import { isPlainObject, writeJson } from "./strict-writer.ts";
import { newTemporal, temporalNameOf, type TemporalName } from "./temporal.ts";

/**
 * Writes a value as JSON without loss. A value of a type that JSON lacks becomes an object with one
 * key, a tag: `{"$date":"2026-04-17T12:30:45.120Z"}`, `{"$set":[1,2]}`. An object that looks like
 * one is wrapped in `{"$object":…}`.
 *
 * Beyond JSON it holds `Date`, `Map` (with any keys), `Set` (with its order), bigint, `Uint8Array`,
 * `Buffer`, undefined inside of a value, `NaN`, infinities, -0 and the objects of Temporal.
 *
 * @param path Name of the value in messages.
 * @throws {NotJsonError} A class instance, a function, a symbol, a hole in an array, a lone
 *   surrogate, a cycle, undefined as the whole value, or more than 500 levels (a tag takes one or
 *   two).
 */
export function writeTagged(value: unknown, path: string): string {
  return writeJson(
    value === undefined ? value : new Rebuilder({ replace: tagged, wrapObject }).copy(value),
    path,
  );
}

/**
 * Reads the output of {@link writeTagged}. JSON without tags is read unchanged.
 *
 * @throws {SyntaxError} When it is not JSON, a tag is unknown, or its payload does not fit the tag.
 *   The message shows nothing of the text.
 * @throws {CacheUsageError} When it holds an object of Temporal and this process has none.
 */
export function readTagged(text: string): unknown {
  return new Reviver().revive(parseJson(text));
}

function tagged(value: unknown, rebuilder: Rebuilder): unknown {
  switch (typeof value) {
    case "bigint":
      return { $bigint: String(value) };
    case "undefined":
      return { $undefined: true };
    case "number":
      return Number.isFinite(value) ? value : { $number: String(value) };
    case "object":
      return value === null ? null : taggedObject(value, rebuilder);
    default:
      return value;
  }
}

function taggedObject(value: object, rebuilder: Rebuilder): unknown {
  if (types.isDate(value)) return { $date: Number.isNaN(value.getTime()) ? null : value.toISOString() };
  if (types.isMap(value)) return { $map: taggedEntries(value, rebuilder) };
  if (types.isSet(value)) return { $set: taggedMembers(value, rebuilder) };
  if (Buffer.isBuffer(value)) return { $buffer: value.toString("base64") };
  if (types.isUint8Array(value)) return { $bytes: Buffer.from(value).toString("base64") };
  return taggedTemporal(value);
}

function taggedEntries(map: ReadonlyMap<unknown, unknown>, rebuilder: Rebuilder): unknown[] {
  return rebuilder.inside(map, [] as unknown[], (entries) => {
    for (const [key, value] of map) entries.push([rebuilder.copy(key), rebuilder.copy(value)]);
  });
}

function taggedMembers(set: ReadonlySet<unknown>, rebuilder: Rebuilder): unknown[] {
  return rebuilder.inside(set, [] as unknown[], (members) => {
    for (const member of set) members.push(rebuilder.copy(member));
  });
}

const DURATION_UNITS = [
  "years",
  "months",
  "weeks",
  "days",
  "hours",
  "minutes",
  "seconds",
  "milliseconds",
  "microseconds",
  "nanoseconds",
] as const;

function taggedTemporal(value: object): unknown {
  const name = temporalNameOf(value);
  if (name === undefined) return value;
  const payload = name === "Duration" ? durationParts(value) : (value as { toString(): string }).toString();
  return { [tagOf(name)]: payload };
}

/** Returns the parts of a duration: its text would turn 1500 milliseconds into 1.5 seconds. */
function durationParts(value: object): Record<string, number> {
  const duration = value as Readonly<Record<(typeof DURATION_UNITS)[number], number>>;
  const units = DURATION_UNITS.filter((unit) => duration[unit] !== 0);
  return units.length === 0
    ? { seconds: 0 }
    : Object.fromEntries(units.map((unit) => [unit, duration[unit]]));
}

function tagOf(name: TemporalName): string {
  return `$${name.charAt(0).toLowerCase()}${name.slice(1)}`;
}

/** Wraps an object that would be read as a tag. */
function wrapObject(copy: Record<string, unknown>): unknown {
  return tagIn(copy) === undefined ? copy : { $object: copy };
}

function tagIn(object: object): string | undefined {
  const [key, ...others] = Object.keys(object);
  return others.length === 0 && key?.startsWith("$") === true ? key : undefined;
}

type Revive = (payload: unknown, reviver: Reviver) => unknown;

const TEXT_TAGS: readonly TemporalName[] = [
  "Instant",
  "PlainDate",
  "PlainDateTime",
  "PlainMonthDay",
  "PlainTime",
  "PlainYearMonth",
  "ZonedDateTime",
];

const TAGS: ReadonlyMap<string, Revive> = new Map<string, Revive>([
  ["$bigint", (payload) => BigInt(matching(payload, /^-?\d{1,4300}$/))],
  ["$undefined", (payload) => nothing(payload)],
  ["$number", (payload) => Number(matching(payload, /^(?:NaN|-?Infinity)$/))],
  ["$date", (payload) => (payload === null ? new Date(Number.NaN) : date(payload))],
  ["$map", (payload, reviver) => new Map(list(payload).map((pair) => reviver.pair(pair)))],
  ["$set", (payload, reviver) => new Set(list(payload).map((member) => reviver.revive(member)))],
  ["$buffer", (payload) => base64(payload)],
  ["$bytes", (payload) => new Uint8Array(base64(payload))],
  ["$object", (payload, reviver) => reviver.members(payload)],
  ["$duration", (payload) => temporal("Duration", isPlainObject(payload) ? payload : {})],
  ...TEXT_TAGS.map((name): [string, Revive] => [
    tagOf(name),
    (payload) => temporal(name, matching(payload, /^/)),
  ]),
]);

class Reviver {
  #depth = 0;

  revive(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    if (++this.#depth > MAX_DEPTH) throw new SyntaxError(`JSON nests more than ${MAX_DEPTH} levels`);
    const revived = Array.isArray(value) ? value.map((item) => this.revive(item)) : this.#object(value);
    this.#depth--;
    return revived;
  }

  pair(value: unknown): [unknown, unknown] {
    const [key, item, ...others] = list(value);
    if (others.length > 0 || list(value).length < 2) throw wrongPayload();
    return [this.revive(key), this.revive(item)];
  }

  members(value: unknown): object {
    if (!isPlainObject(value)) throw wrongPayload();
    const object = {};
    for (const key of Object.keys(value)) defineMember(object, key, this.revive(value[key]));
    return object;
  }

  #object(value: object): unknown {
    const tag = tagIn(value);
    if (tag === undefined) return this.members(value);
    const revive = TAGS.get(tag);
    if (revive === undefined) throw new SyntaxError("JSON has a tag that is unknown");
    return revive((value as Record<string, unknown>)[tag], this);
  }
}

function temporal(name: TemporalName, payload: unknown): object {
  try {
    return newTemporal(name, payload);
  } catch (error) {
    // Temporal's error for a text that it cannot read quotes the text.
    throw error instanceof RangeError || error instanceof TypeError ? wrongPayload() : error;
  }
}

function nothing(payload: unknown): undefined {
  if (payload !== true) throw wrongPayload();
}

function date(payload: unknown): Date {
  const moment = new Date(matching(payload, /^/));
  if (Number.isNaN(moment.getTime()) || moment.toISOString() !== payload) throw wrongPayload();
  return moment;
}

function matching(payload: unknown, form: RegExp): string {
  if (typeof payload !== "string" || !form.test(payload)) throw wrongPayload();
  return payload;
}

function list(payload: unknown): readonly unknown[] {
  if (!Array.isArray(payload)) throw wrongPayload();
  return payload;
}

function base64(payload: unknown): Buffer {
  const bytes = Buffer.from(matching(payload, /^/), "base64");
  if (bytes.toString("base64") !== payload) throw wrongPayload();
  return bytes;
}

function wrongPayload(): SyntaxError {
  return new SyntaxError("JSON has a tag with a value of another form than the tag's");
}
