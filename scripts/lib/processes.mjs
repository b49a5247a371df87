// @ts-check
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { root } from "./project.mjs";

/**
 * @typedef {object} Finished
 * @property {number} status Exit status; 127 when the command could not be started, 128 + n after
 *   signal n.
 * @property {string} output Output of both streams in the order of arrival. Empty if inherited.
 */

/**
 * Runs a command to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, inherit?: boolean, timeout?: number }}
 *   [options] `cwd` is the project's folder unless told otherwise; `inherit` lets the command print
 *   by itself; `timeout`, in milliseconds, ends it.
 * @returns {Promise<Finished>}
 */
export function run(command, args, { cwd = root, env = {}, inherit = false, timeout = 0 } = {}) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: inherit ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
    timeout,
    killSignal: "SIGKILL",
  });
  const stopForwarding = forwardSignals(child);
  /** @type {Buffer[]} */
  const chunks = [];
  child.stdout?.on("data", (chunk) => chunks.push(chunk));
  child.stderr?.on("data", (chunk) => chunks.push(chunk));
  return new Promise((resolve) => {
    /** @param {number} status @param {string} [more] */
    const finish = (status, more = "") => {
      stopForwarding();
      resolve({ status, output: Buffer.concat(chunks).toString() + more });
    };
    child.on("error", (error) => finish(127, `${error.message}\n`));
    child.on("close", (code, signal) => finish(code ?? 128 + constants.signals[signal ?? "SIGKILL"]));
  });
}

/**
 * Runs a command that has nothing to say but what went wrong.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<string | undefined>} Its last line about an error, when it failed.
 */
export async function failureOf(command, args) {
  const { status, output } = await run(command, args);
  if (status === 0) return undefined;
  const line =
    output
      .trim()
      .split("\n")
      .findLast((each) => /error|not found/i.test(each)) ?? `status ${status}`;
  return `${command.split("/").at(-1)}: ${line.trim()}`;
}

const ORPHAN_CHECK_INTERVAL = 100;

/**
 * Hands each signal on once: npm and the terminal may both send the same one.
 *
 * npm sends its signals to the shell between itself and this process. A shell that stays there
 * (dash) dies of them and leaves this process behind, so losing the parent counts as SIGTERM.
 *
 * @param {import("node:child_process").ChildProcess} child
 * @returns {() => void} Stops forwarding.
 */
export function forwardSignals(child) {
  /** @type {NodeJS.Signals[]} */
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  /** @type {Set<NodeJS.Signals>} */
  const sent = new Set();
  /** @param {NodeJS.Signals} signal */
  const forward = (signal) => {
    if (sent.has(signal)) return;
    sent.add(signal);
    child.kill(signal);
  };
  for (const signal of signals) process.on(signal, forward);
  const parent = process.ppid;
  const orphanCheck = setInterval(() => {
    if (process.env["npm_lifecycle_event"] !== undefined && process.ppid !== parent) forward("SIGTERM");
  }, ORPHAN_CHECK_INTERVAL).unref();
  return () => {
    clearInterval(orphanCheck);
    for (const signal of signals) process.off(signal, forward);
  };
}
