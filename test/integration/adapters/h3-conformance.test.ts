import { describeOnStores } from "./support/conformance.ts";
import { startH3, startH3OnNode } from "./support/h3-application.ts";

describeOnStores("h3Sessions, on Node's response", { start: startH3OnNode });

describeOnStores("h3Sessions, on web responses", {
  lacks: { raw: "only web responses reach the server" },
  start: startH3,
});
