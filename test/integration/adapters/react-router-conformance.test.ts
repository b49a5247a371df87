import { describeOnStores } from "./support/conformance.ts";
import { startReactRouter } from "./support/react-router-application.ts";

describeOnStores("reactRouterSessions", {
  lacks: {
    raw: "only web responses reach the server",
    listener: "the bridge of the test gives no request of Node",
  },
  start: startReactRouter,
});
