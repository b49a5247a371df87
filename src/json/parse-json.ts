import { readJson } from "./lossless-reader.ts";

/**
 * Reads JSON text, with what Python's `json` writes besides: `NaN`, infinities, integers beyond 2^53 (as bigint).
 *
 * @throws {SyntaxError} When it is not JSON. The message has the position and nothing of the text.
 */
export function parseJson(text: string): unknown {
  if (MAY_BE_LARGE.test(text)) return readJson({ text, isPlain: false });
  try {
    return JSON.parse(text);
  } catch {
    // Python's NaN and infinities; or no JSON: JSON.parse quotes the text in its message, the lossless reader does not.
    return readJson({ text, isPlain: false });
  }
}

// Sixteen digits in a row may be an integer beyond 2^53. (Measured on 1 kB: to look for NaN as well takes four times as
// long, and JSON.parse finds it anyway.)
const MAY_BE_LARGE = /\d{16}/;
