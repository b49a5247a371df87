import { describe, test } from "vitest";
import { describeWithEngine, ENGINES } from "../../support/engines/engines.ts";
import { placeOn } from "../../support/engines/test-space.ts";
import { isSoak, scaled } from "../../support/scale.ts";
import { startNode } from "../adapters/support/node-application.ts";
import { BURST_EVENTS, expectNoFindings, SIZE } from "./bursts/burst-visitor.ts";
import { openMemory } from "./suites/open.ts";

const BURSTS = scaled(10, 200);
const events = Object.entries(BURST_EVENTS);
const TIMEOUT = isSoak ? 1_800_000 : 120_000;

// Over HTTP by nodeSessions, in memory and in Redis; test/integration/adapters/bursts.test.ts has the other adapters.
describe(`${BURSTS} bursts of ${SIZE} requests of one browser, on memory`, () => {
  test.each(events)(
    "%s: nobody is logged out, nor in again, no update is lost, and no late request begins a session",
    async (_, event) => expectNoFindings(await openMemory(), event, { bursts: BURSTS, start: startNode }),
    TIMEOUT,
  );
});

for (const engine of ENGINES) {
  describeWithEngine(engine, `${BURSTS} bursts of ${SIZE} requests of one browser`, () => {
    const place = placeOn(engine);
    const start = engine.name === "Redis" ? startNode : undefined;

    test.each(events)(
      "%s: nobody is logged out, nor in again, no update is lost, and no late request begins a session",
      async (_, event) => expectNoFindings(await place.open(), event, { bursts: BURSTS, start }),
      TIMEOUT,
    );
  });
}
