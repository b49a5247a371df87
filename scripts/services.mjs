// @ts-check
// Requirements of the tests beyond npm packages: taken from PATH (databases also from where Debian has
// them), else installed from the system's packages when this is root or CI. A Redis that is newer
// than those is built from its source, for the user alone (lib/recent-redis.mjs). Nothing is
// downloaded in any other way, and no server is started here: each test starts its own, on a free
// port or socket in a temporary folder. A server that a package may have started by itself is left
// alone.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { findCommand, findIn } from "./lib/commands.mjs";
import { isCi, say } from "./lib/project.mjs";
import { run } from "./lib/processes.mjs";
import { buildRecentRedis, buildTools, findRecentRedis } from "./lib/recent-redis.mjs";

export { findCommand } from "./lib/commands.mjs";

const POSTGRESQL_FOLDER = "/usr/lib/postgresql";

/** Folders of Debian's servers outside of a user's PATH: the newest version of PostgreSQL. */
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
 * @typedef {object} Tool
 * @property {readonly string[]} commands Any one of them will do.
 * @property {boolean} [isDatabase] It may be where {@link findDatabaseCommand} looks.
 * @property {readonly string[]} [probe] Arguments with which the command has to succeed.
 * @property {readonly string[]} aptPackages
 */

/**
 * @typedef {object} Service
 * @property {string} name
 * @property {readonly string[]} projects The vitest projects that use it.
 * @property {readonly Tool[]} tools Its programs, or the tools that build it.
 * @property {() => string | undefined} [find] Finds what was built.
 * @property {() => Promise<string | undefined>} [build] Gives what stood in the way.
 */

/** @type {readonly Service[]} */
export const services = [
  {
    name: "redis-server",
    tools: [{ commands: ["redis-server"], aptPackages: ["redis-server"] }],
    projects: [
      "promises",
      "frameworks",
      "engines",
      "integration",
      "faults",
      "interop",
      "browser",
      "examples",
    ],
  },
  {
    name: "redis-server 7.4 or newer",
    tools: buildTools,
    find: findRecentRedis,
    build: buildRecentRedis,
    projects: ["engines", "integration"],
  },
  {
    name: "postgresql",
    tools: [{ commands: ["postgres"], isDatabase: true, aptPackages: ["postgresql"] }],
    projects: ["engines", "integration", "interop", "faults"],
  },
  {
    name: "mariadb-server",
    // Without the package mariadb-server, which starts a server of its own.
    tools: [{ commands: ["mariadbd"], isDatabase: true, aptPackages: ["mariadb-server-core"] }],
    projects: ["engines", "integration", "interop", "faults"],
  },
  {
    name: "memcached",
    tools: [{ commands: ["memcached"], aptPackages: ["memcached"] }],
    projects: ["engines", "integration"],
  },
  {
    name: "pgbouncer",
    tools: [{ commands: ["pgbouncer"], isDatabase: true, aptPackages: ["pgbouncer"] }],
    projects: ["engines"],
  },
  {
    name: "apache2",
    // Without the package apache2, which starts a server of its own. Its command stands where those
    // of databases do.
    tools: [{ commands: ["apache2"], isDatabase: true, aptPackages: ["apache2-bin"] }],
    projects: ["promises", "integration"],
  },
  {
    name: "chromium",
    tools: [
      {
        commands: ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"],
        aptPackages: ["chromium"],
      },
    ],
    projects: ["browser", "examples"],
  },
  {
    name: "python3 with venv",
    tools: [
      { commands: ["python3"], probe: ["-c", "import ensurepip, venv"], aptPackages: ["python3-venv"] },
    ],
    projects: ["interop"],
  },
];

/**
 * Finds a command of a database on PATH, or where Debian's packages put it.
 *
 * @param {readonly string[]} commands In order of preference.
 * @returns {string | undefined} Its path.
 */
export function findDatabaseCommand(commands) {
  return findCommand(commands) ?? findIn(listDatabaseFolders(), commands);
}

/**
 * Makes sure that the services of some test projects can be started. Quiet when they are there.
 *
 * @param {readonly string[]} projects Names of vitest projects; none stands for all.
 * @returns {Promise<readonly Service[]>} The services that are still missing; each has been named
 *   in one line.
 */
export async function provideServices(projects = []) {
  const needed = services.filter((service) => projects.length === 0 || uses(service, projects));
  const missing = await absent(needed);
  if (missing.length === 0) return [];
  const obstacle = await installFromSystem(await packagesFor(missing));
  /** @type {Service[]} */
  const stillMissing = [];
  for (const service of missing) {
    const problem = await problemWith(service, obstacle);
    if (problem === undefined) continue;
    stillMissing.push(service);
    say(missingLine(service, problem));
  }
  return stillMissing;
}

/**
 * Checks a service after the installation of packages, and builds it if necessary.
 *
 * @param {Service} service
 * @param {string | undefined} obstacle Obstacle to the installation.
 * @returns {Promise<string | undefined>} A sentence's end; `undefined` when it is there.
 */
async function problemWith(service, obstacle) {
  const tools = await missingTools(service);
  if (tools.length > 0) return obstacle === undefined ? "" : ` (${obstacle})`;
  const failure = await service.build?.();
  return failure === undefined ? undefined : ` (${failure})`;
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
  if (service.find) return service.find() !== undefined;
  return (await missingTools(service)).length === 0;
}

/** @param {Service} service */
async function missingTools({ tools }) {
  const present = await Promise.all(tools.map(isUsable));
  return tools.filter((_, index) => !present[index]);
}

/** @param {Tool} tool */
async function isUsable({ commands, isDatabase, probe }) {
  const command = (isDatabase ? findDatabaseCommand : findCommand)(commands);
  if (command === undefined) return false;
  return probe === undefined || (await run(command, probe)).status === 0;
}

/** @param {readonly Service[]} missing */
async function packagesFor(missing) {
  const tools = (await Promise.all(missing.map(missingTools))).flat();
  return [...new Set(tools.flatMap(({ aptPackages }) => aptPackages))];
}

/**
 * @param {readonly string[]} packages
 * @returns {Promise<string | undefined>} The obstacle.
 */
async function installFromSystem(packages) {
  if (packages.length === 0) return undefined;
  const aptGet = findCommand(["apt-get"]);
  if (aptGet === undefined) return "there is no apt-get here";
  const prefix = await rootPrefix();
  if (prefix === undefined) return "installing needs root, or CI=true and sudo without a password";
  say(`Installing ${packages.join(", ")} with apt-get ...`);
  const [command, ...args] = [...prefix, "env", "DEBIAN_FRONTEND=noninteractive", aptGet];
  // Without fresh lists, apt asks for versions that the mirror no longer has. If this fails, the
  // next step reports it.
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

/** @returns {Promise<string[] | undefined>} Prefix that runs a command as root. */
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

/** @param {Service} service @param {string} problem */
function missingLine(service, problem) {
  const effect = isCi ? "its tests fail" : "its tests are skipped";
  return `${service.name} is missing${problem}: ${effect}. ${adviceFor(service)}`;
}

/** @param {Service} service */
function adviceFor({ build, tools }) {
  const packages = tools.flatMap(({ aptPackages }) => aptPackages);
  if (build) return `Put one on PATH, or install ${packages.join(", ")}, to run them.`;
  return `Install the package ${packages.join(" ")} to run them.`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const missing = await provideServices(process.argv.slice(2));
  process.exitCode = missing.length === 0 ? 0 : 1;
}
