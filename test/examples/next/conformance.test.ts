import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { nextSessions } from "sojourn/adapters/next";
import type { AdapterTestAnswer, AdapterTestApplication, AdapterTestRoute } from "sojourn/testing";
import { describeOnStores, serve } from "../../integration/adapters/support/conformance.ts";
import { NextApplication, type RouteHandler } from "./next-server.ts";

const next = NextApplication.forFile();

describeOnStores("nextSessions", {
  lacks: {
    raw: "a route handler has no other response",
    proxies: "Next always trusts forwarded headers: actions.test.ts has a test of it",
    listener: "Next gives its handlers no request of Node",
    injection: "Next has none",
    http2: "Next's server has none",
  },
  start: (application) => serve(application, next.listener(handlerOf(application))),
});

function handlerOf({ mounts, routes, answerError }: AdapterTestApplication): RouteHandler {
  const onError = (error: unknown): Response => {
    const { status, body } = answerError(error);
    return new Response(body, { status });
  };
  return async (request) => {
    const path = new URL(request.url).pathname.replace("/conformance", "");
    const method = request.method === "HEAD" ? "GET" : request.method;
    const route = routes.find((each) => each.method === method && each.path === path) as AdapterTestRoute;
    const wrapped = mounts.toReversed().reduce<RouteHandler>(
      (handler, { sessions, crossSite, eager }) => {
        const { withSession } = nextSessions(sessions, { crossSite, onError });
        if (!eager) return withSession((each) => handler(each), { eager: false }) as RouteHandler;
        return withSession(async (each, session) =>
          answerOf(await route.handle(each, session)),
        ) as RouteHandler;
      },
      async (each) => answerOf(await route.handle(each)),
    );
    return wrapped(request);
  };
}

function answerOf(answer: AdapterTestAnswer): Response {
  switch (answer.kind) {
    case "text": {
      const response = new Response(answer.body, { status: answer.status ?? 200 });
      for (const cookie of answer.cookies ?? []) response.headers.append("Set-Cookie", cookie);
      return response;
    }
    case "json":
      return Response.json(answer.value);
    case "redirect":
      return new Response(null, { status: 302, headers: { Location: answer.location } });
    case "empty":
      return new Response(null, { status: answer.status });
    case "file":
      return new Response(streamOf(createReadStream(answer.path)));
    case "stream":
      return new Response(streamOf(Readable.from(bytesOf(answer.chunks))));
    case "events":
      return new Response(streamOf(Readable.from(bytesOf(answer.events))), {
        headers: { "Content-Type": "text/event-stream" },
      });
    case "raw":
      throw new Error("A route handler has no other response.");
  }
}

function streamOf(stream: Readable): ReadableStream {
  return Readable.toWeb(stream) as ReadableStream;
}

async function* bytesOf(texts: AsyncIterable<string>): AsyncGenerator<Buffer> {
  for await (const text of texts) yield Buffer.from(text);
}
