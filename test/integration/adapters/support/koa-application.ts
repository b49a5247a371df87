import { createReadStream } from "node:fs";
import type { RequestListener } from "node:http";
import { Readable } from "node:stream";
import Koa, { type Context } from "koa";
import { koaSessions } from "sojourn/adapters/koa";
import type {
  AdapterTestAnswer,
  AdapterTestApplication,
  AdapterTestData,
  StartedAdapterApplication,
} from "sojourn/testing";
import type { Session } from "sojourn";
import { answerByNode, serve } from "./conformance.ts";

interface KoaOptions {
  /** Whether middleware catches errors, in place of Koa's own handler. @defaultValue `true` */
  readonly hasErrorPage?: boolean;
}

export function startKoa(
  application: AdapterTestApplication,
  options?: KoaOptions,
): Promise<StartedAdapterApplication> {
  return serve(application, koaApplication(application, options));
}

function koaApplication(
  { mounts, routes, trustsProxy, answerError }: AdapterTestApplication,
  { hasErrorPage = true }: KoaOptions = {},
): RequestListener {
  const app = new Koa({ proxy: trustsProxy });
  app.silent = true;
  if (hasErrorPage) app.use(catchErrors(answerError));
  else answerOnError(app, answerError);
  for (const { sessions, eager, crossSite } of mounts) app.use(koaSessions(sessions, { eager, crossSite }));
  app.use(async (ctx) => {
    const method = ctx.method === "HEAD" ? "GET" : ctx.method;
    const route = routes.find((each) => each.method === method && each.path === ctx.path);
    const { session } = ctx.state as { readonly session?: Session<AdapterTestData> };
    if (route) await answerByKoa(ctx, await route.handle(ctx, session));
  });
  const listener = app.callback();
  return (request, response) => void listener(request, response);
}

function catchErrors(answerError: AdapterTestApplication["answerError"]): Koa.Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const { status, body } = answerError(error);
      ctx.status = status;
      ctx.body = body;
    }
  };
}

/** Koa answers by itself: with the error's message, if the error exposes it. */
function answerOnError(app: Koa, answerError: AdapterTestApplication["answerError"]): void {
  app.on("error", (error: Error) => {
    const { status, body } = answerError(error);
    Object.assign(error, { status, message: body, expose: true });
  });
}

async function answerByKoa(ctx: Context, answer: AdapterTestAnswer): Promise<void> {
  switch (answer.kind) {
    case "text":
      for (const cookie of answer.cookies ?? []) ctx.append("Set-Cookie", cookie);
      ctx.status = answer.status ?? 200;
      ctx.body = answer.body;
      return;
    case "json":
      ctx.body = answer.value;
      return;
    case "redirect":
      ctx.status = answer.status ?? 302;
      ctx.redirect(answer.location);
      return;
    case "empty":
      ctx.status = answer.status;
      return;
    case "file":
      ctx.body = createReadStream(answer.path);
      return;
    case "stream":
      ctx.body = Readable.from(answer.chunks, { objectMode: false });
      return;
    case "events":
      ctx.type = "text/event-stream";
      ctx.body = Readable.from(answer.events, { objectMode: false });
      return;
    case "raw":
      ctx.respond = false;
      await answerByNode(ctx.res, answer);
  }
}
