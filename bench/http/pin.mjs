// @ts-check
// Keeps the measured server on one processor, and all else on the others: what is moved between two
// processors finds their caches cold, which was seen to double the time of a request in single rounds.
import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";

/**
 * Pins a process, and those that it starts from then on.
 *
 * @param {number} pid
 * @param {string} processors In the form of `taskset -c`.
 * @returns {boolean} `false` where `taskset` (Linux) is missing.
 */
function pin(pid, processors) {
  try {
    execFileSync("taskset", ["-acp", processors, String(pid)], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Pins this process beside the server. @returns Whether processes are pinned. */
export function pinLoad() {
  const last = availableParallelism() - 1;
  return last > 0 && pin(process.pid, `1-${last}`);
}

/** @param {number} pid Of a server. */
export function pinServer(pid) {
  pin(pid, "0");
}
