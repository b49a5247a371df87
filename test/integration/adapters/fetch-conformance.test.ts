import { describeOnStores } from "./support/conformance.ts";
import { startFetch, startFetchOnNode, startFetchOnSrvx } from "./support/fetch-application.ts";

describeOnStores("fetchSessions, on a server that gives Node's response as an argument", {
  start: startFetchOnNode,
});

describeOnStores("fetchSessions, on a server that gives Node's response in the request", {
  lacks: { raw: "srvx has none" },
  start: startFetchOnSrvx,
});

describeOnStores("fetchSessions, on a server that gives requests only", {
  lacks: { raw: "only web responses reach the server" },
  start: startFetch,
});
