// @ts-check
import { runtimes } from "./runtimes.mjs";
import { servers } from "./servers.mjs";

/**
 * @typedef {object} Wanted
 * @property {readonly import("./runtimes.mjs").Runtime[]} runtimes
 * @property {readonly import("./servers.mjs").Server[]} servers
 * @property {boolean} withoutServer Whether to run the tests without a server.
 * @property {boolean} isShort
 * @property {boolean} isNamed Whether the caller has named runtimes or servers.
 */

const OPTION = /^--(?:(runtime|server)=(.+)|short)$/;

/**
 * Reads the arguments of `npm run matrix`.
 *
 * @param {readonly string[]} args
 * @returns {Wanted | string} The cells, or the error in the arguments.
 */
export function parseMatrix(args) {
  const unknown = args.find((arg) => !OPTION.test(arg));
  if (unknown !== undefined)
    return `${unknown} is no option. Expected --runtime=NAME, --server=NAME or --short.`;
  const named = { runtime: namesOf(args, "runtime"), server: namesOf(args, "server") };
  const problem =
    strangerIn(named.runtime, "runtime", namesIn(runtimes)) ??
    strangerIn(named.server, "server", ["none", ...namesIn(servers)]);
  if (problem !== undefined) return problem;
  const isShort = args.includes("--short");
  const chosen = (/** @type {string} */ name, /** @type {readonly string[]} */ names) =>
    names.length === 0 || names.includes(name);
  return {
    runtimes: runtimes.filter(({ name }) => chosen(name, named.runtime)),
    servers: servers.filter(({ name }) => chosen(name, named.server)),
    withoutServer: !isShort && chosen("none", named.server),
    isShort,
    isNamed: named.runtime.length + named.server.length > 0,
  };
}

/**
 * The cells, in the order in which they run. In the short form each runtime has one server, the
 * next one in turn.
 *
 * @param {Wanted} wanted
 * @returns {{ runtime: import("./runtimes.mjs").Runtime, servers: readonly
 *   (import("./servers.mjs").Server | "none")[] }[]}
 */
export function cellsFor(wanted) {
  const all = wanted.withoutServer ? [/** @type {const} */ ("none"), ...wanted.servers] : wanted.servers;
  return wanted.runtimes.map((runtime, row) => ({
    runtime,
    servers: wanted.isShort ? all.filter((_, column) => column === row % all.length) : all,
  }));
}

/** @param {readonly string[]} args @param {string} option */
function namesOf(args, option) {
  return args.filter((arg) => arg.startsWith(`--${option}=`)).map((arg) => arg.slice(option.length + 3));
}

/** @param {readonly { name: string }[]} list */
function namesIn(list) {
  return list.map(({ name }) => name);
}

/**
 * @param {readonly string[]} names
 * @param {string} kind
 * @param {readonly string[]} known
 */
function strangerIn(names, kind, known) {
  const stranger = names.find((name) => !known.includes(name));
  return stranger === undefined
    ? undefined
    : `${stranger} is no ${kind} of the matrix. Expected ${known.join(", ")}.`;
}
