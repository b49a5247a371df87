import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { npm } from "../../scripts/lib/install.mjs";
import { type Finished, run } from "../../scripts/lib/processes.mjs";
import { inProject, root } from "../../scripts/lib/project.mjs";
import { writeFiles } from "../support/temporary-folder.ts";

const QUIET = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];

/** Packs what would be published (and builds it first: the `prepack` script). @returns Path of the tarball. */
export async function packTarball(folder: string): Promise<string> {
  await succeed(npm(["pack", "--loglevel=error", "--pack-destination", folder], { cwd: root }));
  const tarball = readdirSync(folder).find((file) => file.endsWith(".tgz"));
  if (tarball === undefined) throw new Error(`npm pack left no tarball in ${folder}.`);
  return join(folder, tarball);
}

/** Makes an application in an empty folder that has the tarball installed and nothing else. */
export async function makeConsumer(folder: string, tarball: string): Promise<void> {
  await writeFiles(folder, { "package.json": '{ "name": "consumer", "private": true, "type": "module" }\n' });
  await installInto(folder, [tarball]);
}

/** Installs packages in the versions that the project itself is tested with. */
export async function installTested(folder: string, names: readonly string[]): Promise<void> {
  const manifest = JSON.parse(readFileSync(inProject("package.json"), "utf8")) as {
    devDependencies: Record<string, string>;
  };
  await installInto(
    folder,
    names.map((name) => `${name}@${manifest.devDependencies[name] ?? "missing"}`),
  );
}

async function installInto(folder: string, specifiers: readonly string[]): Promise<void> {
  await succeed(npm(["install", ...QUIET, ...specifiers], { cwd: folder }));
}

/** Runs a script of the application. @returns What it printed; throws when it failed. */
export function runScript(folder: string, file: string, args: readonly string[] = []): Promise<string> {
  return succeed(run(process.execPath, ["--no-warnings", file, ...args], { cwd: folder }));
}

async function succeed(finished: Promise<Finished>): Promise<string> {
  const { status, output } = await finished;
  if (status !== 0) throw new Error(`Ended with status ${status}:\n${output}`);
  return output;
}
