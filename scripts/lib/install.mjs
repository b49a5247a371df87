// @ts-check
import { existsSync } from "node:fs";
import { join } from "node:path";
import { inProject, readJson, root, say } from "./project.mjs";
import { run } from "./processes.mjs";

/**
 * Installs the npm packages of the lock file unless they are there already.
 *
 * @returns {Promise<boolean>} Whether the packages are there.
 */
export async function installPackages() {
  if (packagesAreInstalled(root)) return true;
  say("Installing npm packages (npm ci) ...");
  // A NODE_ENV of "production" would leave out the tools that this very script is about to start.
  const { status, output } = await npm([
    "ci",
    "--include=dev",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ]);
  if (status === 0) return true;
  const reason = firstNpmError(output);
  say(
    `Cannot install the npm packages: npm ci ended with status ${status}${reason}. Run "npm ci" to see all of it.`,
  );
  return false;
}

/**
 * Installs the npm packages of an example that has a lock file of its own, unless they are there
 * already.
 *
 * @param {string} name Name of its folder.
 * @returns {Promise<boolean>} Whether the packages are there.
 */
export async function installExample(name) {
  const folder = inProject("examples", name);
  if (packagesAreInstalled(folder)) return true;
  const { status, output } = await npm(
    ["ci", "--include=dev", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"],
    { cwd: folder },
  );
  if (status === 0) return true;
  say(
    `Cannot install the packages of examples/${name}: npm ci ended with status ${status}${firstNpmError(output)}.`,
  );
  return false;
}

/**
 * Runs npm: the one that started this script, where there is one.
 *
 * @param {readonly string[]} args
 * @param {Parameters<typeof run>[2]} [options]
 */
export function npm(args, options) {
  const script = process.env["npm_execpath"] ?? "";
  const isNpm = /npm-cli\.[cm]?js$/.test(script);
  return isNpm ? run(process.execPath, [script, ...args], options) : run("npm", args, options);
}

/**
 * Compares the lock file with the one that npm leaves in node_modules when it has finished. Contents, not
 * dates: a checkout gives files new dates. Optional packages may be absent, since most belong to other
 * platforms.
 *
 * @param {string} folder
 */
function packagesAreInstalled(folder) {
  const installedLock = join(folder, "node_modules", ".package-lock.json");
  if (!existsSync(installedLock)) return false;
  const installed = readJson(installedLock).packages;
  const wanted = Object.entries(readJson(join(folder, "package-lock.json")).packages);
  return wanted.every(([path, entry]) => path === "" || isSamePackage(entry, installed[path]));
}

/**
 * @param {{ version?: string, integrity?: string, optional?: boolean }} wanted
 * @param {{ version?: string, integrity?: string } | undefined} installed
 */
function isSamePackage(wanted, installed) {
  if (installed === undefined) return wanted.optional === true;
  return installed.version === wanted.version && installed.integrity === wanted.integrity;
}

/** @param {string} output */
function firstNpmError(output) {
  const line = /^npm error (?!code )(.+)$/m.exec(output)?.[1] ?? output.trim().split("\n")[0];
  return line ? ` (${line})` : "";
}
