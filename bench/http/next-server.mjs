// @ts-check
// Servers of Next: a production build of the application in `next/`, in this process.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { inProject } from "../../scripts/lib/project.mjs";
import { buildNextApplication } from "../../scripts/next-example.mjs";
import { bareActions, noActions } from "./own-servers.mjs";
import { actionsWith, TTL_SECONDS } from "./server-kinds.mjs";

/** @typedef {import("./server-kinds.mjs").ServerKind} ServerKind */

const SECRET = "a key that is long enough for a benchmark";
const SOURCES = "bench/http/next";

/** Builds the application, unless it is built already: a minute. */
export function buildNext() {
  return buildNextApplication(SOURCES);
}

/**
 * @param {ServerKind} kind
 * @param {string} url Of Redis.
 * @param {unknown} [getIronSession]
 * @returns {Promise<import("node:http").Server>}
 */
export async function nextServer(kind, url, getIronSession) {
  const servers = { actionsWith, bareActions, noActions, SECRET, TTL_SECONDS };
  Object.assign(globalThis, { benchNext: { kind, url, servers, getIronSession } });
  const dir = await buildNext();
  const require = createRequire(inProject("examples", "next", "package.json"));
  const next = /** @type {(options: object) => any} */ (require("next"));
  // Next resolves some of its files from there.
  process.chdir(dir);
  const app = next({ dev: false, dir, quiet: true });
  await app.prepare();
  return createServer(app.getRequestHandler());
}
