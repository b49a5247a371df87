// @ts-check
// npm run matrix: the tests on every runtime and every server, and a table of what they gave.
//
//   node scripts/matrix.mjs [--runtime=NAME ...] [--server=NAME ...] [--short]
//
// Runtimes: node-20, node-22, node-24, node-26, bun, deno. Servers: redis-7, redis-8, valkey-9, and
// "none" for what needs no server. Without names, all of them. --short runs the packed package
// alone, on each runtime with one of the servers.
//
// The table is Markdown. The output of a cell is in .cache/matrix/logs. The status is 1 when a cell
// has failed, or when a runtime or server that was asked for by name, or in CI, cannot be had.
import { rmSync } from "node:fs";
import { installPackages } from "./lib/install.mjs";
import { cellsFor, parseMatrix } from "./lib/matrix/cells.mjs";
import { runCell } from "./lib/matrix/cell.mjs";
import { makePackedApplication } from "./lib/matrix/packed.mjs";
import { provideRuntime, versionOf } from "./lib/matrix/runtimes.mjs";
import { provideServer } from "./lib/matrix/servers.mjs";
import { describeCell, toTable } from "./lib/matrix/table.mjs";
import { isCi, say } from "./lib/project.mjs";

/** @typedef {import("./lib/matrix/table.mjs").Result} Result */

process.exitCode = await main();

async function main() {
  const wanted = parseMatrix(process.argv.slice(2));
  if (typeof wanted === "string") {
    say(wanted);
    return 1;
  }
  if (!(await installPackages())) return 1;
  const { results, isComplete, isStopped } = await runAll(wanted);
  console.log(`\n${toTable(results)}\n`);
  const [passed, failed, skipped] = ["passed", "failed", "skipped"].map((name) => sum(results, name));
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed === 0 && results.length > 0 && !isStopped && (isComplete || !(isCi || wanted.isNamed))
    ? 0
    : 1;
}

/** @param {import("./lib/matrix/cells.mjs").Wanted} wanted */
async function runAll(wanted) {
  const application = wanted.servers.length > 0 ? await makePackedApplication() : "";
  try {
    return await runCells(wanted, application);
  } finally {
    if (application !== "") rmSync(application, { recursive: true, force: true });
  }
}

/**
 * @param {import("./lib/matrix/cells.mjs").Wanted} wanted
 * @param {string} application Folder of the application that has the packed package.
 */
async function runCells(wanted, application) {
  /** @type {Result[]} */
  const results = [];
  let isComplete = true;
  let isStopped = false;
  // The cell that runs gets the signal as well.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => (isStopped = true));
  for (const { runtime, servers } of cellsFor(wanted)) {
    const command = await provideRuntime(runtime);
    isComplete &&= command !== undefined;
    if (command === undefined) continue;
    const on = { runtime, command, version: await versionOf(command) };
    for (const server of servers) {
      if (isStopped) return { results, isComplete, isStopped };
      const provided = server === "none" ? undefined : await provideServer(server);
      isComplete &&= provided !== undefined || server === "none";
      if (provided === undefined && server !== "none") continue;
      const result = await runCell({ on, server: provided, application, isShort: wanted.isShort });
      results.push(result);
      say(describeCell(result));
    }
  }
  return { results, isComplete, isStopped };
}

/** @param {readonly Result[]} results @param {string} name */
function sum(results, name) {
  return results.reduce((total, result) => total + /** @type {any} */ (result)[name], 0);
}
