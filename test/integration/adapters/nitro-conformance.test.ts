import { describeOnStores } from "./support/conformance.ts";
import { startNitro } from "./support/nitro-application.ts";

describeOnStores("nitroSessions", { start: startNitro });
