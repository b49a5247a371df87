import { describeOnStores } from "../../integration/adapters/support/conformance.ts";
import { startOn } from "./next-application.ts";
import { NextServer } from "./next-server.ts";

describeOnStores("nextSessions", {
  lacks: {
    raw: "a route handler has no other response",
    proxies: "Next always trusts forwarded headers: actions.test.ts has a test of it",
    listener: "Next gives its handlers no request of Node",
    injection: "Next has none",
    http2: "Next's server has none",
  },
  start: startOn(NextServer.forFile()),
});
