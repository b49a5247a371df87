/**
 * Writes a value so that two texts are equal only if the values are, in type, in bits and in the order of
 * keys. The same notation is written by `peer/describe.py`: `i1` an integer, `f3ff8000000000000` a float by
 * its bits, `n…` a bigint, the rest as in JSON.
 */
function describeValue(value: unknown, describeNumber: (value: number | bigint) => string): string {
  if (typeof value === "number" || typeof value === "bigint") return describeNumber(value);
  if (typeof value === "string") return describeText(value);
  if (typeof value === "boolean" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map((item) => describeValue(item, describeNumber)).join(",")}]`;
  if (typeof value !== "object") throw new TypeError(`JSON gives no ${typeof value}`);
  const members = Object.entries(value).map(
    ([key, each]) => `${describeText(key)}:${describeValue(each, describeNumber)}`,
  );
  return `{${members.join(",")}}`;
}

/** The value that Python has to read: whole numbers are integers there, all others floats. */
export function pythonView(value: unknown): string {
  return describeValue(value, (number) => (isInteger(number) ? `i${number}` : describeFloat(number)));
}

/** The value as it is here. */
export function javaScriptView(value: unknown): string {
  return describeValue(value, (number) => {
    if (typeof number === "bigint") return `n${number}`;
    return isInteger(number) ? `i${number}` : describeFloat(number);
  });
}

function isInteger(number: number | bigint): boolean {
  return typeof number === "bigint" || (Number.isSafeInteger(number) && !Object.is(number, -0));
}

function describeFloat(number: number | bigint): string {
  if (Number.isNaN(number)) return "fNaN";
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(Number(number));
  return `f${bits.toString("hex")}`;
}

/** As Python's `json.dumps` writes text. */
function describeText(text: string): string {
  return JSON.stringify(text).replaceAll(/[\u007f-\uffff]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
