// @ts-check
// Process of one server: listens, and measures its own processor time when it is told to.
//
//   node server.mjs NUMBER_OF_KIND REDIS_URL
import { once } from "node:events";
import { ownServer } from "./own-servers.mjs";
import { SERVER_KINDS } from "./server-kinds.mjs";

/** @typedef {import("node:net").AddressInfo} AddressInfo */

/**
 * The requests to measure: those after the first `skipped`.
 *
 * @typedef {{ skipped: number, counted: number }} Window
 */

/** @typedef {{ cpu: number, milliseconds: number }} Usage Of the requests of a window, in microseconds. */

const [number = "", redisUrl = ""] = process.argv.slice(2);
const kind = SERVER_KINDS[Number(number)];
if (kind === undefined) throw new Error(`Server ${number} is not known.`);
const server = (await ownServer(kind, redisUrl)) ?? (await peer(kind));

/** Requests until the window begins, and until it ends. */
let [untilStart, untilEnd] = [0, 0];
let cpu = process.cpuUsage();
let began = 0;

server.on("request", count);
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.on("message", (/** @type {Window} */ { skipped, counted }) => {
  [untilStart, untilEnd] = [skipped, skipped + counted];
});
process.on("disconnect", () => process.exit());
tell({ port: /** @type {AddressInfo} */ (server.address()).port });

function count() {
  if (untilEnd === 0) return;
  if (untilStart-- === 0) {
    cpu = process.cpuUsage();
    began = performance.now();
  }
  if (--untilEnd === 0) tell(usage());
}

/** @returns {Usage} */
function usage() {
  const { user, system } = process.cpuUsage(cpu);
  return { cpu: user + system, milliseconds: performance.now() - began };
}

/** @param {object} message */
function tell(message) {
  process.send?.(message);
}

/** @param {import("./server-kinds.mjs").ServerKind} of */
async function peer(of) {
  const { peerServer } = await import("../peers/servers.mjs");
  return peerServer(of, redisUrl);
}
