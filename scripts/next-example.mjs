// @ts-check
// node scripts/next-example.mjs: installs and builds the example of Next, once for each state of its
// sources.
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { lock } from "proper-lockfile";
import { succeed } from "./lib/application.mjs";
import { runBundler } from "./lib/bundler.mjs";
import { withoutOtherBuilds } from "./lib/dist-lock.mjs";
import { installExample } from "./lib/install.mjs";
import { run } from "./lib/processes.mjs";
import { inProject, say } from "./lib/project.mjs";

const folder = inProject("examples", "next");
const SOURCES = ["src", "examples/shared", "examples/next", "scripts/build.mjs", "package.json"];
const NOT_SOURCES = /(^|\/)(node_modules|\.next|\.cache|test|README\.md|next-env\.d\.ts|.*\.test(-d)?\.ts)$/;
const MINUTE = 60_000;

/**
 * Builds the example, unless it is built from the same sources already. Another process that builds
 * it is waited for.
 *
 * @returns {Promise<string>} Its folder.
 */
export async function buildNextExample() {
  await locked(() => buildOnce(folder, SOURCES));
  return folder;
}

/**
 * Builds an application of tests with the packages of the example, unless it is built already.
 *
 * @param {string} sources Its folder, relative to the project.
 * @returns {Promise<string>} The folder of the built application.
 */
export async function buildNextApplication(sources) {
  const target = join(folder, ".cache", basename(sources));
  await locked(async () => {
    for (const entry of readdirSync(inProject(sources)))
      cpSync(inProject(sources, entry), join(target, entry), { recursive: true });
    await buildOnce(target, ["src", sources, "scripts/build.mjs", "package.json"]);
  });
  return target;
}

/** @param {() => Promise<void>} work */
async function locked(work) {
  mkdirSync(inProject(".cache"), { recursive: true });
  const release = await lock(inProject(".cache"), {
    lockfilePath: inProject(".cache", "next-example.lock"),
    retries: { retries: 600, minTimeout: 500, maxTimeout: 500 },
    stale: MINUTE,
  });
  try {
    if (!(await installExample("next"))) throw new Error("The packages of examples/next are missing.");
    await work();
  } finally {
    await release();
  }
}

/**
 * @param {string} application Its folder.
 * @param {readonly string[]} sources
 */
async function buildOnce(application, sources) {
  const buildStamp = join(application, ".next", "sources");
  const hash = hashOf(sources);
  if (existsSync(buildStamp) && readFileSync(buildStamp, "utf8") === hash) return;
  await build(application);
  writeFileSync(buildStamp, hash);
}

/** @param {string} application Its folder. */
async function build(application) {
  await withoutOtherBuilds(async () => {
    await succeed(run(process.execPath, [inProject("scripts", "build.mjs")]));
    provideSojourn();
  });
  rmSync(join(application, ".next"), { recursive: true, force: true });
  await runBundler(application, [join(folder, "node_modules", "next", "dist", "bin", "next"), "build"], {
    cwd: application,
    env: {
      NODE_ENV: "production",
      NEXT_TELEMETRY_DISABLED: "1",
      // The build evaluates the module that reads it, and keeps nothing of it.
      SECRET_KEY: "a secret of the build, which opens no session",
    },
  });
}

/** Puts the package where npm would: as a copy, since a link would lead back into the project. */
function provideSojourn() {
  const target = join(folder, "node_modules", "sojourn");
  rmSync(target, { recursive: true, force: true });
  cpSync(inProject("dist"), join(target, "dist"), { recursive: true });
  cpSync(inProject("package.json"), join(target, "package.json"));
}

/** @param {readonly string[]} sources */
function hashOf(sources) {
  const hash = createHash("sha256");
  for (const path of sources.flatMap((source) => filesIn(source)))
    hash.update(`${path}\n`).update(readFileSync(inProject(path)));
  return hash.digest("hex");
}

/**
 * @param {string} path Relative to the project.
 * @returns {string[]}
 */
function filesIn(path) {
  if (!existsSync(inProject(path)) || NOT_SOURCES.test(path)) return [];
  const entries = readdirOf(path);
  if (entries === undefined) return [path];
  return entries.toSorted().flatMap((entry) => filesIn(`${path}/${entry}`));
}

/** @param {string} path @returns {string[] | undefined} `undefined` for a file. */
function readdirOf(path) {
  try {
    return readdirSync(inProject(path));
  } catch {
    return undefined;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) say(`Built: ${await buildNextExample()}`);
