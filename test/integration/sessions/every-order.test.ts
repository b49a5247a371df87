import { describe, expect, test } from "vitest";

import { Random } from "../../support/random.ts";
import { isSoak, scaled, seed } from "../../support/scale.ts";
import { explore, wander } from "./orders/explore.ts";
import { judge } from "./orders/promises.ts";
import { ACTS, type Act, type Scenario, titleOf } from "./orders/scenario.ts";
import { World } from "./orders/world.ts";

/** Interruptions of a request by the other one. The soak plays all orders, but for the longest scenarios. */
const SWITCHES = isSoak ? undefined : 1;
const MAX_ORDERS = 20_000;
const TRIPLES = scaled(150, 100_000);
const TIMEOUT = isSoak ? 7_200_000 : 120_000;

const acts: readonly Act[] = Object.values(ACTS);

function scenariosOf(pair: readonly Act[]): Scenario[] {
  const choices = [true, false];
  return choices.flatMap((isShared) =>
    choices.flatMap((hasOldKey) =>
      choices
        // A visitor who is not logged in cannot be revoked.
        .filter((isLoggedIn) => isLoggedIn || !(pair.includes(ACTS.revokeUser) || pair.includes(ACTS.revoke)))
        .map((isLoggedIn) => ({ acts: pair, isShared, hasOldKey, isLoggedIn })),
    ),
  );
}

describe.each(acts.map((act) => [act.name, act] as const))("a browser that sends at once: %s", (_, first) => {
  const partners = acts.slice(acts.indexOf(first));

  test.each(partners.map((act) => [act.name, act] as const))(
    "and %s: nobody is logged out, nor in again, and no update is lost, in whatever order their steps come",
    async (_name, second) => {
      const world = new World();
      for (const scenario of scenariosOf([first, second])) {
        const { played } = await explore(
          async (choose) => expect(await world.play(scenario, choose, judge)).toStrictEqual([]),
          { orders: MAX_ORDERS, ...(SWITCHES !== undefined && { switches: SWITCHES }) },
        );
        if (isSoak) process.stdout.write(`${titleOf(scenario)}: ${played} orders\n`);
      }
    },
    TIMEOUT,
  );
});

test(
  "three requests of one browser, in random orders of their steps: the same",
  async () => {
    const random = new Random(seed);
    const found: string[] = [];
    const world = new World();
    for (let count = 0; count < TRIPLES && found.length === 0; count++) {
      const [scenario] = scenariosOf([1, 2, 3].map(() => random.pick(acts))).toSorted(
        () => random.next() - 0.5,
      );
      if (scenario)
        await wander(
          async (choose) => void found.push(...(await world.play(scenario, choose, judge))),
          random,
          1,
        );
    }
    expect(found).toStrictEqual([]);
  },
  TIMEOUT,
);
