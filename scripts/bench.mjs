// @ts-check
// npm run bench:cache, bench:http, bench:memory, bench:session: builds the package, installs what it is
// compared with, and runs a benchmark of bench/.
//
//   node scripts/bench.mjs NAME [options of the benchmark]
import { existsSync } from "node:fs";
import { installPackages, npm } from "./lib/install.mjs";
import { inProject, readJson, say } from "./lib/project.mjs";
import { run } from "./lib/processes.mjs";
import { provideServices } from "./services.mjs";

const peers = inProject("bench", "peers");
/** Benchmarks that compare with other libraries. */
const needsPeers = new Set(["cache", "http"]);
const [name = "", ...options] = process.argv.slice(2);

process.exitCode = (await prepare()) ? await bench() : 1;

async function bench() {
  const { status } = await run(process.execPath, [inProject("bench", name, "main.mjs"), ...options], {
    inherit: true,
  });
  return status;
}

async function prepare() {
  if (!(await installPackages())) return false;
  if (needsPeers.has(name) && !(await installPeers())) return false;
  const missing = await provideServices(["integration"]);
  return !missing.some((service) => service.name === "redis-server") && (await build());
}

/**
 * The libraries that Sojourn is compared with, in a folder of their own: nothing else needs them.
 */
async function installPeers() {
  if (peersAreInstalled()) return true;
  say("Installing the libraries to compare with (npm ci in bench/peers) ...");
  const { status, output } = await npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: peers });
  if (status !== 0) say(`Cannot install them: npm ci ended with status ${status}.\n${output.trimEnd()}`);
  return status === 0;
}

/**
 * Their versions are pinned, so the manifest says all. npm writes its own lock file when it has
 * finished.
 */
function peersAreInstalled() {
  if (!existsSync(inProject("bench", "peers", "node_modules", ".package-lock.json"))) return false;
  const installed = readJson(inProject("bench", "peers", "node_modules", ".package-lock.json")).packages;
  const wanted = Object.entries(readJson(inProject("bench", "peers", "package.json")).dependencies);
  return wanted.every(([library, version]) => installed[`node_modules/${library}`]?.version === version);
}

/** Measures the compiled package, as published. */
async function build() {
  const { status, output } = await run(process.execPath, [inProject("scripts", "build.mjs")]);
  if (status !== 0) say(`Cannot build the package:\n${output.trimEnd()}`);
  return status === 0;
}
