// @ts-check
import { run } from "./processes.mjs";
import { say } from "./project.mjs";

/** Length of what a message quotes of a build's output, in characters: the end of it tells why. */
const QUOTED = 2000;

/**
 * Runs the build of another framework. A build that ends early is run once more, and its end is
 * printed: on a machine under load, one of React Router's has stopped between its two bundles, and
 * none of 25 after it.
 *
 * @param {string} title What is built, for the message.
 * @param {readonly string[]} command Script of the build and its arguments, for this Node.
 * @param {Parameters<typeof run>[2]} options
 */
export async function runBundler(title, command, options) {
  const first = await run(process.execPath, command, options);
  if (first.status === 0) return;
  say(`${failureOf(title, first)}\nIt is built once more.`);
  const second = await run(process.execPath, command, options);
  if (second.status !== 0) throw new Error(failureOf(title, second));
}

/** @param {string} title @param {import("./processes.mjs").Finished} finished */
function failureOf(title, { status, output }) {
  return `Cannot build ${title}: the build ended with status ${status}:\n${output.slice(-QUOTED)}`;
}
