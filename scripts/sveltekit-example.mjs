// @ts-check
// The applications on SvelteKit: the example, and the one of the tests. Each is built once for each state of
// its sources.
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lock } from "proper-lockfile";
import { installExample } from "./lib/install.mjs";
import { run } from "./lib/processes.mjs";
import { inProject, readJson } from "./lib/project.mjs";

const example = inProject("examples", "sveltekit");
const GENERATED = new Set(["node_modules", ".svelte-kit", "build", ".cache", "test"]);
const MINUTE = 60_000;

/**
 * Builds the application of the tests, unless it is built already.
 *
 * @returns {Promise<string>} Folder of the built server.
 */
export function buildTestApplication() {
  return locked(async () => {
    const sources = inProject("test", "examples", "sveltekit", "application");
    // Within the example, whose packages it needs.
    const folder = join(example, ".cache", "application");
    const hash = hashOf([sources]);
    if (!isBuilt(folder, hash)) {
      rmSync(folder, { recursive: true, force: true });
      cpSync(sources, folder, { recursive: true });
      await build(folder, hash);
    }
    return join(folder, "build");
  });
}

/**
 * Builds the example, unless it is built already.
 *
 * @returns {Promise<string>} Folder of the built server.
 */
export function buildExample() {
  return locked(async () => {
    const hash = hashOf([example, inProject("examples", "shared"), inProject("src")]);
    if (!isBuilt(example, hash)) {
      await provideSojourn();
      await build(example, hash);
    }
    return join(example, "build");
  });
}

/**
 * Another process that builds is waited for.
 *
 * @template Result
 * @param {() => Promise<Result>} work
 */
async function locked(work) {
  mkdirSync(join(example, ".cache"), { recursive: true });
  const release = await lock(example, {
    lockfilePath: join(example, ".cache", "lock"),
    retries: { retries: 600, minTimeout: 500, maxTimeout: 500 },
    stale: MINUTE,
  });
  try {
    if (!(await installExample("sveltekit")))
      throw new Error("The packages of examples/sveltekit are missing.");
    return await work();
  } finally {
    await release();
  }
}

/** Puts the package, with its dependencies, where npm would. */
async function provideSojourn() {
  const { status, output } = await run(process.execPath, [inProject("scripts", "build.mjs")]);
  if (status !== 0) throw new Error(`Cannot build the package:\n${output}`);
  const target = join(example, "node_modules", "sojourn");
  rmSync(target, { recursive: true, force: true });
  cpSync(inProject("dist"), join(target, "dist"), { recursive: true });
  cpSync(inProject("package.json"), join(target, "package.json"));
  // SvelteKit has another version of one of them.
  for (const dependency of Object.keys(readJson(inProject("package.json")).dependencies))
    cpSync(inProject("node_modules", dependency), join(target, "node_modules", dependency), {
      recursive: true,
    });
}

/** @param {string} folder @param {string} hash */
function isBuilt(folder, hash) {
  const stamp = join(folder, "build", "sources");
  return existsSync(stamp) && readFileSync(stamp, "utf8") === hash;
}

/** @param {string} folder @param {string} hash */
async function build(folder, hash) {
  const vite = join(example, "node_modules", "vite", "bin", "vite.js");
  const { status, output } = await run(process.execPath, [vite, "build"], {
    cwd: folder,
    env: { NODE_ENV: "production" },
  });
  if (status !== 0) throw new Error(`SvelteKit cannot build ${folder}:\n${output}`);
  writeFileSync(join(folder, "build", "sources"), hash);
}

/** @param {readonly string[]} folders */
function hashOf(folders) {
  const hash = createHash("sha256").update(readFileSync(join(example, "package-lock.json")));
  for (const path of folders.flatMap((folder) => filesIn(folder)))
    hash.update(path).update(readFileSync(path));
  return hash.digest("hex");
}

/** @param {string} folder @returns {string[]} */
function filesIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (GENERATED.has(entry.name)) return [];
    return entry.isDirectory() ? filesIn(path) : [path];
  });
}
