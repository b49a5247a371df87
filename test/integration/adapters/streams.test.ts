import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, test } from "vitest";
import { nodeSessions } from "sojourn/adapters/node";
import { PATIENT, TestServer, turns } from "./support/http.ts";
import { hasNoHead, testUnless } from "./support/protocol.ts";
import { defer, StubSessions } from "./support/stub-sessions.ts";

const MEGABYTE = 1024 * 1024;

type Handler = (response: ServerResponse, request: IncomingMessage) => unknown;

async function serve(handler: Handler): Promise<{ server: TestServer; sessions: StubSessions }> {
  const sessions = new StubSessions();
  const listener = nodeSessions(sessions, (request, response) => {
    sessions.use(request);
    return handler(response, request);
  });
  return { server: await TestServer.start(listener), sessions };
}

/** A stream of bytes, which counts how many were taken from it. */
class Source extends Readable {
  taken = 0;
  readonly #size: number;

  constructor(size: number) {
    super({ highWaterMark: 64 * 1024 });
    this.#size = size;
  }

  override _read(): void {
    const length = Math.min(64 * 1024, this.#size - this.taken);
    this.taken += length;
    this.push(length === 0 ? null : Buffer.alloc(length, this.taken % 251));
  }
}

function digestOf(size: number): Promise<string> {
  return digest(new Source(size));
}

async function digest(stream: AsyncIterable<unknown>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

describe("back-pressure", () => {
  test.each<[string, number, (source: Source, response: ServerResponse) => unknown]>([
    ["pipe", 50, (source, response) => source.pipe(response)],
    ["pipeline", 5, (source, response) => pipeline(source, response)],
    [
      "a loop that waits for drain",
      5,
      async (source, response) => {
        for await (const chunk of source) if (!response.write(chunk)) await once(response, "drain");
        response.end();
      },
    ],
  ])(
    "by %s: %i MB wait outside while the session is being saved, and then come whole",
    async (_name, size, send) => {
      const source = new Source(size * MEGABYTE);
      const { server, sessions } = await serve((response) => send(source, response));
      const saving = sessions.holdSaves();
      const reply = server.get();
      await expect.poll(() => sessions.scopes[0]?.finishes.length, PATIENT).toBe(1);
      await turns(100);
      expect(source.taken).toBeLessThan(MEGABYTE);
      saving.resolve();
      const body = Buffer.from((await reply).body, "latin1");
      expect(await digest(Readable.from([body]))).toBe(await digestOf(size * MEGABYTE));
    },
  );

  test("a client that does not read stops the stream, as without sessions", async () => {
    const source = new Source(50 * MEGABYTE);
    const { server, sessions } = await serve((response) => source.pipe(response));
    sessions.save = () => turns(3);
    const client = await server.connect();
    client.socket.pause();
    client.get("/");
    await expect.poll(() => source.taken, PATIENT).toBeGreaterThan(0);
    await turns(500);
    expect(source.taken).toBeLessThan(40 * MEGABYTE);
  });

  test("small writes may go on while they wait, as while a response of Node waits for its socket", async () => {
    const answers: boolean[] = [];
    const { server, sessions } = await serve((response) => {
      for (const size of [10, 10, response.writableHighWaterMark])
        answers.push(response.write("x".repeat(size)));
      response.end();
    });
    sessions.save = () => turns(3);
    await server.get();
    expect(answers).toEqual([true, true, false]);
  });

  testUnless(hasNoHead)("drain comes also where Node takes all at once: a response to HEAD", async () => {
    const { server, sessions } = await serve(async (response) => {
      if (!response.write("x".repeat(response.writableHighWaterMark))) await once(response, "drain");
      response.end();
    });
    sessions.save = () => turns(3);
    expect(await server.get("/", { method: "HEAD" })).toMatchObject({ status: 200, body: "" });
  });

  test("drain comes once for a writer that was asked to pause, after the save", async () => {
    const events: string[] = [];
    const drained = defer();
    const { server, sessions } = await serve((response) => {
      response.on("drain", () => {
        events.push("drain");
        drained.resolve();
      });
      response.write("x".repeat(response.writableHighWaterMark));
    });
    const saving = sessions.holdSaves();
    const client = await server.connect();
    client.get("/");
    await expect.poll(() => sessions.scopes[0]?.finishes.length, PATIENT).toBe(1);
    await turns();
    events.push("saved");
    saving.resolve();
    await drained.promise;
    await turns(50);
    expect(events).toEqual(["saved", "drain"]);
  });
});

describe("server-sent events", () => {
  test("the first event waits for the save, the others do not, and the cookie comes with the head", async () => {
    const next: (() => void)[] = [];
    const { server, sessions } = await serve((response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      for (const name of ["one", "two", "three"]) next.push(() => response.write(`data: ${name}\n\n`));
      next.shift()?.();
    });
    const saving = sessions.holdSaves();
    const client = await server.connect();
    client.get("/");
    await expect.poll(() => sessions.scopes[0]?.finishes.length, PATIENT).toBe(1);
    await turns();
    expect(client.received).toBe("");
    saving.resolve();
    expect(await client.waitFor("data: one\n\n")).toContain("Set-Cookie: sessionid=new");
    next.shift()?.();
    await client.waitFor("data: two\n\n");
    next.shift()?.();
    await client.waitFor("data: three\n\n");
    expect(sessions.last.finishes).toHaveLength(1);
  });

  test("flushHeaders lets the head go alone, as soon as the session is saved", async () => {
    const { server, sessions } = await serve((response) => response.flushHeaders());
    const saving = sessions.holdSaves();
    const client = await server.connect();
    client.get("/");
    await expect.poll(() => sessions.scopes[0]?.finishes.length, PATIENT).toBe(1);
    await turns();
    expect(client.received).toBe("");
    saving.resolve();
    const head = await client.waitFor("\r\n\r\n");
    expect(head).toContain("Set-Cookie: sessionid=new");
    expect(head.endsWith("\r\n\r\n")).toBe(true);
  });
});
