// A byte order mark is text like any other.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads UTF-8 like Python's `surrogatepass`: lone surrogates, which UTF-8 cannot hold, are encoded
 * in three bytes.
 *
 * @returns `undefined` for invalid UTF-8.
 */
export function decodeText(bytes: Buffer): string | undefined {
  let text = "";
  let start = 0;
  for (let at = bytes.indexOf(0xed); at !== -1; at = bytes.indexOf(0xed, at + 1)) {
    const surrogate = surrogateAt(bytes, at);
    if (surrogate === undefined) continue;
    const before = decode(bytes.subarray(start, at));
    if (before === undefined) return undefined;
    text += before + String.fromCharCode(surrogate);
    start = at + 3;
  }
  const rest = decode(bytes.subarray(start));
  return rest === undefined ? undefined : text + rest;
}

/** Writes a text like Python's `json.dumps`, with everything but ASCII escaped. */
export function pythonString(text: string): string {
  return JSON.stringify(text).replaceAll(/[\u007f-\uffff]/g, escapeUnit);
}

/** Writes a `float` like Python's `json.dumps`, always distinguishable from an integer. */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Object.is(value, -0)) return "-0.0";
  const [digits = "", power = ""] = value.toExponential().split("e");
  const exponent = Number(power);
  // CPython: float_repr_style "short", `r` in format_float_short.
  if (value === 0 || (exponent >= -4 && exponent < 16))
    return Number.isInteger(value) ? `${value}.0` : String(value);
  return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function decode(bytes: Buffer): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function surrogateAt(bytes: Buffer, at: number): number | undefined {
  const [second = 0, third = 0] = bytes.subarray(at + 1, at + 3);
  const isSurrogate = second >= 0xa0 && second <= 0xbf && third >= 0x80 && third <= 0xbf;
  return isSurrogate ? 0xd800 + (second - 0xa0) * 64 + (third - 0x80) : undefined;
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
