import { afterAll, beforeAll, describe, test } from "vitest";
import { BURST_EVENTS, expectNoFindings, SIZE } from "../integration/sessions/bursts/burst-visitor.ts";
import type { StartApplication } from "../integration/adapters/support/start-application.ts";
import { describeCommands } from "../integration/sessions/suites/commands.ts";
import { describeDurability } from "../integration/sessions/suites/durability.ts";
import { type Open, openMemory } from "../integration/sessions/suites/open.ts";
import { describePromises } from "../integration/sessions/suites/promises.ts";
import { describeWithEngine, ENGINES } from "../support/engines/engines.ts";
import { placeOn } from "../support/engines/test-space.ts";
import { describeWithRedis, RedisServer } from "../support/redis-server.ts";
import { isSoak, scaled } from "../support/scale.ts";

const BURSTS = scaled(2, 100);
const TIMEOUT = isSoak ? 1_800_000 : 120_000;

/** Adds the tests of the promises over HTTP through a built application, in memory and on Redis. */
export function describePromisesThrough(adapter: string, start: StartApplication): void {
  describe(`${adapter}, sessions in memory`, () => {
    describeWith(openMemory, start);
  });

  for (const engine of ENGINES.filter(({ name }) => name === "Redis")) {
    describeWithEngine(engine, `${adapter}, sessions`, () => {
      const place = placeOn(engine);
      describeWith(() => place.open(), start);
    });
  }

  describeWithRedis(`${adapter}, commands that the client sends`, () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await RedisServer.start();
    });
    afterAll(() => server.stop());
    describeCommands(() => server, start);
  });
}

function describeWith(open: Open, start: StartApplication): void {
  describePromises(open, start);
  describeDurability(open, start);
  test.each(Object.entries(BURST_EVENTS))(
    `${BURSTS} bursts of ${SIZE} requests around %s: nobody is logged out, nor in again, no update is lost, and no late request begins a session`,
    async (_, event) => expectNoFindings(await open(), event, { bursts: BURSTS, start }),
    TIMEOUT,
  );
}
