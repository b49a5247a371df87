import { describeOnStores } from "./support/conformance.ts";
import { startKoa } from "./support/koa-application.ts";

describeOnStores("koaSessions", {
  lacks: { injection: "Koa has none" },
  start: (application) => startKoa(application),
});

describeOnStores("koaSessions, errors of Koa's own handler", {
  lacks: {
    injection: "Koa has none",
    head: "Koa's own error response to a HEAD request never ends over HTTP/2, also without sessions",
  },
  start: (application) => startKoa(application, { hasErrorPage: false }),
});
