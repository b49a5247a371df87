// @ts-check
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * Finds a command on PATH.
 *
 * @param {readonly string[]} commands In order of preference.
 * @returns {string | undefined} Its path.
 */
export function findCommand(commands) {
  return findIn(
    (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== ""),
    commands,
  );
}

/** @param {readonly string[]} folders @param {readonly string[]} commands In order of preference. */
export function findIn(folders, commands) {
  return commands.flatMap((command) => folders.map((folder) => join(folder, command))).find(isExecutable);
}

/** @param {string} path */
export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
