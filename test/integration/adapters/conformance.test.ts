import { describeOnStores } from "./support/conformance.ts";
import { startExpress4, startExpress5 } from "./support/express-application.ts";
import { startNode } from "./support/node-application.ts";

describeOnStores("nodeSessions", { lacks: { injection: "Node has none" }, start: startNode });

const lacks = { http2: "Express has none", injection: "Express has none" };

describeOnStores("expressSessions, Express 5", { lacks, start: startExpress5 });

describeOnStores("expressSessions, Express 4", { lacks, start: startExpress4 });
