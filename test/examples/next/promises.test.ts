import { describePromisesThrough } from "../describe-promises.ts";
import { startOn } from "./next-application.ts";
import { NextServer } from "./next-server.ts";

describePromisesThrough("nextSessions", startOn(NextServer.forFile()));
