// @ts-check
import { BASE } from "./candidates.mjs";

/**
 * @param {import("./candidates.mjs").Candidate} candidate
 * @param {readonly string[]} texts None: any candidate.
 * @returns {boolean} Whether one of the texts is in its name or size. What the others are compared with
 *   always is.
 */
export function isNamed({ name, size }, texts) {
  const full = `${name}, ${size}`.toLowerCase();
  return name === BASE || texts.length === 0 || texts.some((text) => full.includes(text.toLowerCase()));
}
