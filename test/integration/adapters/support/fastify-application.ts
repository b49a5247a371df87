import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import fastify, { type FastifyReply } from "fastify";
import { fastifySessions, type WithSession } from "sojourn/adapters/fastify";
import type {
  AdapterTestAnswer,
  AdapterTestApplication,
  AdapterTestData,
  StartedAdapterApplication,
} from "sojourn/testing";
import { answerByNode } from "./conformance.ts";

export async function startFastify({
  mounts,
  routes,
  trustsProxy,
  protocol,
  around,
  answerError,
}: AdapterTestApplication): Promise<StartedAdapterApplication> {
  const app = fastify({
    trustProxy: trustsProxy,
    forceCloseConnections: true,
    serverFactory: (handler) => {
      const listener = around(handler);
      // Fastify's types know its servers of HTTP/2 by options alone.
      return protocol === "HTTP/2" ? (createHttp2Server(listener as never) as never) : createServer(listener);
    },
  });
  for (const { sessions, eager, crossSite } of mounts)
    await app.register(fastifySessions(sessions, { eager, crossSite }));
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = answerError(error);
    return reply.code(status).send(body);
  });
  for (const { method, path, handle } of routes) {
    app.route({
      method,
      url: path,
      handler: async (request, reply) => {
        const { session } = request as object as Partial<WithSession<object, AdapterTestData>>;
        return answerByFastify(reply, await handle(request, session));
      },
    });
  }
  await app.listen({ port: 0, host: "127.0.0.1" });
  return {
    port: (app.server.address() as AddressInfo).port,
    close: () => app.close(),
    inject: async ({ method, path, headers }) => {
      const reply = await app.inject({ method: method as "GET", url: path, headers });
      return {
        status: reply.statusCode,
        setCookie: [reply.headers["set-cookie"] ?? []].flat(),
        body: reply.body,
      };
    },
  };
}

async function answerByFastify(reply: FastifyReply, answer: AdapterTestAnswer): Promise<unknown> {
  switch (answer.kind) {
    case "text":
      for (const cookie of answer.cookies ?? []) reply.header("Set-Cookie", cookie);
      return reply.code(answer.status ?? 200).send(answer.body);
    case "json":
      return answer.value;
    case "redirect":
      return reply.redirect(answer.location, answer.status);
    case "empty":
      return reply.code(answer.status).send();
    case "file":
      return reply.send(createReadStream(answer.path));
    case "stream":
      return reply.send(Readable.from(answer.chunks, { objectMode: false }));
    case "events":
      return reply.type("text/event-stream").send(Readable.from(answer.events, { objectMode: false }));
    case "raw":
      reply.hijack();
      await answerByNode(reply.raw, answer);
      return undefined;
  }
}
