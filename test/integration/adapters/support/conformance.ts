import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { redisSessionStore } from "sojourn/stores/redis";
import {
  type AdapterSuiteOptions,
  type AdapterTestAnswer,
  type AdapterTestApplication,
  describeAdapter,
  type StartedAdapterApplication,
} from "sojourn/testing";
import { afterAll, beforeAll, describe, vi } from "vitest";
import { redisTest } from "../../../support/fixtures/redis.ts";
import { describeWithRedis, type RedisServer } from "../../../support/redis-server.ts";

/** Keeps errors that a test has asked for off the output: adapters print those of late changes. */
function hideAskedErrors(): void {
  let restore: () => void = () => {};
  beforeAll(() => {
    const { error: print } = console;
    const spy = vi.spyOn(console, "error").mockImplementation((...args) => {
      if (!String(args[0]).includes("as the test asked")) print(...args);
    });
    restore = () => spy.mockRestore();
  });
  afterAll(() => restore());
}

/** Runs the suite on memory alone: for another version of a framework. */
export function describeInMemory(name: string, options: AdapterSuiteOptions): void {
  hideAskedErrors();
  describeAdapter({ describe, it: redisTest }, `${name}, sessions in memory`, options);
}

/** Runs the suite on memory and on Redis. */
export function describeOnStores(name: string, options: AdapterSuiteOptions): void {
  describeInMemory(name, options);
  describeWithRedis("on Redis", () => {
    let server: RedisServer;
    redisTest.beforeAll(async ({ server: started }) => {
      server = started;
    });
    describeAdapter({ describe, it: redisTest }, `${name}, sessions in Redis`, {
      ...options,
      store: redisSessionStore(),
      redis: () => ({ default: server.settings }),
    });
  });
}

/** Starts a server, of HTTP/2 where the application asks for it. */
export async function serve(
  { protocol, around }: AdapterTestApplication,
  listener: RequestListener,
): Promise<StartedAdapterApplication> {
  return listening(protocol === "HTTP/2" ? createHttp2(around(listener)) : createServer(around(listener)));
}

function createHttp2(listener: RequestListener): Server {
  return createHttp2Server(listener as never) as unknown as Server;
}

async function listening(server: Server): Promise<StartedAdapterApplication> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sends an answer by Node's own response. */
export async function answerByNode(response: ServerResponse, answer: AdapterTestAnswer): Promise<void> {
  switch (answer.kind) {
    case "text":
      if (answer.cookies) response.setHeader("Set-Cookie", answer.cookies);
      response.writeHead(answer.status ?? 200, { "Content-Type": "text/plain" }).end(answer.body);
      return;
    case "json":
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(answer.value));
      return;
    case "redirect":
      response.writeHead(answer.status ?? 302, { Location: answer.location }).end();
      return;
    case "empty":
      response.writeHead(answer.status).end();
      return;
    case "file":
      await pipeline(createReadStream(answer.path), response).catch(() => {});
      return;
    case "stream":
      await pipeline(Readable.from(answer.chunks), response).catch(() => {});
      return;
    case "events":
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      await pipeline(Readable.from(answer.events), response).catch(() => {});
      return;
    case "raw":
      response.writeHead(200, { "Content-Type": "text/plain" });
      response.write(answer.body.slice(0, 4));
      response.end(answer.body.slice(4));
  }
}
