import assert from "node:assert/strict";
import { rm, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { AdapterAbility, AdapterTestAnswer } from "./application.ts";
import {
  assertIsError,
  type ConformanceParts,
  type ConformanceTest,
  type ConformanceTests,
  COUNT,
  SHOW,
  shown,
  turns,
  USER,
  writing,
} from "./support.ts";

/** A kind of response, and what a client has to get of it. */
interface Kind {
  readonly answer: (folder: string) => AdapterTestAnswer;
  readonly method?: "HEAD";
  readonly status: number;
  readonly body: string;
}

const text: AdapterTestAnswer = { kind: "text", body: "the page" };

/** Kinds that every framework has. */
const KINDS: Readonly<Record<string, Kind>> = {
  "a text": { answer: () => text, status: 200, body: "the page" },
  JSON: { answer: () => ({ kind: "json", value: { page: 1 } }), status: 200, body: '{"page":1}' },
  "a redirect": { answer: () => ({ kind: "redirect", location: "/next" }), status: 302, body: "" },
  "a 204": { answer: () => ({ kind: "empty", status: 204 }), status: 204, body: "" },
  "a 304": { answer: () => ({ kind: "empty", status: 304 }), status: 304, body: "" },
  "an error of the visitor (4xx)": {
    answer: () => ({ kind: "text", body: "no such page", status: 404 }),
    status: 404,
    body: "no such page",
  },
};

/** Kinds that a framework may lack. */
const SPECIAL_KINDS: Readonly<Partial<Record<AdapterAbility, Readonly<Record<string, Kind>>>>> = {
  head: { "a HEAD request": { answer: () => text, method: "HEAD", status: 200, body: "" } },
  files: {
    "a file": {
      answer: (folder) => ({ kind: "file", path: join(folder, "page.txt") }),
      status: 200,
      body: "f".repeat(100_000),
    },
  },
  streams: {
    "a stream": {
      answer: () => ({ kind: "stream", chunks: listed("a part, ", "another part") }),
      status: 200,
      body: "a part, another part",
    },
  },
  events: {
    "server-sent events": {
      answer: () => ({ kind: "events", events: listed("data: 1\n\n", "data: 2\n\n") }),
      status: 200,
      body: "data: 1\n\ndata: 2\n\n",
    },
  },
  raw: {
    "a response past the framework": {
      answer: () => ({ kind: "raw", body: "the raw page" }),
      status: 200,
      body: "the raw page",
    },
  },
};

/** Returns the tests of commits, for the kinds of responses that a framework has. */
export function commitTests(has: (ability: AdapterAbility) => boolean): ConformanceTests {
  const kinds = { ...KINDS };
  for (const [ability, special] of Object.entries(SPECIAL_KINDS))
    if (has(ability as AdapterAbility)) Object.assign(kinds, special);
  return Object.fromEntries(
    Object.entries(kinds).flatMap(([title, kind]): [string, ConformanceTest][] => [
      [`${title}: no byte of it leaves before the store has acknowledged`, (each) => waits(each, kind)],
      [
        `${title}: after a failed save it is an error response, without cookie and body`,
        (each) => fails(each, kind),
      ],
    ]),
  );
}

async function waits(context: ConformanceParts, kind: Kind): Promise<void> {
  await withFolder(async (folder) => {
    const visitor = await startWriting(context, kind, folder);
    const write = context.store.holdWrites();
    const exchange = visitor.open("/page", { method: kind.method ?? "GET" });
    await writing(write, exchange);
    await turns();
    assert.equal(exchange.hasStarted, false, "the response has started before the store's answer");
    context.store.release();
    const { status, body, setCookie, isComplete } = await exchange.end();
    assert.deepEqual({ status, isComplete }, { status: kind.status, isComplete: true });
    if (kind.body !== "") assert.equal(body, kind.body);
    assert.equal(setCookie.length, 1, `expected one cookie, got ${setCookie.length}`);
    visitor.keep(setCookie);
    assert.deepEqual(await shown(visitor), { written: true });
  });
}

async function fails(context: ConformanceParts, kind: Kind): Promise<void> {
  await withFolder(async (folder) => {
    const visitor = await startWriting(context, kind, folder);
    context.store.failWrites();
    const reply = await visitor.get("/page", { method: kind.method ?? "GET" });
    assertIsError(reply, kind.body || "the page");
    assert.equal(reply.headers["location"], undefined, "the error response redirects");
    assert.equal(reply.isComplete, true, "the error response is cut");
    context.store.repair();
    assert.deepEqual(await shown(visitor), {});
  });
}

function startWriting(context: ConformanceParts, kind: Kind, folder: string) {
  return context.start({
    "GET /show": SHOW,
    "GET /page": async (sessions, request) => {
      const session = await sessions.from(request);
      session.data["written"] = true;
      return kind.answer(folder);
    },
  });
}

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "sojourn-"));
  try {
    await writeFile(join(folder, "page.txt"), "f".repeat(100_000));
    await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function* listed(...chunks: readonly string[]): AsyncGenerator<string> {
  yield* chunks;
}

/** Tests of what a session costs and keeps. */
export const SESSIONS: ConformanceTests = {
  async "a page that leaves its session alone sends no command to the store"({ store, start }) {
    const visitor = await start({ "GET /count": COUNT, "GET /page": async () => text });
    await visitor.get("/count");
    store.takeCalls();
    const reply = await visitor.get("/page");
    assert.deepEqual([reply.status, reply.body], [200, "the page"]);
    assert.deepEqual([store.takeCalls(), reply.setCookie], [[], []]);
    assert.doesNotMatch(String(reply.headers["vary"]), /\bcookie\b/i);
  },

  async "a page that reads its session sends one command, and one that writes sends two"({ store, start }) {
    const visitor = await start({ "GET /count": COUNT, "GET /show": SHOW });
    await visitor.get("/count");
    store.takeCalls();
    assert.deepEqual(await shown(visitor), { visits: 1 });
    assert.equal(store.takeCalls().length, 1);
    assert.equal((await visitor.get("/count")).body, "visit 2");
    assert.equal(store.takeCalls().length, 2);
  },

  async "a visitor who only reads an empty session gets no cookie, and nothing is stored"({ store, start }) {
    const visitor = await start({ "GET /show": SHOW });
    const reply = await visitor.get("/show");
    assert.deepEqual([reply.body, reply.setCookie, store.takeCalls()], ["{}", [], []]);
  },

  async "a session goes from one request to the next, and to no other visitor"({ start, visitor }) {
    const first = await start({ "GET /count": COUNT });
    assert.equal((await first.get("/count")).body, "visit 1");
    assert.equal((await first.get("/count")).body, "visit 2");
    assert.equal((await visitor().get("/count")).body, "visit 1");
  },

  async "a response that depends on its session says Vary: Cookie, and is private"({ start }) {
    const visitor = await start({ "GET /show": SHOW });
    const { headers } = await visitor.get("/show");
    assert.match(String(headers["vary"]), /\bcookie\b/i);
    assert.match(String(headers["cache-control"]), /\bprivate\b/);
  },

  async "the application's own cookies are kept beside the session's"({ start }) {
    const visitor = await start({
      "GET /page": async (sessions, request) => {
        const session = await sessions.from(request);
        session.data["written"] = true;
        return { kind: "text", body: "the page", cookies: ["a=1; Path=/", "b=2; Path=/"] };
      },
    });
    const { setCookie } = await visitor.get("/page");
    assert.deepEqual(setCookie.slice(0, 2), ["a=1; Path=/", "b=2; Path=/"]);
    assert.equal(setCookie.length, 3);
    assert.match(setCookie[2] ?? "", /^sessionid=/);
  },

  async "20 parallel requests that change different parts of one session lose none of them"({ start }) {
    const visitor = await start({
      "GET /count": COUNT,
      "GET /show": SHOW,
      "POST /part": async (sessions, request) => {
        const session = await sessions.from(request);
        session.data[`part ${Math.random()}`] = true;
        return text;
      },
    });
    await visitor.get("/count");
    const replies = await Promise.all(Array.from({ length: 20 }, () => visitor.post("/part")));
    assert.ok(replies.every(({ status }) => status === 200));
    assert.equal(Object.keys(await shown(visitor)).length, 21);
  },

  async "20 parallel updates of one number count to 20"({ start }) {
    const visitor = await start({
      "GET /count": COUNT,
      "GET /show": SHOW,
      "POST /update": async (sessions, request) => {
        const session = await sessions.from(request);
        await session.update((data) => {
          data["n"] = Number(data["n"] ?? 0) + 1;
        });
        return text;
      },
    });
    await visitor.get("/count");
    await Promise.all(Array.from({ length: 20 }, () => visitor.post("/update")));
    assert.deepEqual(await shown(visitor), { visits: 1, n: 20 });
  },

  async "a login gives a new cookie, and a logout ends it"({ start }) {
    const visitor = await start({
      "GET /user": USER,
      "POST /login": async (sessions, request) => {
        await (await sessions.from(request)).login("42");
        return { kind: "redirect", location: "/user" };
      },
      "POST /logout": async (sessions, request) => {
        await (await sessions.from(request)).logout();
        return { kind: "redirect", location: "/user" };
      },
    });
    assert.equal((await visitor.post("/login")).setCookie.length, 1);
    assert.equal((await visitor.get("/user")).body, "42");
    assert.match((await visitor.post("/logout")).setCookie[0] ?? "", /Max-Age=0/i);
    assert.equal((await visitor.get("/user")).body, "undefined");
  },
};
