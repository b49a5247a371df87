import { describeWithEngine, describeInMemory, TRIED } from "../../support/engines/engines.ts";
import { placeOn } from "../../support/engines/test-space.ts";
import { describeDurability } from "./suites/durability.ts";
import { openMemory } from "./suites/open.ts";

// On Express 5; test/integration/adapters/durability.test.ts has the other frameworks.
describeInMemory("durable before told, in memory", () => {
  describeDurability(openMemory);
});

for (const engine of TRIED) {
  describeWithEngine(engine, "durable before told", () => {
    const place = placeOn(engine);
    describeDurability(() => place.open());
  });
}
