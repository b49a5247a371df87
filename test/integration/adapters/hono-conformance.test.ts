import { describeOnStores } from "./support/conformance.ts";
import { startHono, startHonoOnNode } from "./support/hono-application.ts";

describeOnStores("honoSessions, on Node's response", { start: startHonoOnNode });

describeOnStores("honoSessions, on web responses", {
  lacks: { raw: "only web responses reach the server" },
  start: startHono,
});
