import { describePromisesThrough } from "../describe-promises.ts";
import { BuiltApplication } from "./built-application.ts";
import { startOn } from "./sveltekit-application.ts";

describePromisesThrough("sveltekitSessions", startOn(BuiltApplication.forFile()));
