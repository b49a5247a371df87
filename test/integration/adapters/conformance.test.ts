import { describe } from "vitest";
import { describeOnStores } from "./support/conformance.ts";
import { startExpress } from "./support/express-application.ts";
import { EXPRESSES } from "./support/express.ts";
import { startNode } from "./support/node-application.ts";

describeOnStores("nodeSessions", { lacks: { injection: "Node has none" }, start: startNode });

describe.each(EXPRESSES)("%s", (name, express) => {
  describeOnStores(`expressSessions, ${name}`, {
    lacks: { http2: "Express has none", injection: "Express has none" },
    start: (application) => startExpress(express, application),
  });
});
