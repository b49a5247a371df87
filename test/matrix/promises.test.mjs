// @ts-check
// The promises of the package as npm installs it, on the runtime's own loader and test runner (`node:test`),
// on a real server that REDIS_URL names. Plain JavaScript, since it runs on each of the runtimes as it
// stands: see scripts/matrix.mjs.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { createClient } from "@redis/client";
import { createSojourn, zlibCompressor } from "sojourn";
import { nodeSessions } from "sojourn/adapters/node";
import { RedisRegistry } from "sojourn/redis";
import { redisBucketSessionStore, redisCacheStore, redisSessionStore } from "sojourn/stores/redis";
import { describeCacheStore, describeSessionStore, faultySessionStore } from "sojourn/testing";

const url = process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379";
const clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** @param {number} length */
const indexes = (length) => Array.from({ length }, (_, index) => index);

/** Names that no other test has. */
let names = 0;
const newName = () => `space${++names}`;

/** @type {(() => Promise<void>)[]} */
const closings = [];

/**
 * `describe` that closes in the end what its tests have opened.
 *
 * @param {string} title
 * @param {() => void} define
 */
function describeClosing(title, define) {
  describe(title, () => {
    after(async () => {
      await Promise.all(closings.splice(0).map((close) => close()));
    });
    define();
  });
}

/** No test here is about the deadline. */
const deadline = "20s";

/** @param {Partial<import("sojourn").SojournSettings>} [settings] */
function open(settings) {
  const opened = createSojourn({
    projectName: newName(),
    secretKey: "a secret of the matrix, long enough",
    redis: { default: url },
    ...settings,
  });
  closings.push(opened.close);
  return opened;
}

describe("what runs here", () => {
  it("is the runtime and the server that the cell of the matrix is for", async () => {
    const client = await createClient({ url }).connect();
    const info = /** @type {string} */ (await client.sendCommand(["INFO", "server"]));
    client.destroy();
    const [, server] = /(?:valkey|redis)_version:(\S+)\r\n(?!.*valkey_version)/s.exec(info) ?? [];
    const runtime = process.versions["bun"] ?? process.versions["deno"] ?? process.versions.node;
    assert.equal(runtime, process.env["SOJOURN_RUNTIME_VERSION"] ?? runtime);
    assert.equal(server, process.env["SOJOURN_SERVER_VERSION"] ?? server);
  });
});

describe("the contracts of the stores", () => {
  const redis = new RedisRegistry({ default: url });
  after(() => redis.close());

  const framework = { describe, it };
  const shortTtl = 150;
  describeSessionStore(framework, "redis", {
    shortTtl,
    hasWatch: true,
    open: () => ({ store: redisSessionStore()({ projectName: newName(), redis, clock }) }),
  });
  describeCacheStore(framework, "redis", {
    hasTracking: true,
    shortTtl,
    open: () => ({ store: redisCacheStore()({ redis, clock }) }),
  });
});

/** A browser with one cookie. */
class Browser {
  /** @readonly */
  #url;

  /** @param {string} appUrl @param {string} [cookie] */
  constructor(appUrl, cookie = "") {
    this.#url = appUrl;
    this.cookie = cookie;
  }

  /** @param {string} path */
  async send(path) {
    const headers = this.cookie === "" ? undefined : { cookie: this.cookie };
    const response = await fetch(this.#url + path, headers && { headers });
    for (const header of response.headers.getSetCookie()) {
      this.cookie = header.includes("Max-Age=0") ? "" : (header.split(";")[0] ?? "");
    }
    return { status: response.status, cookies: response.headers.getSetCookie(), body: await response.text() };
  }

  /** @param {string} path */
  async read(path) {
    const { status, body } = await this.send(path);
    assert.equal(status, 200, body);
    return JSON.parse(body);
  }
}

/** Holds handlers until it is opened. */
class Gate {
  /** @readonly @type {(() => void)[]} */
  #waiting = [];
  #notify = () => {};

  /** @returns {Promise<void>} */
  pass() {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#notify();
    });
  }

  /** Resolves when so many handlers wait. @param {number} wanted @returns {Promise<void>} */
  holds(wanted) {
    return new Promise((resolve) => {
      this.#notify = () => {
        if (this.#waiting.length >= wanted) resolve();
      };
      this.#notify();
    });
  }

  open() {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/**
 * An application over `node:http`, and a browser of a visitor whose session exists.
 *
 * @param {(app: { browser: Browser, url: string, gate: Gate, sessions: any, printed: unknown[] }) =>
 *   Promise<void>} use
 * @param {import("sojourn").SessionSettings} [settings]
 */
async function withApp(use, settings = { store: redisSessionStore() }) {
  const { sessions } = open({ sessions: { cookie: { secure: "auto" }, deadline, ...settings } });
  const gate = new Gate();
  /** @type {unknown[]} */
  const printed = [];
  const onError = (/** @type {any} */ error, /** @type {any} */ _request, /** @type {any} */ response) => {
    printed.push(error);
    response.statusCode = error.statusCode ?? 500;
    response.end("failed");
  };
  const server = createServer(
    nodeSessions(sessions, (request, response) => handle(sessions, gate, request, response), { onError }),
  );
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  const appUrl = `http://127.0.0.1:${address.port}`;
  const browser = new Browser(appUrl);
  try {
    await use({ browser, url: appUrl, gate, sessions, printed });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/**
 * @param {any} sessions
 * @param {Gate} gate
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
async function handle(sessions, gate, request, response) {
  const [, action = "", argument = ""] = (request.url ?? "").split("/");
  if (action === "static") return response.end("no session here");
  const session = await sessions.from(request);
  if (action === "slow-set") session.data[argument] = true;
  if (action.startsWith("slow-")) await gate.pass();
  if (action === "set") session.data[argument] = true;
  if (action === "increment") await session.update((/** @type {any} */ data) => (data.n = (data.n ?? 0) + 1));
  if (action === "login") await session.login(argument);
  if (action === "logout") await session.logout();
  if (action === "stream") {
    session.data.streamed = true;
    response.write("a");
    response.write("b");
    return response.end("c");
  }
  const { data, userId } = session;
  return response.end(JSON.stringify({ data, userId: userId ?? null }));
}

describeClosing("sessions over node:http", () => {
  it("20 parallel requests that write 20 different keys: 20 of 20", () =>
    withApp(async ({ browser, gate }) => {
      await browser.read("/set/first");
      const requests = indexes(20).map((index) => browser.read(`/slow-set/k${index}`));
      await gate.holds(20);
      gate.open();
      await Promise.all(requests);
      assert.equal(Object.keys((await browser.read("/read")).data).length, 21);
    }));

  it("100 parallel update(d => d.n++): 100", () =>
    withApp(async ({ browser }) => {
      await browser.read("/set/first");
      await Promise.all(indexes(100).map(() => browser.read("/increment")));
      assert.equal((await browser.read("/read")).data.n, 100);
    }));

  it("a logout while a reader and a writer are in flight: the session stays dead, and nobody gets a cookie", () =>
    withApp(async ({ browser, url: appUrl, gate }) => {
      await browser.read("/set/first");
      await browser.read("/login/7");
      const { cookie } = browser;
      const late = ["/slow-read", "/slow-set/late"].map((path) => new Browser(appUrl, cookie).send(path));
      await gate.holds(2);
      await browser.read("/logout");
      assert.equal(browser.cookie, "");
      gate.open();
      const [reader, writer] = await Promise.all(late);
      assert.deepEqual([reader?.status, writer?.status], [200, 400]);
      assert.deepEqual([reader?.cookies, writer?.cookies], [[], []]);
      assert.deepEqual(await new Browser(appUrl, cookie).read("/read"), { data: {}, userId: null });
    }));

  it("a login gives the session a new key, keeps its data, and the old key is a stranger's", () =>
    withApp(async ({ browser, url: appUrl }) => {
      await browser.read("/set/first");
      const { cookie } = browser;
      const { cookies } = await browser.send("/login/7");
      assert.match(cookies[0] ?? "", /^sessionid\S*=[a-z0-9]{32}; .*HttpOnly; SameSite=Lax$/);
      assert.notEqual(browser.cookie, cookie);
      assert.deepEqual(await browser.read("/read"), {
        data: { first: true, _auth_user_id: "7" },
        userId: "7",
      });
      assert.deepEqual(await new Browser(appUrl, cookie).read("/read"), { data: {}, userId: null });
    }));

  it("a user's sessions are listed, and all of them end with revokeUser", () =>
    withApp(async ({ url: appUrl, sessions }) => {
      const browsers = indexes(3).map(() => new Browser(appUrl));
      for (const each of browsers) await each.read("/login/7");
      const listed = [];
      for await (const session of sessions.ofUser("7")) listed.push(session);
      assert.equal(listed.length, 3);
      await sessions.revokeUser("7");
      for (const each of browsers) assert.equal((await each.read("/read")).userId, null);
    }));

  it("a stream waits for its session: the cookie is in its head", () =>
    withApp(async ({ browser }) => {
      const { cookies, body } = await browser.send("/stream");
      assert.equal(body, "abc");
      assert.equal(cookies.length, 1);
      assert.deepEqual((await browser.read("/read")).data, { streamed: true });
    }));

  it("a save that fails is an error response without a cookie, also of a stream", async () => {
    const inner = redisSessionStore();
    const store = (/** @type {any} */ context) =>
      faultySessionStore(inner(context), ({ method }) =>
        method === "create" ? { fail: "not-sent" } : undefined,
      );
    await withApp(
      async ({ browser, printed }) => {
        for (const path of ["/set/first", "/stream"]) {
          assert.deepEqual(await browser.send(path), { status: 500, cookies: [], body: "failed" });
        }
        assert.equal(printed.length, 2);
      },
      { store },
    );
  });

  it("a page that leaves its session alone does not care whether the server is there", async () => {
    const { sessions } = open({ redis: { default: "redis://127.0.0.1:1" } });
    const server = createServer(nodeSessions(sessions, (_request, response) => response.end("here")));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "here");
    server.closeAllConnections();
    server.close();
  });

  it("buckets, encrypted records and compressed ones are read as they were written", async () => {
    for (const settings of [
      { store: redisBucketSessionStore(), format: /** @type {const} */ ("json") },
      { store: redisSessionStore(), encrypt: true },
      {
        store: redisBucketSessionStore({ compressor: zlibCompressor({ level: 9 }) }),
        format: /** @type {const} */ ("json"),
      },
    ]) {
      const { sessions } = open({ sessions: { deadline, ...settings } });
      const session = await sessions.create({ text: "é".repeat(1000), n: 12345678901234567890n });
      const read = await sessions.open(session.cookieHeader);
      assert.deepEqual({ ...read.data }, { text: "é".repeat(1000), n: 12345678901234567890n });
    }
  });
});

const program = fileURLToPath(new URL("process.mjs", import.meta.url));

/**
 * Other processes of this runtime, each of which answers with what its callers got.
 *
 * @param {string} task
 * @param {string} keyPrefix
 */
async function inProcesses(task, keyPrefix) {
  const children = indexes(3).map(() => fork(program, [task, url, keyPrefix]));
  try {
    await Promise.all(children.map((child) => once(child, "message")));
    const answers = children.map((child) => once(child, "message"));
    for (const child of children) child.send("go");
    return (await Promise.all(answers)).flatMap(([answer]) => answer);
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

describeClosing("a cache that three processes share", () => {
  it("getOrSet: 30 callers get one value, and the loader runs once", async () => {
    const prefix = newName();
    assert.deepEqual(
      await inProcesses("load", prefix),
      indexes(30).map(() => "loaded"),
    );
    assert.equal(await timesWorked(prefix), 1);
  });

  it("a lock: 15 callers work one at a time, and all come to it", async () => {
    const prefix = newName();
    assert.deepEqual(
      await inProcesses("lock", prefix),
      indexes(15).map(() => 1),
    );
    assert.equal(await timesWorked(prefix), 15);
  });

  it("a limit of 10: of 30 calls at the same time 10 are allowed", async () => {
    for (const task of ["limit-fixed", "limit-sliding"]) {
      const answers = await inProcesses(task, newName());
      assert.equal(answers.filter((isAllowed) => isAllowed === true).length, 10);
    }
  });

  it("a delete during the load wins: what was loaded before is not stored", async () => {
    const { caches } = open({ caches: { default: { keyPrefix: newName(), deadline } } });
    const gate = new Gate();
    const loading = caches.default.getOrSet("key", async () => {
      await gate.pass();
      return "old";
    });
    await gate.holds(1);
    await caches.default.delete("key");
    gate.open();
    assert.equal(await loading, "old");
    assert.equal(await caches.default.get("key"), undefined);
  });

  it("tags, counters and many keys at once", async () => {
    const { caches } = open({ caches: { default: { keyPrefix: newName(), deadline } } });
    const cache = caches.default;
    await cache.set("tagged", 1, { tags: ["t"] });
    await cache.invalidateTags(["t"]);
    assert.equal(await cache.get("tagged"), undefined);
    await cache.set("n", 0);
    await Promise.all(indexes(50).map(() => cache.incr("n")));
    assert.equal(await cache.get("n"), 50);
    const entries = Object.fromEntries(indexes(3000).map((index) => [`k${index}`, index]));
    await cache.setMany(entries);
    assert.equal((await cache.getMany(Object.keys(entries))).size, 3000);
  });
});

describe("require()", () => {
  it("gives what import gives, for every export", async () => {
    const require = createRequire(import.meta.url);
    const { exports } = require("sojourn/package.json");
    // Those import Nest and rate-limiter-flexible, which are not installed here.
    const others = ["./package.json", "./adapters/nest", "./integrations/rate-limiter-flexible"];
    const specifiers = Object.keys(exports).filter((subpath) => !others.includes(subpath));
    assert.ok(specifiers.length > 10);
    for (const subpath of specifiers) {
      const specifier = `sojourn${subpath.slice(1)}`;
      // Without the name under which an export stands in for all others.
      const { "module.exports": _whole, ...imported } = await import(specifier);
      const required = require(specifier);
      assert.deepEqual(Object.keys(required).toSorted(), Object.keys(imported).toSorted(), specifier);
      for (const name of Object.keys(imported))
        assert.equal(required[name], imported[name], `${specifier}: ${name}`);
    }
  });
});

describe("a process", () => {
  it("exits by itself after close()", async () => {
    const child = fork(program, ["close", url, newName()]);
    await once(child, "message");
    child.send("go");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });
});

/** How often the processes have done their work. @param {string} prefix */
async function timesWorked(prefix) {
  const client = await createClient({ url }).connect();
  const counted = Number(await client.get(`${prefix}:count`));
  client.destroy();
  return counted;
}
