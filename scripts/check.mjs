// @ts-check
// npm run check: the whole gate, one line a step, output only of what fails.
//
//   node scripts/check.mjs [--without=STEP ...] [--verbose]
import { installPackages } from "./lib/install.mjs";
import { inProject } from "./lib/project.mjs";
import { run } from "./lib/processes.mjs";

/** @typedef {{ name: string, script: readonly string[], args?: readonly string[] }} Step */

/** @type {readonly Step[]} */
const steps = [
  { name: "format", script: ["node_modules", "oxfmt", "bin", "oxfmt"], args: ["--check"] },
  { name: "lint", script: ["node_modules", "oxlint", "bin", "oxlint"] },
  {
    name: "types",
    script: ["node_modules", "@typescript", "native", "bin", "tsc"],
    args: ["--project", "tsconfig.json"],
  },
  { name: "build", script: ["scripts", "build.mjs"] },
  { name: "publint", script: ["node_modules", "publint", "src", "cli.js"], args: ["--strict"] },
  {
    name: "attw",
    script: ["node_modules", "@arethetypeswrong", "cli", "dist", "index.js"],
    args: ["--pack", ".", "--profile", "esm-only"],
  },
  // With the package, documentation and example checks, which are projects of vitest.
  { name: "tests", script: ["scripts", "test.mjs"], args: ["--all"] },
];

const isVerbose = process.argv.includes("--verbose");
const left = process.argv.flatMap((argument) => /^--without=(.+)$/.exec(argument)?.[1] ?? []);

process.exitCode = (await installPackages()) ? await check() : 1;

async function check() {
  const began = performance.now();
  /** @type {string[]} */
  const failed = [];
  for (const step of steps.filter(({ name }) => !left.includes(name))) {
    if (!(await passes(step))) failed.push(step.name);
  }
  const summary = failed.length === 0 ? "The gate is green" : `The gate is red (${failed.join(", ")})`;
  console.log(`${summary} after ${seconds(began)}.`);
  return failed.length === 0 ? 0 : 1;
}

/** @param {Step} step */
async function passes({ name, script, args = [] }) {
  const began = performance.now();
  const { status, output } = await run(process.execPath, [inProject(...script), ...args]);
  console.log(
    `${status === 0 ? "ok  " : "FAIL"}  ${name.padEnd(8)} ${seconds(began).padStart(8)}  ${lastLine(name, output)}`,
  );
  if (isVerbose || status !== 0) console.log(output.trimEnd());
  return status === 0;
}

/** @param {number} began */
function seconds(began) {
  return `${((performance.now() - began) / 1000).toFixed(1)} s`;
}

/** @param {string} name @param {string} output */
function lastLine(name, output) {
  return name === "tests" ? (output.trimEnd().split("\n").at(-1) ?? "") : "";
}
