import { createReadStream } from "node:fs";
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  RequestMapping,
  RequestMethod,
  Req,
  Res,
  StreamableFile,
  type Type,
} from "@nestjs/common";
import type { AbstractHttpAdapter } from "@nestjs/core";
import type { FastifyAdapter } from "@nestjs/platform-fastify";
import { CurrentSession, SessionsModule } from "sojourn/adapters/nest";
import type { Session } from "sojourn";
import type {
  AdapterTestAnswer,
  AdapterTestApplication,
  AdapterTestData,
  AdapterTestRoute,
  StartedAdapterApplication,
} from "sojourn/testing";
import { answerByNode } from "./conformance.ts";
import { createNest, listen, type Platform } from "./nest.ts";

/** Starts an application of Nest on a platform. */
export async function startNest(
  platform: Platform,
  application: AdapterTestApplication,
): Promise<StartedAdapterApplication> {
  const { mounts, routes, answerError } = application;
  const app = await createNest(
    platform,
    {
      imports: mounts.map((mounted) => SessionsModule.forRoot(mounted)),
      controllers: [controllerOf(routes, mounts[0]?.eager === true, () => app.getHttpAdapter() as never)],
    },
    { server: application, forceCloseConnections: true },
  );
  app.useGlobalFilters(new ErrorPage(answerError, app.getHttpAdapter() as AbstractHttpAdapter));
  const port = await listen(app);
  return {
    port,
    close: () => app.close(),
    ...(platform === "Fastify" && { inject: injectBy(app.getHttpAdapter() as FastifyAdapter) }),
  };
}

function injectBy(adapter: FastifyAdapter): NonNullable<StartedAdapterApplication["inject"]> {
  return async ({ method, path, headers }) => {
    const reply = await adapter.inject({ method: method as "GET", url: path, headers });
    return {
      status: reply.statusCode,
      setCookie: [reply.headers["set-cookie"] ?? []].flat(),
      body: reply.body,
    };
  };
}

@Catch()
class ErrorPage implements ExceptionFilter {
  readonly #answerError: AdapterTestApplication["answerError"];
  readonly #adapter: AbstractHttpAdapter;

  constructor(answerError: AdapterTestApplication["answerError"], adapter: AbstractHttpAdapter) {
    this.#answerError = answerError;
    this.#adapter = adapter;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const { status, body } = this.#answerError(error);
    const response = host.switchToHttp().getResponse<object>();
    if (this.#adapter.isHeadersSent(response)) this.#adapter.end(response);
    else this.#adapter.reply(response, body, status);
  }
}

/** A controller whose methods answer as a handler with `@Res()` does, by Nest's own `reply`. */
function controllerOf(
  routes: readonly AdapterTestRoute[],
  isEager: boolean,
  adapter: () => AbstractHttpAdapter,
): Type {
  @Controller()
  class Routes {
    async answer(response: object, answer: Promise<AdapterTestAnswer>): Promise<void> {
      await answerByNest(adapter(), response, await answer);
    }
  }
  for (const [index, { method, path, handle }] of routes.entries()) {
    const name = `route${index}`;
    const value = async function value(
      this: Routes,
      request: object,
      response: object,
      session?: Session<AdapterTestData>,
    ): Promise<void> {
      await this.answer(response, handle(request, session));
    };
    const descriptor = { value, configurable: true };
    Object.defineProperty(Routes.prototype, name, descriptor);
    Req()(Routes.prototype, name, 0);
    Res()(Routes.prototype, name, 1);
    if (isEager) CurrentSession()(Routes.prototype, name, 2);
    RequestMapping({ method: RequestMethod[method], path })(Routes.prototype, name, descriptor);
  }
  return Routes;
}

async function answerByNest(
  adapter: AbstractHttpAdapter,
  response: object,
  answer: AdapterTestAnswer,
): Promise<void> {
  switch (answer.kind) {
    case "text":
      for (const cookie of answer.cookies ?? []) adapter.appendHeader(response, "Set-Cookie", cookie);
      adapter.reply(response, answer.body, answer.status ?? 200);
      return;
    case "json":
      adapter.reply(response, answer.value, 200);
      return;
    case "redirect":
      adapter.redirect(response, answer.status ?? 302, answer.location);
      return;
    case "empty":
      adapter.reply(response, undefined, answer.status);
      return;
    case "file":
      adapter.reply(response, new StreamableFile(createReadStream(answer.path)), 200);
      return;
    case "stream":
      adapter.reply(response, new StreamableFile(Readable.from(answer.chunks, { objectMode: false })), 200);
      return;
    case "events": {
      const events = Readable.from(answer.events, { objectMode: false });
      adapter.reply(response, new StreamableFile(events, { type: "text/event-stream" }), 200);
      return;
    }
    case "raw":
      await answerByNode(hijack(response), answer);
  }
}

function hijack(response: object): ServerResponse {
  if (!("hijack" in response)) return response as ServerResponse;
  const reply = response as { hijack(): void; readonly raw: ServerResponse };
  reply.hijack();
  return reply.raw;
}
