import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { describeWithEngine, type Engine, ENGINES } from "../../support/engines/engines.ts";
import { placeOn } from "../../support/engines/test-space.ts";
import { isSoak, scaled, seed } from "../../support/scale.ts";
import { ActorProcesses } from "./interleavings/actor-processes.ts";
import { playRuns, type RunsReport } from "./interleavings/play-runs.ts";

const RUNS = scaled(60, 10_000);
/** Maximum number of runs until a spoilt store is found out. */
const SPOILT_RUNS = 2000;
const SOAK_TIMEOUT = 7_200_000;
const TIMEOUT = isSoak ? SOAK_TIMEOUT : 120_000;

let processes: ActorProcesses;

beforeAll(async () => {
  processes = await ActorProcesses.start();
});

afterAll(() => processes?.end());

describe.each(ENGINES)("random interleavings of two processes", (engine) => {
  describeWithEngine(engine, `${RUNS} runs`, () => {
    const place = placeOn(engine);

    test(
      "no update is lost, no session comes back, none shows another one's data",
      async () => {
        const begin = performance.now();
        const stage = {
          engine: await place.describe(),
          hasUsers: engine.hasUsers,
          hasCopies: hasCopies(engine),
          endsEarly: engine.endsEarly,
        };
        const report = await playRuns(processes, stage, { runs: RUNS, seed });
        if (isSoak) tell(engine, report, performance.now() - begin);
        expect(report.bad).toStrictEqual([]);
        expectEverythingToHappen(engine, report);
      },
      TIMEOUT,
    );
  });
});

// The same runs on stores that are wrong: they show that the test can fail.
describe.each([
  ["Redis", "commits whatever version is stored", "blind commit", "lost"],
  ["Redis", "commits what is gone", "undead commit", "resurrected"],
  ["Redis", "tells of a deletion before it is done", "late delete", "resurrected"],
  ["Redis", "fills a cache blindly", "blind refill", "lost", "resurrected"],
  ["Redis", "mixes up what it has read", "crossed reads", "mixed", "phantom"],
  ["Redis in JSON", "sweeps what was renewed", "greedy sweep", "lost"],
] as const)("a store", (name, description, spoil, ...kinds) => {
  const engine = ENGINES.find((each) => each.name === name) as Engine;
  describeWithEngine(engine, `that ${description}`, () => {
    const place = placeOn(engine);

    test(
      `is found out within ${SPOILT_RUNS} runs`,
      async () => {
        const stage = { engine: await place.describe(), hasUsers: engine.hasUsers, hasCopies: false, spoil };
        const { bad } = await playRuns(processes, stage, { runs: SPOILT_RUNS, seed });
        const found = new Set(bad.flatMap(({ findings }) => Object.keys(findings)));
        expect(
          kinds.some((kind) => found.has(kind)),
          [...found].join(),
        ).toBe(true);
      },
      TIMEOUT,
    );
  });
});

function hasCopies({ name }: Engine): boolean {
  return name === "PostgreSQL behind Redis";
}

/** Runs in which a kind of operation never came about, or nothing got into another one's way, show nothing. */
function expectEverythingToHappen({ hasUsers, endsEarly = false }: Engine, { tally }: RunsReport): void {
  const kinds = ["read", "set", "append", "update", "cycleKey", "login", "logout", "renew", "sweep"];
  const others = [...(hasUsers ? ["revoke", "revokeUser"] : []), ...(endsEarly ? [] : ["expire"])];
  for (const kind of [...kinds, ...others]) expect(tally[`${kind} ok`], kind).toBeGreaterThan(0);
  for (const kind of ["set", "append", "update"])
    expect(tally[`${kind} interrupted`], kind).toBeGreaterThan(0);
  expect(tally["read absent"]).toBeGreaterThan(0);
}

/** A soak says what it has seen. */
function tell({ name }: Engine, { operations, tally, bad }: RunsReport, time: number): void {
  process.stdout.write(
    `${name}: ${RUNS} runs, ${operations} operations in ${Math.round(time / 1000)} s, ${bad.length} bad; ${JSON.stringify(tally)}\n`,
  );
}
