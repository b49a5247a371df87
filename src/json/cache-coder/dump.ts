import { types } from "node:util";
import { defineMember } from "../lossless-reader.ts";
import { Rebuilder } from "../rebuild.ts";
import { writeJson } from "../strict-writer.ts";
import { temporalNameOf } from "../temporal.ts";
import {
  type DateInput,
  type DatetimeInput,
  dumpDate,
  dumpDatetime,
  dumpTime,
  type TimeInput,
} from "./datetime.ts";
import { dumpBool, dumpBytes } from "./scalars.ts";
import { dumpTimedelta, type TimedeltaInput } from "./timedelta.ts";

/**
 * Converts a value in depth, as Python's `CacheCoder.dump()` does: a boolean to `"1"` or `"0"`,
 * null to `""`, a `Date`, objects of Temporal and bytes to the texts of their own functions, a
 * `Set` to a list, a `Map` with texts or integers as keys to an object. Numbers, bigints and texts
 * stay.
 *
 * The conversion loses information: null, `""` and empty bytes become equal, as do true and `"1"`,
 * and the reader has to know which text is a date. The tagged form (`TaggedJsonSerializer`) loses
 * nothing.
 *
 * @returns A value that JSON can hold.
 * @throws {NotJsonError} For any other value, naming its path.
 * @throws {CacheUsageError} A `Date` or an object of Temporal that Python cannot hold.
 */
export function dump(value: unknown): unknown {
  const dumped = new Rebuilder({ replace }).copy(value);
  writeJson(dumped, "value");
  return dumped;
}

function replace(value: unknown, rebuilder: Rebuilder): unknown {
  if (typeof value === "boolean") return dumpBool(value);
  if (value === null) return "";
  if (typeof value !== "object") return value;
  if (types.isDate(value)) return dumpDatetime(value);
  if (types.isSet(value)) return dumpMembers(value, rebuilder);
  if (types.isMap(value)) return dumpMap(value, rebuilder);
  if (types.isUint8Array(value) || types.isAnyArrayBuffer(value)) return dumpBytes(value as Uint8Array);
  return dumpTemporal(value);
}

function dumpTemporal(value: object): unknown {
  switch (temporalNameOf(value)) {
    case "Instant":
    case "PlainDateTime":
    case "ZonedDateTime":
      return dumpDatetime(value as DatetimeInput);
    case "PlainDate":
      return dumpDate(value as DateInput);
    case "PlainTime":
      return dumpTime(value as TimeInput);
    case "Duration":
      return dumpTimedelta(value as TimedeltaInput);
    default:
      // The writer reports the problem and its path.
      return value;
  }
}

function dumpMembers(set: ReadonlySet<unknown>, rebuilder: Rebuilder): unknown[] {
  return rebuilder.inside(set, [] as unknown[], (list) => {
    for (const member of set) list.push(rebuilder.copy(member));
  });
}

function dumpMap(map: ReadonlyMap<unknown, unknown>, rebuilder: Rebuilder): object {
  const names = new Set([...map.keys()].map(nameOf));
  // If a key has no name, or two keys have the same, the map stays, and the writer refuses it.
  if (names.size < map.size || names.has(undefined)) return map;
  return rebuilder.inside(map, {}, (object) => {
    for (const [key, value] of map) defineMember(object, nameOf(key) ?? "", rebuilder.copy(value));
  });
}

/** Returns the key that Python's `json` writes for a text or an integer. */
function nameOf(key: unknown): string | undefined {
  if (typeof key === "string") return key;
  return typeof key === "bigint" || Number.isSafeInteger(key) ? String(key) : undefined;
}
