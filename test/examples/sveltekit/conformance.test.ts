import { describeOnStores } from "../../integration/adapters/support/conformance.ts";
import { BuiltApplication } from "./built-application.ts";
import { startOn } from "./sveltekit-application.ts";

describeOnStores("sveltekitSessions", {
  lacks: { raw: "only web responses reach the server", injection: "SvelteKit has none" },
  start: startOn(BuiltApplication.forFile()),
});
