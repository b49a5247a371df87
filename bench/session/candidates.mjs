// @ts-check
// The measured operations: a request's way through a session, from the Cookie header to the headers of the response.
import { equal, notEqual } from "node:assert/strict";
import { createSojourn } from "sojourn";
import { memorySessionStore } from "sojourn/stores/memory";
import { makeData, makeDataWithKeys } from "./data.mjs";

/** @typedef {import("./data.mjs").Data} Data */
/** @typedef {import("sojourn").Sessions<Data>} Sessions */
/** @typedef {import("sojourn").Session<Data>} Session */

/**
 * @typedef {object} Candidate
 * @property {string} size Of the data.
 * @property {string} name
 * @property {(count: number) => Promise<void> | void} run Does it so many times, one after another.
 */

/** @typedef {"json" | "django"} Format */

/** Name of the candidate that the others of its size are compared with. */
export const BASE = "JSON.parse";

/** @type {readonly (readonly [size: string, data: Data])[]} */
const SIZES = [
  ["400 bytes", makeData(0)],
  ["10 keys", makeDataWithKeys(10)],
  ["100 keys", makeDataWithKeys(100)],
  ["1000 keys", makeDataWithKeys(1000)],
];

/** @type {readonly Format[]} */
const FORMATS = ["json", "django"];

/** As many as take turns, so that each time another record is read. */
const SESSIONS = 100;

/** @returns {Promise<Candidate[]>} */
export async function makeCandidates() {
  const candidates = await Promise.all(SIZES.map(([size, data]) => candidatesOf(size, data)));
  return candidates.flat();
}

/** @param {string} size @param {Data} data @returns {Promise<Candidate[]>} */
async function candidatesOf(size, data) {
  const own = await Promise.all(FORMATS.map((format) => sessionCandidates(size, data, format)));
  return [{ size, name: BASE, run: parsesOf(JSON.stringify(data)) }, ...own.flat()];
}

/** @param {string} text */
function parsesOf(text) {
  return (/** @type {number} */ count) => {
    for (let left = count; left > 0; left--) {
      if (JSON.parse(text).name === undefined) throw new Error("There is no name.");
    }
  };
}

/**
 * @param {string} size
 * @param {Data} data
 * @param {Format} format
 * @returns {Promise<Candidate[]>}
 */
async function sessionCandidates(size, data, format) {
  const { sessions } = makeSojourn(format);
  const visits = new Visits(sessions, await begin(sessions, data));
  await visits.check(data);
  return [
    {
      size,
      name: `${format}, read`,
      run: (count) => visits.repeat((session) => visits.read(session), count),
    },
    {
      size,
      name: `${format}, write`,
      run: (count) => visits.repeat((session) => visits.write(session), count),
    },
    {
      size,
      name: `${format}, login`,
      run: (count) => visits.repeat((session) => visits.logIn(session), count),
    },
  ];
}

/** @param {Format} format */
function makeSojourn(format) {
  /** @type {import("sojourn").SojournSettings<Data>} */
  const settings = {
    projectName: "bench",
    secretKey: "a key that is long enough for a benchmark",
    sessions: { store: memorySessionStore(), format },
  };
  return createSojourn(settings);
}

/** @param {Sessions} sessions @param {Data} data @returns {Promise<string[]>} Cookie headers. */
async function begin(sessions, data) {
  /** @type {string[]} */
  const cookies = [];
  for (let at = 0; at < SESSIONS; at++)
    cookies.push(cookieOf(await sessions.create({ ...data, visitor: at })));
  return cookies;
}

/** @param {Session} session */
function cookieOf({ cookieHeader = "" }) {
  return cookieHeader;
}

/** Requests of visitors, in turns, as an adapter hands them on. */
class Visits {
  /** @readonly */
  #sessions;
  /** @readonly */
  #cookies;
  #at = 0;
  #written = 1000;

  /** @param {Sessions} sessions @param {string[]} cookies */
  constructor(sessions, cookies) {
    this.#sessions = sessions;
    this.#cookies = cookies;
  }

  /** @param {(session: Session) => Promise<void> | void} act @param {number} count */
  async repeat(act, count) {
    for (let left = count; left > 0; left--) {
      this.#at = (this.#at + 1) % SESSIONS;
      await this.#visit(act);
    }
  }

  /** @param {Session} session */
  read({ data }) {
    if (data.name === undefined) throw new Error("There is no session where one is measured.");
  }

  /** @param {Session} session */
  write({ data }) {
    data.views = ++this.#written;
  }

  /** @param {Session} session @returns {Promise<void>} */
  logIn(session) {
    return session.login(session.data.visitor);
  }

  /**
   * Before anything is measured: what is written arrives, and a login ends the old cookie.
   *
   * @param {Data} data
   */
  async check(data) {
    await this.repeat((session) => equal(session.data.name, data.name), SESSIONS);
    await this.repeat((session) => this.write(session), SESSIONS);
    await this.#visit((session) => equal(session.data.views, this.#written));
    const before = this.#cookie;
    await this.#visit((session) => this.logIn(session));
    notEqual(this.#cookie, before);
    await this.#visit((session) => equal(session.userId, String(this.#at)));
    await this.#visit((session) => equal(session.data.views, this.#written));
    equal((await this.#sessions.open(before)).userId, undefined);
  }

  get #cookie() {
    return this.#cookies[this.#at] ?? "";
  }

  /** @param {(session: Session) => Promise<void> | void} act */
  async #visit(act) {
    const request = {};
    const facts = { cookieHeader: this.#cookie, isSecure: () => true, host: () => "localhost" };
    const scope = this.#sessions.scope(request, facts);
    const done = act(await this.#sessions.from(request));
    if (done !== undefined) await done;
    const saved = scope.finish({ status: 200, headersSent: false });
    if (saved !== undefined) await saved;
    const [setCookie] = scope.headers().setCookie;
    if (setCookie !== undefined) this.#cookies[this.#at] = setCookie.split(";", 1)[0] ?? "";
  }
}
