import { readJson } from "./lossless-reader.ts";

/**
 * Reads JSON text, with what Python's `json` writes besides: `NaN`, infinities, integers beyond 2^53 (as bigint).
 *
 * @throws {SyntaxError} When it is not JSON. The message has the position and nothing of the text.
 */
export function parseJson(text: string): unknown {
  if (mayHoldLargeInteger(text)) return readJson({ text, isPlain: false });
  try {
    return JSON.parse(text);
  } catch {
    // Python's NaN and infinities; or no JSON: JSON.parse quotes the text in its message, the lossless reader
    // does not.
    return readJson({ text, isPlain: false });
  }
}

// As many digits in a row may be an integer beyond 2^53.
const LARGE = 16;

/**
 * Looks at every 16th character: a run of 16 digits cannot hide between them. (NaN is for JSON.parse to
 * find.)
 */
function mayHoldLargeInteger(text: string): boolean {
  for (let at = LARGE - 1; at < text.length; at += LARGE) {
    if (isDigit(text.charCodeAt(at)) && digitsAround(text, at) >= LARGE) return true;
  }
  return false;
}

function digitsAround(text: string, at: number): number {
  let [start, end] = [at, at + 1];
  while (isDigit(text.charCodeAt(start - 1))) start--;
  while (isDigit(text.charCodeAt(end))) end++;
  return end - start;
}

/** Outside of a text `charCodeAt` gives NaN, which is none. */
function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
