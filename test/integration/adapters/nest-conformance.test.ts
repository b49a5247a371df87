import { describeOnStores } from "./support/conformance.ts";
import { startNest } from "./support/nest-application.ts";

describeOnStores("SessionsModule, on Express", {
  lacks: { http2: "Express has none", injection: "Express has none" },
  start: (application) => startNest("Express", application),
});

describeOnStores("SessionsModule, on Fastify", {
  start: (application) => startNest("Fastify", application),
});
