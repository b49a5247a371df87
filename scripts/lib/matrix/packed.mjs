// @ts-check
// The tests of test/matrix on the package as npm installs it, with the test runner of the runtime itself.
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installInto, packTarball, testedVersions } from "../application.mjs";
import { inProject } from "../project.mjs";
import { run } from "../processes.mjs";

/** Only ends what hangs, in milliseconds. */
const TIMEOUT = 5 * 60_000;

const TESTS = ["promises.test.mjs", "adapters.test.mjs"];
const FILES = [...TESTS, "process.mjs", "web-answers.mjs"];
const PACKAGES = ["@redis/client", "hono", "@hono/node-server"];

/**
 * Makes an application that has the package, packed just now, and the tests. The caller deletes it.
 *
 * @returns {Promise<string>} Its folder.
 */
export async function makePackedApplication() {
  const folder = mkdtempSync(join(tmpdir(), "sojourn-packed-"));
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  for (const file of FILES) cpSync(inProject("test", "matrix", file), join(folder, file));
  await installInto(folder, [await packTarball(folder), ...testedVersions(PACKAGES)]);
  return folder;
}

/**
 * @typedef {object} Counts
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {string} output
 */

/**
 * Runs the tests on a server of their own.
 *
 * @param {string} application
 * @param {{ command: string, version: string, runtime: import("./runtimes.mjs").Runtime }} on
 * @param {{ folder: string, version: string }} server
 * @returns {Promise<Counts[]>} One for each file of tests.
 */
export async function testPacked(application, { command, version, runtime }, server) {
  const scratch = mkdtempSync(join(tmpdir(), "sojourn-matrix-"));
  const { port, child } = await startServer(join(server.folder, "redis-server"), scratch);
  const counts = [];
  try {
    const env = {
      REDIS_URL: `redis://127.0.0.1:${port}`,
      SOJOURN_RUNTIME_VERSION: version,
      SOJOURN_SERVER_VERSION: server.version.split(" ")[1] ?? "",
    };
    for (const test of TESTS) {
      const report = join(scratch, `${test}.xml`);
      const { status, output } = await run(command, runtime.test(test, report), {
        cwd: application,
        env,
        timeout: TIMEOUT,
      });
      const xml = readReport(report);
      counts.push({ ...countIn(xml, status), output: output + xml });
    }
  } finally {
    child.kill("SIGKILL");
    rmSync(scratch, { recursive: true, force: true });
  }
  return counts;
}

/**
 * @param {string} report
 * @returns {string} Empty after a crash: the status of the runner counts then.
 */
function readReport(report) {
  try {
    return readFileSync(report, "utf8");
  } catch {
    return "";
  }
}

/**
 * @param {string} xml
 * @param {number} status
 */
function countIn(xml, status) {
  const cases = [...xml.matchAll(/<testcase\b(?:"[^"]*"|[^">])*?(?:\/>|>([\s\S]*?)<\/testcase>)/g)].map(
    ([, body = ""]) => body,
  );
  const failed = cases.filter((body) => /<(failure|error)\b/.test(body)).length;
  const skipped = cases.filter((body) => /<skipped\b/.test(body)).length;
  const passed = cases.length - failed - skipped;
  // A failure outside of any test counts as one, and so does a run without tests.
  const isUntold = failed === 0 && (status !== 0 || passed === 0);
  return { passed, skipped, failed: failed + (isUntold ? 1 : 0) };
}

/**
 * @param {string} command
 * @param {string} folder
 */
async function startServer(command, folder) {
  const port = await freePort();
  const child = spawn(
    command,
    ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const stop = () => child.kill("SIGKILL");
  process.once("exit", stop);
  child.once("exit", () => process.off("exit", stop));
  await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${command} ended with ${code}.`)));
    child.stdout.on(
      "data",
      (chunk) => /ready to accept connections/i.test(String(chunk)) && resolve(undefined),
    );
  });
  return { port, child };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}
