// @ts-check
import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { pinServer } from "./pin.mjs";
import { SERVER_KINDS } from "./server-kinds.mjs";
import { Visitor } from "./visitor.mjs";

/** @typedef {import("./server-kinds.mjs").ServerKind} ServerKind */
/** @typedef {import("./server-kinds.mjs").Operation} Operation */
/** @typedef {import("./server.mjs").Usage} Usage */
/** @typedef {import("./server.mjs").Window} Window */

/** An operation of a server: what is measured. @typedef {{ server: BenchServer, operation: Operation }} Candidate */

export const VISITORS = 500;

/** A server in a process of its own, and its visitors, who have sessions. */
export class BenchServer {
  /** @type {readonly Visitor[]} */
  visitors = Array.from({ length: VISITORS }, () => new Visitor());
  /** @readonly */
  #process;
  #url = "";

  /** @param {ServerKind} kind @param {string} redisUrl @param {boolean} isPinned */
  constructor(kind, redisUrl, isPinned) {
    this.kind = kind;
    const args = [String(SERVER_KINDS.indexOf(kind)), redisUrl];
    this.#process = fork(new URL("server.mjs", import.meta.url), args, {
      env: { ...process.env, NODE_ENV: "production" },
    });
    if (isPinned && this.#process.pid !== undefined) pinServer(this.#process.pid);
  }

  async start() {
    const { port } = await this.#answer();
    this.#url = `http://127.0.0.1:${port}`;
    for (const visitor of this.visitors) await this.#begin(visitor);
  }

  /** @param {Visitor} visitor Also a server without sessions gets a cookie. */
  async #begin(visitor) {
    if (this.kind.library === "none") visitor.cookie = `sid=${randomUUID()}`;
    else await visitor.get(this.url("start"));
  }

  get name() {
    return `${this.kind.framework}, ${this.kind.library}`;
  }

  /** @param {string} path */
  url(path) {
    return `${this.#url}/${path}`;
  }

  /** @param {Window} window @returns {Promise<Usage>} Once all of its requests have come. */
  usageOf(window) {
    const usage = this.#answer();
    this.#process.send(window);
    return usage;
  }

  /** Next takes its time after a SIGTERM, and the end of Redis for an error. */
  stop() {
    this.#process.kill("SIGKILL");
  }

  async #answer() {
    /** @param {unknown[]} exit */
    const fail = ([code]) => {
      throw new Error(`The server with ${this.name} has ended with ${String(code)}.`);
    };
    const done = new AbortController();
    const { signal } = done;
    try {
      const [message] = await Promise.race([
        once(this.#process, "message", { signal }),
        once(this.#process, "exit", { signal }).then(fail),
      ]);
      return message;
    } finally {
      done.abort();
    }
  }
}
