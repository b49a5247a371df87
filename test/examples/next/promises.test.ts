import { describe, test } from "vitest";
import { describeWithEngine, ENGINES } from "../../support/engines/engines.ts";
import { placeOn } from "../../support/engines/test-space.ts";
import { isSoak, scaled } from "../../support/scale.ts";
import { BURST_EVENTS, expectNoFindings, SIZE } from "../../integration/sessions/bursts/burst-visitor.ts";
import { describeDurability } from "../../integration/sessions/suites/durability.ts";
import { type Open, openMemory } from "../../integration/sessions/suites/open.ts";
import { describePromises } from "../../integration/sessions/suites/promises.ts";
import { startOn } from "./next-application.ts";
import { NextServer } from "./next-server.ts";

const BURSTS = scaled(2, 100);
const TIMEOUT = isSoak ? 1_800_000 : 120_000;
const start = startOn(NextServer.forFile());

describe("nextSessions, sessions in memory", () => {
  describeWith(openMemory);
});

for (const engine of ENGINES.filter(({ name }) => name === "Redis")) {
  describeWithEngine(engine, "nextSessions, sessions", () => {
    const place = placeOn(engine);
    describeWith(() => place.open());
  });
}

function describeWith(open: Open): void {
  describePromises(open, start);
  describeDurability(open, start);
  test.each(Object.entries(BURST_EVENTS))(
    `${BURSTS} bursts of ${SIZE} requests around %s: nobody is logged out, nor in again, no update is lost, and no late request begins a session`,
    async (_, event) => expectNoFindings(await open(), event, { bursts: BURSTS, start }),
    TIMEOUT,
  );
}
