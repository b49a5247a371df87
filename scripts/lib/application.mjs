// @ts-check
// An application that has the package installed as npm would publish it.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { withoutOtherBuilds } from "./dist-lock.mjs";
import { npm } from "./install.mjs";
import { inProject, readJson, root } from "./project.mjs";

const QUIET = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];

/**
 * Packs what would be published (and builds it first: the `prepack` script).
 *
 * @param {string} folder
 * @returns {Promise<string>} Path of the tarball.
 */
export async function packTarball(folder) {
  await withoutOtherBuilds(() =>
    succeed(npm(["pack", "--loglevel=error", "--pack-destination", folder], { cwd: root })),
  );
  const tarball = readdirSync(folder).find((file) => file.endsWith(".tgz"));
  if (tarball === undefined) throw new Error(`npm pack left no tarball in ${folder}.`);
  return join(folder, tarball);
}

/**
 * Installs packages in the application of a folder.
 *
 * @param {string} folder
 * @param {readonly string[]} specifiers
 */
export async function installInto(folder, specifiers) {
  await succeed(npm(["install", ...QUIET, ...specifiers], { cwd: folder }));
}

/**
 * The packages in the versions that the project itself is tested with.
 *
 * @param {readonly string[]} names
 * @returns {string[]} Specifiers for {@link installInto}.
 */
export function testedVersions(names) {
  const { devDependencies } = readJson(inProject("package.json"));
  const versions = { ...versionsOfExamples(), ...devDependencies };
  return names.map((name) => `${name}@${versions[name] ?? "missing"}`);
}

/**
 * Versions in the examples that have packages of their own.
 *
 * @returns {Record<string, string>} By the names of the packages.
 */
function versionsOfExamples() {
  const manifests = readdirSync(inProject("examples"))
    .map((name) => inProject("examples", name, "package.json"))
    .filter((path) => existsSync(path));
  const versions = manifests.map(readJson).map((each) => ({ ...each.devDependencies, ...each.dependencies }));
  return Object.assign({}, ...versions);
}

/**
 * @param {Promise<import("./processes.mjs").Finished>} finished
 * @returns {Promise<string>} Its output; throws if it failed.
 */
export async function succeed(finished) {
  const { status, output } = await finished;
  if (status !== 0) throw new Error(`Ended with status ${status}:\n${output}`);
  return output;
}
