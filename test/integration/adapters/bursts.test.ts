import { test } from "vitest";
import { isSoak, scaled } from "../../support/scale.ts";
import { BURST_EVENTS, expectNoFindings, SIZE } from "../sessions/bursts/burst-visitor.ts";
import { describeAdapters } from "./support/describe-adapters.ts";

// Few for each adapter: what they have in common gets more of them in test/integration/sessions.
const BURSTS = scaled(2, 200);
const TIMEOUT = isSoak ? 1_800_000 : 120_000;

describeAdapters((open, start) => {
  test.each(Object.entries(BURST_EVENTS))(
    `${BURSTS} bursts of ${SIZE} requests around %s: nobody is logged out, nor in again, no update is lost, and no late request begins a session`,
    async (_, event) => expectNoFindings(await open(), event, { bursts: BURSTS, start }),
    TIMEOUT,
  );
});
