import { installInto, succeed, testedVersions } from "../../scripts/lib/application.mjs";
import { run } from "../../scripts/lib/processes.mjs";
import { writeFiles } from "../support/temporary-folder.ts";

export { packTarball } from "../../scripts/lib/application.mjs";

/** Makes an application in an empty folder that has the tarball installed and nothing else. */
export async function makeConsumer(folder: string, tarball: string): Promise<void> {
  await writeFiles(folder, { "package.json": '{ "name": "consumer", "private": true, "type": "module" }\n' });
  await installInto(folder, [tarball]);
}

/** Installs packages in the versions that the project itself is tested with. */
export async function installTested(folder: string, names: readonly string[]): Promise<void> {
  await installInto(folder, testedVersions(names));
}

/** Runs a script of the application. @returns What it printed; throws when it failed. */
export function runScript(folder: string, file: string, args: readonly string[] = []): Promise<string> {
  return succeed(run(process.execPath, ["--no-warnings", file, ...args], { cwd: folder }));
}
