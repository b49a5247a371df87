import { startExpress4, startExpress5 } from "./express-application.ts";
import { startFastify } from "./fastify-application.ts";
import { startFetch, startFetchOnNode } from "./fetch-application.ts";
import { startH3, startH3OnNode } from "./h3-application.ts";
import { startHono, startHonoOnNode } from "./hono-application.ts";
import { startKoa } from "./koa-application.ts";
import { startNest } from "./nest-application.ts";
import { startNode } from "./node-application.ts";
import { startReactRouter } from "./react-router-application.ts";
import type { StartApplication } from "./start-application.ts";

/** The adapters through which the promises over HTTP are tested. */
export const ADAPTERS: Readonly<Record<string, StartApplication>> = {
  nodeSessions: startNode,
  "expressSessions on Express 5": startExpress5,
  "expressSessions on Express 4": startExpress4,
  fastifySessions: startFastify,
  koaSessions: startKoa,
  "fetchSessions on Node's response": startFetchOnNode,
  "fetchSessions on web responses": startFetch,
  "honoSessions on Node's response": startHonoOnNode,
  "honoSessions on web responses": startHono,
  "h3Sessions on Node's response": startH3OnNode,
  "h3Sessions on web responses": startH3,
  reactRouterSessions: startReactRouter,
  "SessionsModule on Express": (application) => startNest("Express", application),
  "SessionsModule on Fastify": (application) => startNest("Fastify", application),
};
