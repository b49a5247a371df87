import { describeOnStores } from "./support/conformance.ts";
import { startFastify } from "./support/fastify-application.ts";

describeOnStores("fastifySessions", { start: startFastify });
