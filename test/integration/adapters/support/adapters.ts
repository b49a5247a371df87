import express from "express";
import type { AdapterTestApplication, StartedAdapterApplication } from "sojourn/testing";
import { startExpress } from "./express-application.ts";
import { express4 } from "./express.ts";
import { startFastify } from "./fastify-application.ts";
import { startKoa } from "./koa-application.ts";
import { startNode } from "./node-application.ts";

/** Starts an application, as its framework's users would write it, on a free port. */
export type StartApplication = (application: AdapterTestApplication) => Promise<StartedAdapterApplication>;

export const startExpress5: StartApplication = (application) => startExpress(express, application);

/** The adapters through which the promises over HTTP are tested. */
export const ADAPTERS: Readonly<Record<string, StartApplication>> = {
  nodeSessions: startNode,
  "expressSessions on Express 5": startExpress5,
  "expressSessions on Express 4": (application) => startExpress(express4, application),
  fastifySessions: startFastify,
  koaSessions: startKoa,
};
