import { rawValue, readJson } from "./lossless-reader.ts";

/**
 * Reads JSON text, with what Python's `json` writes besides: `NaN`, infinities, integers beyond 2^53 (as bigint).
 *
 * @throws {SyntaxError} When it is not JSON. The message has the position and nothing of the text.
 */
export function parseJson(text: string): unknown {
  const raw = rawValue(text);
  if (!raw.isPlain) return readJson(raw);
  try {
    return readJson(raw);
  } catch {
    // JSON.parse quotes the text in its message. The lossless reader finds the same fault and shows its place only.
    return readJson({ text, isPlain: false });
  }
}
