import { refuse } from "./refusal.ts";

// Exponents of up to 15 digits are exact here; Python allows 18.
const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,15}))?$/;
const SPECIAL = /^([+-]?)(?:(inf(?:inity)?)|(s?)nan(\d*))$/i;

/**
 * Writes a decimal number as Python's `str(Decimal(...))` does: `1.50`, `1E+5`, `0E-8`, `-0`,
 * `NaN`, `Infinity`. Trailing zeros are kept.
 *
 * @param decimal The number as text, from any library for decimals, or a bigint.
 * @throws {CacheUsageError} A text that is no number. A JavaScript number is refused: it is no
 *   decimal.
 */
export function dumpDecimal(decimal: string | bigint): string {
  const text = typeof decimal === "bigint" ? decimal.toString() : canonicalDecimal(decimal);
  if (text === undefined) throw refuse('a decimal in text such as "1.50", or a bigint', decimal);
  return text;
}

/**
 * Reads a text of {@link dumpDecimal} or of Python, and returns it unchanged.
 *
 * @throws {CacheUsageError} When it is no decimal.
 */
export function loadDecimal(text: string): string {
  const decimal = canonicalDecimal(text);
  if (decimal === undefined) throw refuse('a decimal such as "1.50"', text);
  return decimal;
}

function canonicalDecimal(text: unknown): string | undefined {
  if (typeof text !== "string") return undefined;
  const match = NUMBER.exec(text);
  if (match === null) return canonicalSpecial(text);
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  if (whole + fraction === "") return undefined;
  const coefficient = (whole + fraction).replace(/^0+(?=\d)/, "");
  return (sign === "-" ? "-" : "") + scientificText(coefficient, Number(exponent) - fraction.length);
}

function canonicalSpecial(text: string): string | undefined {
  const [match, sign, infinity, signalling = "", payload = ""] = SPECIAL.exec(text) ?? [];
  if (match === undefined) return undefined;
  const name =
    infinity === undefined ? `${signalling.toLowerCase()}NaN${payload.replace(/^0+/, "")}` : "Infinity";
  return (sign === "-" ? "-" : "") + name;
}

/**
 * "to-scientific-string" of the General Decimal Arithmetic Specification, which Python's `str`
 * follows.
 */
function scientificText(coefficient: string, exponent: number): string {
  const adjusted = exponent + coefficient.length - 1;
  if (exponent <= 0 && adjusted >= -6) return pointed(coefficient, coefficient.length + exponent);
  return `${pointed(coefficient, 1)}E${adjusted < 0 ? "" : "+"}${adjusted}`;
}

/**
 * Inserts a point after the first `count` digits, with leading zeros if `count` is less than one.
 */
function pointed(digits: string, count: number): string {
  if (count <= 0) return `0.${"0".repeat(-count)}${digits}`;
  return count === digits.length ? digits : `${digits.slice(0, count)}.${digits.slice(count)}`;
}
