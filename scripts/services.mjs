// @ts-check
// What the tests need beyond npm packages: taken from PATH (databases also from where Debian has them), else installed
// from the system's packages when this is root or CI. Nothing is downloaded in any other way, and no server is started
// here: each test starts its own, on a free port or socket in a temporary folder. A server that a package may have
// started by itself is left alone.
import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { isCi, say } from "./lib/project.mjs";
import { run } from "./lib/processes.mjs";

const POSTGRESQL_FOLDER = "/usr/lib/postgresql";

/** Where Debian has servers that a user's PATH does not lead to: of PostgreSQL, the newest version. */
function listDatabaseFolders() {
  const versions = listFolder(POSTGRESQL_FOLDER).toSorted((left, right) => Number(right) - Number(left));
  return [...versions.map((version) => join(POSTGRESQL_FOLDER, version, "bin")), "/usr/sbin"];
}

/** @param {string} folder */
function listFolder(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/**
 * @typedef {object} Service
 * @property {string} name
 * @property {readonly string[]} commands Any one of them will do.
 * @property {boolean} [isDatabase] It may be where {@link findDatabaseCommand} looks.
 * @property {readonly string[]} [probe] Arguments with which the command has to succeed.
 * @property {string} aptPackage
 * @property {readonly string[]} projects The vitest projects that use it.
 */

/** @type {readonly Service[]} */
export const services = [
  {
    name: "redis-server",
    commands: ["redis-server"],
    aptPackage: "redis-server",
    projects: ["integration", "faults", "interop", "examples"],
  },
  {
    name: "postgresql",
    commands: ["postgres"],
    isDatabase: true,
    aptPackage: "postgresql",
    projects: ["integration"],
  },
  {
    name: "mariadb-server",
    commands: ["mariadbd"],
    isDatabase: true,
    // Without the package mariadb-server, which starts a server of its own.
    aptPackage: "mariadb-server-core",
    projects: ["integration"],
  },
  {
    name: "chromium",
    commands: ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"],
    aptPackage: "chromium",
    projects: ["examples"],
  },
  {
    name: "python3 with venv",
    commands: ["python3"],
    probe: ["-c", "import ensurepip, venv"],
    aptPackage: "python3-venv",
    projects: ["interop"],
  },
];

/**
 * Finds a command on PATH.
 *
 * @param {readonly string[]} commands In order of preference.
 * @returns {string | undefined} Its path.
 */
export function findCommand(commands) {
  return findIn(
    (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== ""),
    commands,
  );
}

/**
 * Finds a command of a database on PATH, or where Debian's packages put it.
 *
 * @param {readonly string[]} commands In order of preference.
 * @returns {string | undefined} Its path.
 */
export function findDatabaseCommand(commands) {
  return findCommand(commands) ?? findIn(listDatabaseFolders(), commands);
}

/** @param {readonly string[]} folders @param {readonly string[]} commands */
function findIn(folders, commands) {
  return commands.flatMap((command) => folders.map((folder) => join(folder, command))).find(isExecutable);
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes sure that the services of some test projects can be started. Quiet when they are there.
 *
 * @param {readonly string[]} projects Names of vitest projects; none stands for all.
 * @returns {Promise<readonly Service[]>} The services that are still missing; each has been named in one line.
 */
export async function provideServices(projects = []) {
  const needed = services.filter((service) => projects.length === 0 || uses(service, projects));
  const missing = await absent(needed);
  if (missing.length === 0) return [];
  const obstacle = await installFromSystem(missing);
  const stillMissing = await absent(missing);
  for (const service of stillMissing) say(missingLine(service, obstacle));
  return stillMissing;
}

/** @param {Service} service @param {readonly string[]} projects */
function uses(service, projects) {
  return service.projects.some((project) => projects.includes(project));
}

/** @param {readonly Service[]} candidates */
async function absent(candidates) {
  const present = await Promise.all(candidates.map(isPresent));
  return candidates.filter((_, index) => !present[index]);
}

/** @param {Service} service */
async function isPresent(service) {
  const command = (service.isDatabase ? findDatabaseCommand : findCommand)(service.commands);
  if (command === undefined) return false;
  return service.probe === undefined || (await run(command, service.probe)).status === 0;
}

/**
 * @param {readonly Service[]} missing
 * @returns {Promise<string | undefined>} What stood in the way.
 */
async function installFromSystem(missing) {
  const aptGet = findCommand(["apt-get"]);
  if (aptGet === undefined) return "there is no apt-get here";
  const prefix = await rootPrefix();
  if (prefix === undefined) return "installing needs root, or CI=true and sudo without a password";
  const packages = missing.map((service) => service.aptPackage);
  say(`Installing ${packages.join(", ")} with apt-get ...`);
  const [command, ...args] = [...prefix, "env", "DEBIAN_FRONTEND=noninteractive", aptGet];
  // Without fresh lists, apt asks for versions that the mirror no longer has. When this fails the next step tells.
  await run(command, [...args, "update", "-qq"]);
  const { status, output } = await run(command, [
    ...args,
    "install",
    "-y",
    "-qq",
    "--no-install-recommends",
    ...packages,
  ]);
  return status === 0 ? undefined : `apt-get install: ${firstAptError(output) ?? `status ${status}`}`;
}

/** @returns {Promise<string[] | undefined>} What makes a command run as root. */
async function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  if (!isCi) return undefined;
  const sudo = findCommand(["sudo"]);
  if (sudo === undefined || (await run(sudo, ["-n", "true"])).status !== 0) return undefined;
  return [sudo, "-n"];
}

/** @param {string} output */
function firstAptError(output) {
  return /^E: (.+)$/m.exec(output)?.[1];
}

/** @param {Service} service @param {string | undefined} obstacle */
function missingLine(service, obstacle) {
  const reason = obstacle === undefined ? "" : ` (${obstacle})`;
  const effect = isCi ? "its tests fail" : "its tests are skipped";
  return `${service.name} is missing${reason}: ${effect}. Install the package ${service.aptPackage} to run them.`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const missing = await provideServices(process.argv.slice(2));
  process.exitCode = missing.length === 0 ? 0 : 1;
}
