import fc from "fast-check";
import { scaled, seed } from "./scale.ts";
import { parseJson, writeJson } from "../../src/json/index.ts";

/** Parameters of the laws. */
export const runs = { seed, numRuns: scaled(300, 20_000) };

/** The range of Python's dates: from year 1 to 9999. */
export const pythonDate = fc.date({
  min: new Date("0001-01-01T00:00:00Z"),
  max: new Date("9999-12-31T23:59:59.999Z"),
  noInvalidDate: true,
});

/** Returns a value after a round trip through JSON, as in a cache. */
export function stored<Value>(value: Value): Value {
  return parseJson(writeJson(value, "value")) as Value;
}
