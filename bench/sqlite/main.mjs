// @ts-check
// Sessions of several processes in one file of SQLite, with each journal and busy_timeout: how many writes fail.
//
//   npm run build && npm install --no-save better-sqlite3
//   node bench/sqlite/main.mjs [--processes=4] [--seconds=3]
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** @typedef {{ done: number, failed: number, longest: number }} Counts */

/** Settings to compare, as [journal mode, busy_timeout in milliseconds]. */
const SETTINGS = /** @type {const} */ ([
  ["delete", 0],
  ["delete", 50],
  ["delete", 5000],
  ["wal", 0],
  ["wal", 50],
  ["wal", 5000],
]);

const [processes, seconds] = [option("processes", 4), option("seconds", 3)];
console.log("| journal | busy_timeout | writes | failed | longest, ms |");
console.log("| ------- | ------------ | ------ | ------ | ----------- |");
for (const [journal, timeout] of SETTINGS) {
  const { done, failed, longest } = await measure(journal, timeout);
  console.log(`| ${journal} | ${timeout} | ${done + failed} | ${failed} | ${Math.round(longest)} |`);
}

/**
 * @param {string} name
 * @param {number} otherwise
 */
function option(name, otherwise) {
  const given = process.argv.find((argument) => argument.startsWith(`--${name}=`));
  return given === undefined ? otherwise : Number(given.slice(name.length + 3));
}

/**
 * @param {string} journal
 * @param {number} timeout
 * @returns {Promise<Counts>}
 */
async function measure(journal, timeout) {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-sqlite-"));
  try {
    const workers = Array.from({ length: processes }, () =>
      fork(new URL("worker.mjs", import.meta.url), [
        join(folder, "db.sqlite3"),
        journal,
        String(timeout),
        String(seconds),
      ]),
    );
    const messages = await Promise.all(workers.map(async (worker) => (await once(worker, "message"))[0]));
    return messages.reduce((sum, counts) => ({
      done: sum.done + counts.done,
      failed: sum.failed + counts.failed,
      longest: Math.max(sum.longest, counts.longest),
    }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
