// @ts-check
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Folder of the project, so that every script works from any working directory. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Path inside the project.
 *
 * @param {string[]} parts
 */
export function inProject(...parts) {
  return join(root, ...parts);
}

/**
 * @param {string} path
 * @returns {any}
 */
export function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

/**
 * One line to the person at the terminal. Standard output belongs to what the script runs.
 *
 * @param {string} line
 */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

export const isCi = /^(1|true)$/i.test(process.env["CI"] ?? "");
