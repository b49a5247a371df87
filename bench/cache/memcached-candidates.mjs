// @ts-check
// memcached beside its own client, in a process and a server of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { tsImport } from "tsx/esm/api";
import { createSojourn } from "sojourn";
import { memcachedCacheStore } from "sojourn/stores/memcached";
import { noLoad, TTL_SECONDS } from "./candidate.mjs";
import { operationsOf } from "./own-candidates.mjs";

/** @typedef {import("./candidate.mjs").Candidate} Candidate */
/** @typedef {import("./candidate.mjs").Item} Item */

const FOLDER = "../../src/stores/memcached/client";

/** Longer than a run, in milliseconds. */
const NO_DEADLINE = 3_600_000;

/** @returns {Promise<{ address: string, version: string, stop: () => Promise<void> }>} */
export async function startMemcached() {
  const port = await freePort();
  const user = process.getuid?.() === 0 ? ["-u", "root"] : [];
  const child = spawn("memcached", ["-l", "127.0.0.1", "-p", String(port), ...user], { stdio: "ignore" });
  const failed = once(child, "error").then(([cause]) => {
    throw new Error("memcached could not be started. Install the package memcached.", { cause });
  });
  const version = await Promise.race([failed, versionOf(port)]);
  return {
    address: `127.0.0.1:${port}`,
    version,
    stop: async () => {
      child.kill();
      if (child.exitCode === null) await once(child, "close");
    },
  };
}

/**
 * The client alone, with JSON: the floor of what Sojourn can do on memcached.
 *
 * @param {string} address
 * @returns {Promise<Candidate>}
 */
export async function rawMetaClient(address) {
  const { MemcachedClient } = await tsImport(`${FOLDER}/memcached-client.ts`, import.meta.url);
  const { parseServers } = await tsImport(`${FOLDER}/server-address.ts`, import.meta.url);
  const { Deadline } = await tsImport("../../src/core/deadlines.ts", import.meta.url);
  const client = new MemcachedClient({ servers: parseServers(address, "servers") });
  /** @param {string} key */
  const get = async (key) =>
    parse((await client.ask("mg", `raw:1:${key}`, ["v"], new Deadline(NO_DEADLINE))).value);
  return {
    name: "meta client (raw)",
    isLocal: false,
    errors: [],
    operations: {
      get,
      set: (key, value) => {
        const text = JSON.stringify(value);
        return client.ask("ms", `raw:1:${key}`, [`T${TTL_SECONDS}`], new Deadline(NO_DEADLINE), text);
      },
      getOrSet: async (key) => (await get(key)) ?? noLoad(),
      getMany: (keys) => Promise.all(keys.map(get)),
    },
    close: async () => client.close(),
  };
}

/**
 * @param {string} address
 * @returns {Candidate}
 */
export function sojournOnMemcached(address) {
  const { caches, close } = createSojourn({
    projectName: "bench",
    secretKey: "a key that signs nothing here at all",
    caches: {
      default: { store: memcachedCacheStore({ servers: address }), keyPrefix: "own", timeout: TTL_SECONDS },
    },
  });
  return {
    name: "Sojourn on memcached",
    isLocal: false,
    errors: [],
    operations: operationsOf(caches.default),
    close,
  };
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}

/** @param {number} port */
async function versionOf(port) {
  for (let tries = 0; tries < 200; tries++) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      socket.write("version\r\n");
      const [reply] = await once(socket, "data");
      return /^VERSION (\S+)/.exec(String(reply))?.[1] ?? "unknown";
    } catch {
      await sleep(25);
    } finally {
      socket.destroy();
    }
  }
  throw new Error("memcached did not start within 5 s.");
}

/**
 * @param {Buffer | undefined} bytes
 * @returns {Item | undefined}
 */
function parse(bytes) {
  return bytes === undefined ? undefined : JSON.parse(bytes.toString());
}
