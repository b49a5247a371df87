import { describeOnStores } from "./support/conformance.ts";
import { startReactRouter } from "./support/react-router-application.ts";

describeOnStores("reactRouterSessions", {
  lacks: {
    raw: "only web responses reach the server",
    listener: "the bridge of the test gives no request of Node",
  },
  skip: [
    {
      reason: "React Router abandons the loaders of a request whose client has left, and answers with a 500",
      tests: ["a request whose client leaves is saved all the same"],
    },
  ],
  start: startReactRouter,
});
