import { readJson } from "./lossless-reader.ts";

/**
 * Parses JSON text, including Python's extensions: `NaN`, infinities, integers beyond 2^53 (as
 * bigint).
 *
 * @throws {SyntaxError} When it is not JSON. The message has the position and nothing of the text.
 */
export function parseJson(text: string): unknown {
  if (mayHoldLargeInteger(text)) return readJson({ text, isPlain: false });
  try {
    return JSON.parse(text);
  } catch {
    // Python's NaN and infinities, or no JSON: JSON.parse quotes the text in its message, the
    // lossless reader does not.
    return readJson({ text, isPlain: false });
  }
}

// As many digits in a row may be an integer beyond 2^53.
const LARGE = 16;

/**
 * Checks every 16th character: a run of 16 digits cannot hide between them. (JSON.parse finds NaN.)
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

/** Beyond the end of the text `charCodeAt` returns NaN, which is no digit. */
function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
