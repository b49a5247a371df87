import { describeWithEngine, describeInMemory, TRIED } from "../../support/engines/engines.ts";
import { placeOn } from "../../support/engines/test-space.ts";
import { openMemory } from "./suites/open.ts";
import { describePromises } from "./suites/promises.ts";

// On Express 5; test/integration/adapters/promises.test.ts has the other frameworks.
describeInMemory("sessions in memory", () => {
  describePromises(openMemory);
});

for (const engine of TRIED) {
  describeWithEngine(engine, "sessions", () => {
    const place = placeOn(engine);
    describePromises(() => place.open());
  });
}
